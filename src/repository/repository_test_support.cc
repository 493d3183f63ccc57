#include "repository/repository_test_support.h"

#include "repository/tree_references.h"
#include "storage/file_object_store.h"
#include "storage/memory_object_store.h"

namespace salvor::repository::testing {

Fixture::Fixture(std::uint64_t seed) : clock(*base::parse_rfc3339("2026-11-22T12:00:00Z")), random(seed) {}

Environment Fixture::environment() {
  return {.clock = clock,
          .random = random,
          .logger = {},
          .connections = 3,
          .threads = 2,
          .key_derivation = codec::ScryptParameters{.n = 1024, .r = 8, .p = 1}};
}

std::unique_ptr<Repository> Fixture::create(std::shared_ptr<storage::ObjectStore> store, int version,
                                            OpenOptions options) {
  Repository::init(*store, kPassword, environment(), version);
  return open(std::move(store), options);
}

std::unique_ptr<Repository> Fixture::open(std::shared_ptr<storage::ObjectStore> store, OpenOptions options) {
  auto repository = open_unindexed(std::move(store), options);
  repository->load_index();
  return repository;
}

std::unique_ptr<Repository> Fixture::open_unindexed(std::shared_ptr<storage::ObjectStore> store,
                                                    OpenOptions options) {
  return Repository::open(std::move(store), kPassword, environment(), options);
}

std::shared_ptr<storage::ObjectStore> Fixture::memory_store() {
  return storage::make_memory_object_store(clock);
}

std::shared_ptr<storage::ObjectStore> Fixture::directory_store(const std::filesystem::path& directory) {
  return storage::make_file_object_store(directory, {.sync = false, .create = true});
}

std::string tree_json(const std::vector<TestFile>& files,
                      const std::vector<std::pair<std::string, BlobId>>& dirs) {
  constexpr const char* kTimes =
      R"("mtime":"2026-11-22T12:00:00Z","atime":"2026-11-22T12:00:00Z","ctime":"2026-11-22T12:00:00Z","uid":0,"gid":0)";
  std::map<std::string, std::string> nodes;
  for (const TestFile& file : files) {
    std::string ids;
    for (const BlobId& id : file.content) ids += (ids.empty() ? "\"" : ",\"") + id.hex() + "\"";
    nodes[file.name] =
        fmt::format(R"({{"name":"{}","type":"file","mode":420,{},"size":{},"links":1,"content":[{}]}})",
                    file.name, kTimes, file.size, ids);
  }
  for (const auto& [name, subtree] : dirs) {
    nodes[name] =
        fmt::format(R"({{"name":"{}","type":"dir","mode":2147484141,{},"content":null,"subtree":"{}"}})",
                    name, kTimes, subtree.hex());
  }
  std::string json;
  for (const auto& [name, node] : nodes) json += (json.empty() ? "" : ",") + node;
  return R"({"nodes":[)" + json + "]}\n";
}

BlobId save_data(Repository& repository, std::string_view data) {
  return repository.save_blob(BlobType::kData, data).id;
}

BlobId save_tree(Repository& repository, const std::vector<TestFile>& files,
                 const std::vector<std::pair<std::string, BlobId>>& dirs) {
  return repository.save_blob(BlobType::kTree, tree_json(files, dirs)).id;
}

SnapshotId save_simple_snapshot(Repository& repository, const std::string& data, const std::string& time,
                                const std::string& file) {
  const BlobId content = save_data(repository, data);
  const BlobId below = save_tree(repository, {{file, {content}, data.size()}});
  Snapshot snapshot;
  snapshot.tree = save_tree(repository, {}, {{"home", below}});
  repository.flush();
  snapshot.time = time;
  snapshot.paths = {"/home"};
  snapshot.hostname = "host";
  return repository.save_snapshot(snapshot);
}

bool restic_installed() {
  static const bool installed = [] {
    try {
      return base::run_process({"restic", "version"}).exit_code == 0;
    } catch (const base::Error&) {
      return false;
    }
  }();
  return installed;
}

base::ProcessResult restic(const std::filesystem::path& repository, std::vector<std::string> arguments) {
  std::vector<std::string> argv{"restic", "--no-cache", "-r", repository.string()};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  return base::run_process(argv, {.environment = {{"RESTIC_PASSWORD", kPassword}, {"HOME", "/nonexistent"}},
                                  .directory = {},
                                  .output = {},
                                  .input = {}});
}

void flip_bit(storage::ObjectStore& store, const std::string& key, size_t at) {
  std::string data = store.get(key);
  data.at(at) = static_cast<char>(data.at(at) ^ 1);
  store.put(key, data);
}

std::vector<std::string> keys_below(storage::ObjectStore& store, const std::string& prefix) {
  std::vector<std::string> keys;
  storage::for_each_object(store, prefix, {},
                           [&](const storage::ObjectInfo& object) { keys.push_back(object.key); });
  return keys;
}

std::map<std::string, std::string> snapshot_of(storage::ObjectStore& store) {
  std::map<std::string, std::string> objects;
  for (const std::string& key : keys_below(store, "")) objects.emplace(key, store.get(key));
  return objects;
}

void reset_to(storage::ObjectStore& store, const std::map<std::string, std::string>& objects) {
  for (const std::string& key : keys_below(store, "")) {
    if (!objects.contains(key)) store.remove(key);
  }
  for (const auto& [key, data] : objects) store.put(key, data);
}

std::string content_of(Repository& repository, const BlobId& tree) {
  std::vector<BlobId> level{tree};
  std::string content;
  while (!level.empty()) {
    std::vector<BlobId> next;
    for (const BlobId& id : level) {
      scan_tree(repository.load_blob({BlobType::kTree, id}),
                {.on_content =
                     [&](const BlobId& blob) {
                       content += repository.load_blob({BlobType::kData, blob});
                     },
                 .on_subtree = [&](const BlobId& below) { next.push_back(below); },
                 .on_problem = {}});
    }
    level = next;
  }
  return content;
}

}  // namespace salvor::repository::testing
