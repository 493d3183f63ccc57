#include "repository/repair_index.h"

#include <algorithm>
#include <optional>
#include <unordered_map>

#include "base/error.h"
#include "base/thread_pool.h"
#include "repository/in_flight.h"
#include "repository/index_rewrite.h"
#include "repository/pack_header.h"

namespace salvor::repository {
namespace {

using base::ErrorCode;

class Repair {
 public:
  Repair(Repository& repository, const RepairIndexOptions& options, const base::CancelToken& cancel,
         const RepairIndexObserver& observer)
      : repository_(repository), options_(options), cancel_(cancel), observer_(observer) {}

  RepairIndexReport run() {
    load_index();
    const PackContents contents(repository_.index());
    compare_with_store(contents);
    read_headers();
    if (needs_writing()) write(contents);
    repository_.load_index(cancel_);
    return std::move(report_);
  }

 private:
  struct StoredPack {
    PackId id;
    std::uint64_t size;
  };
  struct Header {
    PackId id;
    std::vector<PackEntry> entries;
    std::optional<base::Error> error;
  };

  void progress(std::string_view phase, std::uint64_t done, std::uint64_t total) {
    if (observer_.on_progress) observer_.on_progress({std::string(phase), done, total});
  }
  template <typename... Args>
  void finding(fmt::format_string<Args...> format, Args&&... args) {
    if (observer_.on_finding) observer_.on_finding(fmt::format(format, std::forward<Args>(args)...));
  }

  void load_index() {
    progress("loading indexes", 0, 0);
    repository_.load_index_tolerantly(
        [&](const std::string& file, const base::Error& error) {
          finding("{}", error.message());
          report_.damaged_files.push_back(file);
        },
        cancel_);
    repository_.mutable_index().settle();
  }

  void compare_with_store(const PackContents& contents) {
    progress("getting pack files to read", 0, 0);
    std::unordered_map<PackId, std::uint64_t> stored;
    for (const StoredFile& file : repository_.list_files(FileKind::kPack, cancel_)) {
      stored.emplace(*PackId::from_hex(file.name), file.size);
    }
    const auto& packs = repository_.index().packs();
    for (std::uint32_t number = 0; number < packs.size(); ++number) {
      const PackId& id = packs[number];
      const auto found = stored.find(id);
      if (found == stored.end()) {
        finding("removing not found pack file {}", id.hex());
        report_.removed.push_back(id);
        change_.gone.insert(id);
        continue;
      }
      const std::uint64_t size = found->second;
      stored.erase(found);
      if (!options_.read_all_packs && agrees(id, contents.entries_of(number), size)) continue;
      report_.reread.push_back(id);
      change_.gone.insert(id);
      to_read_.push_back({id, size});
    }
    for (const auto& [id, size] : stored) {
      finding("adding pack file to index {}", id.hex());
      report_.added.push_back(id);
      to_read_.push_back({id, size});
    }
  }

  bool agrees(const PackId& id, const std::vector<PackEntry>& entries, std::uint64_t size) {
    std::uint64_t end = 0;
    bool fits = !entries.empty();
    for (const PackEntry& entry : entries) {
      fits = fits && entry.offset == end;
      end = std::uint64_t{entry.offset} + entry.length;
    }
    const std::uint64_t expected = end + header_overhead(entries);
    if (!fits) {
      finding("reindexing pack file {}, whose blobs overlap or leave gaps in the index", id.hex());
    } else if (expected != size) {
      finding("reindexing pack file {} with unexpected size {} instead of {}", id.hex(), size, expected);
    }
    return fits && expected == size;
  }

  void read_headers() {
    if (to_read_.empty()) return;
    base::ThreadPool pool(std::max(2U, repository_.environment().connections));
    std::uint64_t done = 0;
    InFlight<Header> reads(2 * pool.size(), [&](Header header) {
      progress("reading pack files", ++done, to_read_.size());
      if (!header.error) {
        change_.added.emplace_back(header.id, std::move(header.entries));
        return;
      }
      finding("{}", header.error->message());
      report_.unreadable.push_back(header.error->message());
    });
    for (const StoredPack& pack : to_read_) {
      cancel_.check();
      reads.add(pool.submit([this, pack] { return read_header(pack); }));
    }
    reads.finish();
  }

  Header read_header(const StoredPack& pack) {
    Header header{.id = pack.id, .entries = {}, .error = std::nullopt};
    try {
      header.entries = load_pack_header(repository_, pack.id, pack.size, cancel_);
    } catch (const base::Error& error) {
      // Any other failure is the store's: leaving the pack out because of it would lose its blobs.
      if (error.code() != ErrorCode::kCorrupt && error.code() != ErrorCode::kNotFound) throw;
      header.error = error;
    }
    return header;
  }

  bool needs_writing() const {
    if (!change_.gone.empty() || !change_.added.empty() || !report_.damaged_files.empty()) return true;
    const auto obsolete = obsolete_index_files(repository_.index(), change_);
    // A single small file is what a sound repository has.
    return obsolete.size() > 1;
  }

  void write(const PackContents& contents) {
    const auto obsolete = options_.read_all_packs ? repository_.index().files()
                                                  : obsolete_index_files(repository_.index(), change_);
    save_changed_index(repository_, contents, obsolete, change_, cancel_,
                       [&](std::uint64_t done) { progress("rebuilding index", done, obsolete.size()); });
    remove_index_files(repository_, obsolete, cancel_);
    for (const std::string& file : report_.damaged_files) {
      repository_.remove_file(FileKind::kIndex, file, cancel_);
    }
    report_.replaced_files = obsolete.size() + report_.damaged_files.size();
    progress("deleting old indexes", report_.replaced_files, report_.replaced_files);
  }

  Repository& repository_;
  const RepairIndexOptions& options_;
  const base::CancelToken cancel_;
  const RepairIndexObserver& observer_;
  RepairIndexReport report_;
  IndexChange change_;
  std::vector<StoredPack> to_read_;
};

}  // namespace

RepairIndexReport repair_index(Repository& repository, const RepairIndexOptions& options,
                               const base::CancelToken& cancel, const RepairIndexObserver& observer) {
  return Repair(repository, options, cancel, observer).run();
}

}  // namespace salvor::repository
