#include "repository/repair_packs.h"

#include <algorithm>
#include <optional>
#include <unordered_map>

#include "base/error.h"
#include "repository/index_rewrite.h"
#include "repository/layout.h"

namespace salvor::repository {
namespace {

using base::ErrorCode;

class Salvage {
 public:
  Salvage(Repository& repository, const base::CancelToken& cancel, const RepairPacksObserver& observer)
      : repository_(repository), cancel_(cancel), observer_(observer) {}

  RepairPacksReport run(const std::vector<PackId>& packs) {
    progress("loading indexes", 0, 0);
    repository_.load_index(cancel_);
    repository_.mutable_index().settle();
    const PackSet damaged(packs.begin(), packs.end());
    const IndexChange change{.gone = damaged, .revived = {}, .added = {}};
    const auto obsolete = obsolete_index_files(repository_.index(), change);
    {
      const BlobIndex::Hold hold(repository_.mutable_index());
      const PackContents contents(repository_.index());
      save_readable(contents, damaged);
      save_changed_index(repository_, contents, obsolete, change, cancel_,
                         [&](std::uint64_t done) { progress("rebuilding index", done, obsolete.size()); });
    }
    remove_index_files(repository_, obsolete, cancel_);
    std::uint64_t done = 0;
    for (const PackId& pack : damaged) {
      repository_.remove_file(FileKind::kPack, pack.hex(), cancel_);
      progress("removing salvaged pack files", ++done, damaged.size());
    }
    repository_.load_index(cancel_);
    find_lost();
    return std::move(report_);
  }

 private:
  // A pack as far as the store gives it.
  struct Bytes {
    std::string all;
    bool whole = false;  // else blobs are asked for one by one
  };

  void progress(std::string_view phase, std::uint64_t done, std::uint64_t total) {
    if (observer_.on_progress) observer_.on_progress(std::string(phase), done, total);
  }
  void finding(const std::string& text) {
    if (observer_.on_finding) observer_.on_finding(text);
  }

  void save_readable(const PackContents& contents, const PackSet& damaged) {
    std::unordered_map<PackId, std::uint32_t> numbers;
    const auto& packs = repository_.index().packs();
    for (std::uint32_t number = 0; number < packs.size(); ++number) {
      if (damaged.contains(packs[number])) numbers.emplace(packs[number], number);
    }
    std::uint64_t done = 0;
    for (const PackId& pack : damaged) {
      cancel_.check();
      const auto number = numbers.find(pack);
      save_pack(pack,
                number == numbers.end() ? std::vector<PackEntry>{} : contents.entries_of(number->second));
      progress("salvaging intact data from specified pack files", ++done, damaged.size());
    }
    repository_.flush(cancel_);
  }

  void save_pack(const PackId& pack, std::vector<PackEntry> entries) {
    const std::string name = pack.hex();
    const std::optional<Bytes> bytes = load(pack);
    if (!bytes) {
      if (entries.empty())
        base::fail(ErrorCode::kNotFound, "pack {} is neither stored nor in the index", name);
      finding(fmt::format("pack {} is missing, it is only taken out of the index", name));
      report_.missing.push_back(pack);
    } else {
      if (observer_.on_pack) observer_.on_pack(pack, bytes->all);
      add_from_header(bytes->all, name, entries);
      if (entries.empty()) finding(fmt::format("no blobs found for pack {}", name));
    }
    for (const PackEntry& entry : entries) {
      wanted_.push_back(entry.handle);
      if (bytes && !saved_.contains(entry.handle)) save_blob(pack, entry, *bytes);
    }
  }

  std::optional<Bytes> load(const PackId& pack) {
    const std::string key = object_key(FileKind::kPack, pack.hex());
    try {
      return Bytes{repository_.store().get(key, cancel_), true};
    } catch (const base::Error& error) {
      if (error.code() == ErrorCode::kNotFound) return std::nullopt;
      if (error.code() == ErrorCode::kCancelled) throw;
      finding(fmt::format("pack {}: {}", pack.hex(), error.message()));
      return Bytes{};
    }
  }

  // What the pack itself says it holds, as far as that is readable: the index may know less.
  void add_from_header(std::string_view bytes, const std::string& name, std::vector<PackEntry>& entries) {
    try {
      for (const PackEntry& entry : read_pack_entries(bytes, repository_.master_key(), name)) {
        const bool known = std::any_of(entries.begin(), entries.end(), [&](const PackEntry& other) {
          return other.handle == entry.handle && other.offset == entry.offset;
        });
        if (!known) entries.push_back(entry);
      }
    } catch (const base::Error& error) {
      finding(error.message());
    }
  }

  void save_blob(const PackId& pack, const PackEntry& entry, const Bytes& bytes) {
    const std::optional<std::string> plaintext = open_blob(pack, entry, bytes);
    if (!plaintext) return;
    repository_.save_blob_again(entry.handle, *plaintext, cancel_);
    saved_.insert(entry.handle);
    ++report_.saved_blobs;
  }

  std::optional<std::string> open_blob(const PackId& pack, const PackEntry& entry, const Bytes& bytes) {
    try {
      std::string read;
      std::string_view sealed;
      if (!bytes.whole) {
        read = repository_.store().get_range(object_key(FileKind::kPack, pack.hex()), entry.offset,
                                             entry.length, cancel_);
        sealed = read;
      } else if (entry.offset < bytes.all.size()) {
        sealed = std::string_view(bytes.all).substr(entry.offset, entry.length);
      }
      return repository_.open_blob(entry.handle,
                                   {pack, entry.offset, entry.length, entry.uncompressed_length}, sealed);
    } catch (const base::Error& error) {
      if (error.code() == ErrorCode::kCancelled) throw;
      finding(error.message());
      return std::nullopt;
    }
  }

  void find_lost() {
    std::sort(wanted_.begin(), wanted_.end());
    wanted_.erase(std::unique(wanted_.begin(), wanted_.end()), wanted_.end());
    for (const BlobHandle& blob : wanted_) {
      if (!repository_.has_blob(blob)) report_.lost.push_back(blob);
    }
  }

  Repository& repository_;
  const base::CancelToken cancel_;
  const RepairPacksObserver& observer_;
  RepairPacksReport report_;
  std::unordered_set<BlobHandle> saved_;
  std::vector<BlobHandle> wanted_;
};

}  // namespace

RepairPacksReport repair_packs(Repository& repository, const std::vector<PackId>& packs,
                               const base::CancelToken& cancel, const RepairPacksObserver& observer) {
  return Salvage(repository, cancel, observer).run(packs);
}

}  // namespace salvor::repository
