#include "archive/snapshot_dump.h"

#include <sys/sysmacros.h>

#include "archive/content_stream.h"
#include "archive/go_text.h"
#include "archive/tree.h"
#include "archive/tree_visit.h"
#include "base/error.h"
#include "codec/tar.h"
#include "codec/zip.h"

namespace salvor::archive {
namespace {

char tar_type(NodeType type) {
  switch (type) {
    case NodeType::kDirectory:
      return '5';
    case NodeType::kSymlink:
      return '2';
    case NodeType::kDevice:
      return '4';
    case NodeType::kCharDevice:
      return '3';
    case NodeType::kFifo:
      return '6';
    default:
      return '0';
  }
}

// The size that the blobs have, which is what will come, whatever the node says.
std::uint64_t content_size(const repository::Repository& repository, const Node& node) {
  std::uint64_t size = 0;
  for (const auto& id : node.content) {
    const auto length = repository.blob_size({repository::BlobType::kData, id});
    if (!length) base::fail(base::ErrorCode::kCorrupt, "blob {} is not in the repository", id.hex());
    size += *length;
  }
  return size;
}

class Dump {
 public:
  Dump(repository::Repository& repository, const base::CancelToken& cancel)
      : repository_(repository), content_(repository, cancel) {}

  void add_to_tar(codec::TarWriter& tar, const std::string& name, const Node& node) {
    codec::TarHeader header;
    header.name = name + (node.type == NodeType::kDirectory ? "/" : "");
    header.type = tar_type(node.type);
    header.size = content_size(repository_, node);
    header.mode = to_chmod_bits(node.mode);
    header.uid = node.uid;
    header.gid = node.gid;
    header.user = node.user;
    header.group = node.group;
    header.modified = node.mtime.seconds;
    header.link_target = node.link_target;
    header.device_major = major(node.device);
    header.device_minor = minor(node.device);
    for (const auto& attribute : node.extended_attributes) {
      header.extended_attributes.emplace_back(attribute.name, attribute.value);
    }
    tar.add_entry(header);
    base::FunctionSink sink([&tar](std::string_view data) { tar.write_content(data); });
    content_.copy(node.content, sink);
  }

  void add_to_zip(codec::ZipWriter& zip, const std::string& name, const Node& node) {
    const bool file = node.type == NodeType::kFile;
    zip.begin({.name = name + (node.type == NodeType::kDirectory ? "/" : ""),
               .mode = file_type_bits(node.type) | to_chmod_bits(node.mode),
               .modified = node.mtime.seconds,
               .size_hint = content_size(repository_, node),
               .deflate = file && !node.content.empty(),
               .utf8_name = is_valid_utf8(name)});
    base::FunctionSink sink([&zip](std::string_view data) { zip.write(data); });
    if (file) content_.copy(node.content, sink);
    if (node.type == NodeType::kSymlink) zip.write(node.link_target);
    zip.end();
  }

  template <typename Add>
  void walk(const repository::BlobId& tree, const std::string& prefix, const base::CancelToken& cancel,
            const Add& add) {
    const auto visit = [&](const std::string& path, const Node& node) {
      if (!is_safe_name(node.name)) {
        base::fail(base::ErrorCode::kCorrupt,
                   "\"{}\": not a name for a file; nothing is dumped from there on", go_quote(node.name));
      }
      if (node.type != NodeType::kSocket && node.type != NodeType::kIrregular) add(path.substr(1), node);
      return true;
    };
    visit_tree(repository_, tree, visit, cancel, prefix.empty() ? "" : "/" + prefix);
  }

 private:
  repository::Repository& repository_;
  ContentStream content_;
};

}  // namespace

void dump_directory(repository::Repository& repository, const repository::BlobId& tree,
                    const std::string& prefix, DumpFormat format, base::Sink& to,
                    const base::CancelToken& cancel) {
  Dump dump(repository, cancel);
  if (format == DumpFormat::kTar) {
    codec::TarWriter tar(to);
    dump.walk(tree, prefix, cancel,
              [&](const std::string& name, const Node& node) { dump.add_to_tar(tar, name, node); });
    tar.finish();
  } else {
    codec::ZipWriter zip(to);
    dump.walk(tree, prefix, cancel,
              [&](const std::string& name, const Node& node) { dump.add_to_zip(zip, name, node); });
    zip.finish();
  }
}

}  // namespace salvor::archive
