#include "cli/bucket_test_support.h"

#include "codec/gzip.h"
#include "codec/tar.h"
#include "kube/object.h"
#include "storage/file_object_store.h"
#include "velero/bucket_layout.h"
#include "velero/constants.h"

namespace salvor::cli {

using codec::Json;

TestBucket::TestBucket()
    : store_([this] {
        std::filesystem::create_directories(directory_.path() / "velero");
        return std::shared_ptr(storage::make_file_object_store(directory_.path() / "velero"));
      }()) {}

void TestBucket::put(const std::string& name, const std::string& started, const Objects& objects,
                     bool without_list) {
  velero::Backup backup;
  backup.metadata = velero::ObjectMeta("velero", name);
  backup.spec.storage_location = "default";
  backup.spec.included_namespaces = {"*"};
  backup.status.phase = velero::phase::kCompleted;
  backup.status.start_timestamp = base::parse_rfc3339(started);
  auto writer = store_.start_backup(name);
  codec::GzipSink gzip(writer.contents());
  codec::TarWriter tar(gzip);
  tar.add_file("metadata/version", "1.1.0\n", {});
  velero::ResourceList list;
  for (const auto& [group_resource, object] : objects) {
    const std::string name_space = kube::namespace_of(object);
    const std::string scope = name_space.empty() ? "cluster" : "namespaces/" + name_space;
    for (const char* directory : {"/", "/v1-preferredversion/"})
      tar.add_file("resources/" + group_resource + directory + scope + "/" + kube::name_of(object) + ".json",
                   codec::to_json(object), {});
    list.add(codec::get_string(object, {"apiVersion"}), codec::get_string(object, {"kind"}), name_space,
             kube::name_of(object));
  }
  tar.finish();
  gzip.finish();
  if (!without_list) {
    base::StringSink text;
    list.write_json(text);
    writer.put(velero::backup_key::resource_list(name), codec::gzip(text.data()));
  }
  writer.finish(backup);
}

void TestBucket::damage(const std::string& name) {
  const std::string key = velero::backup_key::contents(name);
  std::string packed = store_.store().get(key);
  packed[packed.size() / 2] = static_cast<char>(packed[packed.size() / 2] ^ 0x55);
  store_.store().put(key, packed);
}

Json object_of(const std::string& api_version, const std::string& kind, const std::string& name_space,
               const std::string& name) {
  Json object{{"apiVersion", api_version}, {"kind", kind}, {"metadata", {{"name", name}}}};
  if (!name_space.empty()) object["metadata"]["namespace"] = name_space;
  return object;
}

}  // namespace salvor::cli
