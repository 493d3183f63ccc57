// What bench/kube/run needs done as fast as plain connections can: makes objects, or lists them.
//   salvor_bench_objects create KUBECONFIG configmaps|secrets|pods NAMESPACE COUNT CONNECTIONS
//   salvor_bench_objects list KUBECONFIG configmaps|secrets|pods NAMESPACE
// Prints one line of JSON: {"objects": N, "seconds": S, "bytes": B}. Answers are not parsed.
#include <atomic>
#include <cstdio>
#include <thread>

#include "codec/json.h"
#include "kube/client.h"

namespace {

using namespace salvor;
using Clock = std::chrono::steady_clock;

std::string object_of(const std::string& kind, const std::string& name) {
  // Sizes as of a usual cluster: about 1 KiB as served.
  const std::string metadata = fmt::format(
      R"("metadata":{{"name":"{}","labels":{{"app":"bench","app.kubernetes.io/part-of":"bench"}},)"
      R"("annotations":{{"example.com/note":"{}"}}}})",
      name, std::string(64, 'n'));
  if (kind == "configmaps")
    return fmt::format(R"({{"apiVersion":"v1","kind":"ConfigMap",{},"data":{{"value":"{}"}}}})", metadata,
                       std::string(256, 'x'));
  if (kind == "secrets")
    return fmt::format(R"({{"apiVersion":"v1","kind":"Secret",{},"type":"Opaque","data":{{"value":"{}"}}}})",
                       metadata, std::string(256, 'A'));
  // A scheduler that does not exist: the pods stay as they are.
  return fmt::format(R"({{"apiVersion":"v1","kind":"Pod",{},"spec":{{"schedulerName":"none","containers":)"
                     R"([{{"name":"main","image":"busybox:1.36","command":["sleep","1000"]}}]}}}})",
                     metadata);
}

int create(kube::Client& client, const std::string& kind, const std::string& name_space, int count,
           int connections) {
  std::atomic<int> next = 0, failed = 0;
  std::atomic<size_t> bytes = 0;
  const auto path = kube::collection_path({"", "v1", kind}, name_space);
  const auto start = Clock::now();
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < connections; ++i) {
      threads.emplace_back([&] {
        for (int number = next++; number < count; number = next++) {
          const auto body = object_of(kind, fmt::format("{}-{:06}", kind, number));
          try {
            bytes += client.raw("POST", path, body).size();
          } catch (const base::Error& error) {
            if (failed++ == 0) std::fprintf(stderr, "%s\n", error.what());
          }
        }
      });
    }
  }
  const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
  std::printf("{\"objects\": %d, \"seconds\": %.3f, \"bytes\": %zu}\n", count - failed, seconds,
              bytes.load());
  return failed == 0 ? 0 : 1;
}

int list(kube::Client& client, const std::string& kind, const std::string& name_space) {
  size_t objects = 0, bytes = 0;
  const auto start = Clock::now();
  client.list_raw({"", "v1", kind}, name_space, {}, [&](std::string_view raw) {
    ++objects;
    bytes += raw.size();
  });
  const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
  std::printf("{\"objects\": %zu, \"seconds\": %.3f, \"bytes\": %zu}\n", objects, seconds, bytes);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv, argv + argc);
  try {
    if (words.size() < 5)
      base::fail(base::ErrorCode::kInvalidArgument, "see the head of bench/kube/objects.cc");
    kube::Client client(kube::load_connection({.path = words[2], .context = ""}));
    if (words[1] == "create" && words.size() == 7)
      return create(client, words[3], words[4], std::stoi(words[5]), std::stoi(words[6]));
    if (words[1] == "list") return list(client, words[3], words[4]);
    base::fail(base::ErrorCode::kInvalidArgument, "create or list?");
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 2;
  }
}
