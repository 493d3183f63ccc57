// What this machine does on one core, as JSON: the measure that bench/restic/run compares its rows with.
//   salvor_rates PLACE NAME=DIRECTORY...
// Bytes per second of hashing, cutting, sealing and opening, of writing to PLACE with and without making it
// durable, and for each data set (whose first bytes are taken) of reading, compressing and decompressing it,
// and the seconds that one of its files takes to be looked at and to be opened. Each figure is the best of
// several tries.
#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "base/buffer.h"
#include "base/error.h"
#include "base/file.h"
#include "base/random.h"
#include "codec/scrypt.h"
#include "codec/seal.h"
#include "codec/sha256.h"
#include "codec/zstd.h"
#include "repository/chunker.h"
#include "repository/compression_choice.h"

namespace salvor {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kSample = 24 * 1024 * 1024;  // of a data set
constexpr std::size_t kPiece = 1024 * 1024;        // as long as a chunk is in the mean
constexpr std::size_t kMostFiles = 4000;
constexpr int kTries = 5;

double best_seconds(const std::function<void()>& work) {
  double best = 1e9;
  for (int i = 0; i < kTries; ++i) {
    const auto start = std::chrono::steady_clock::now();
    work();
    best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  return best;
}

double bytes_per_second(std::size_t bytes, const std::function<void()>& work) {
  return static_cast<double>(bytes) / best_seconds(work);
}

std::vector<std::string> files_below(const fs::path& directory) {
  std::vector<std::string> files;
  for (const auto& entry : fs::recursive_directory_iterator(directory)) {
    if (entry.is_regular_file() && files.size() < kMostFiles) files.push_back(entry.path().string());
  }
  return files;
}

// Blobs as a backup of these files would have them, up to the sample's size.
std::vector<std::string> read_blobs(const std::vector<std::string>& files) {
  std::vector<std::string> blobs;
  std::size_t total = 0;
  for (const std::string& file : files) {
    const base::Fd fd(open(file.c_str(), O_RDONLY | O_CLOEXEC));
    while (total < kSample) {
      std::string blob(kPiece, '\0');
      const ssize_t got = read(fd.get(), blob.data(), blob.size());
      if (got <= 0) break;
      blob.resize(static_cast<std::size_t>(got));
      total += blob.size();
      blobs.push_back(std::move(blob));
    }
  }
  return blobs;
}

void print_codecs() {
  base::SeededRandom random(1);
  const std::string piece = random.bytes(kPiece), other = random.bytes(kPiece);
  codec::SealKey key;
  random.fill(reinterpret_cast<char*>(key.encrypt.data()), key.encrypt.size());
  const std::string iv = random.bytes(codec::kSealIvSize), sealed = codec::seal(key, iv, piece);
  base::Buffer buffer;
  buffer.resize(sealed.size());
  const repository::Chunker chunker(0x3DA3358B4DC173);
  constexpr int kTimes = 32;
  const auto rate = [&](std::size_t bytes, const std::function<void()>& once) {
    return bytes_per_second(kTimes * bytes, [&] {
      for (int i = 0; i < kTimes; ++i) once();
    });
  };
  std::vector<repository::CutRun> runs;
  fmt::print("  \"cut\": {:.4g},\n", rate(kPiece, [&] { chunker.find_candidates(piece, 64, runs); }));
  fmt::print("  \"sha256\": {:.4g},\n", rate(kPiece, [&] { codec::sha256(piece); }));
  fmt::print("  \"sha256_pair\": {:.4g},\n", rate(2 * kPiece, [&] { codec::sha256_pair(piece, other); }));
  fmt::print("  \"seal\": {:.4g},\n", rate(kPiece, [&] { codec::seal_in_place(key, iv, buffer.span()); }));
  fmt::print("  \"open\": {:.4g},\n", rate(kPiece, [&] {
               if (!codec::unseal_pieces(key, sealed, [](std::string_view) { return true; })) std::abort();
             }));
  const double key_seconds =
      best_seconds([&] { codec::scrypt("bench", std::string(64, 's'), codec::kNewKeyParameters, 64); });
  fmt::print("  \"key_seconds\": {:.4g},\n", key_seconds);
}

void print_place(const fs::path& place) {
  base::SeededRandom random(2);
  const std::string piece = random.bytes(kPiece);
  const fs::path file = place / ".salvor-rates";
  const auto write = [&](bool durable) {
    constexpr int kTimes = 64;
    return bytes_per_second(kTimes * kPiece, [&] {
      const base::Fd fd(open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
      for (int i = 0; i < kTimes; ++i) base::write_all(fd.get(), piece, file.string());
      if (durable && fsync(fd.get()) != 0) throw base::system_error(errno, "sync");
      unlink(file.c_str());
    });
  };
  fmt::print("  \"write\": {:.4g},\n  \"write_durable\": {:.4g},\n", write(false), write(true));
}

void print_data(const std::string& name, const fs::path& directory) {
  const std::vector<std::string> files = files_below(directory);
  const std::vector<std::string> blobs = read_blobs(files);
  std::size_t total = 0;
  for (const std::string& blob : blobs) total += blob.size();
  repository::CompressionChoice choice(repository::Compression::kAuto);
  std::vector<std::string> frames;
  std::vector<std::optional<codec::ZstdEffort>> efforts;
  base::Buffer frame;
  for (const std::string& blob : blobs) efforts.push_back(choice.choose(false, blob));
  const auto compress = [&](bool keep) {
    for (std::size_t i = 0; i < blobs.size(); ++i) {
      if (!efforts[i]) continue;
      frame.resize(codec::zstd_bound(blobs[i].size()));
      const std::size_t size = codec::zstd_compress(blobs[i], *efforts[i], frame.data());
      if (keep) frames.emplace_back(frame.data(), size);
    }
  };
  compress(true);
  std::string back;
  const auto decompress = [&] {
    for (std::size_t i = 0, at = 0; i < blobs.size(); ++i) {
      if (efforts[i]) codec::zstd_decompress(frames[at++], blobs[i].size(), back);
    }
  };
  const auto look = [&] {
    struct stat status {};
    char list[256];
    for (const std::string& file : files) {
      lstat(file.c_str(), &status);
      (void)!llistxattr(file.c_str(), list, sizeof list);
    }
  };
  const auto open_and_close = [&] {
    for (const std::string& file : files) close(open(file.c_str(), O_RDONLY | O_CLOEXEC));
  };
  const auto read_all = [&] {
    frame.resize(256 * 1024);
    for (const std::string& file : files) {
      const base::Fd fd(open(file.c_str(), O_RDONLY | O_CLOEXEC));
      std::size_t left = kSample;
      while (left > 0) {
        const ssize_t got = read(fd.get(), frame.data(), std::min(left, frame.size()));
        if (got <= 0) break;
        left -= static_cast<std::size_t>(got);
      }
    }
  };
  std::size_t readable = 0;
  for (const std::string& file : files) readable += std::min<std::size_t>(kSample, fs::file_size(file));
  const auto count = static_cast<double>(files.size());
  fmt::print(
      "  \"{}\": {{\"compress\": {:.4g}, \"decompress\": {:.4g}, \"read\": {:.4g}, \"look_seconds\": {:.4g}, "
      "\"open_seconds\": {:.4g}}},\n",
      name, bytes_per_second(total, [&] { compress(false); }), bytes_per_second(total, decompress),
      bytes_per_second(readable, read_all), best_seconds(look) / count, best_seconds(open_and_close) / count);
}

int run(int argc, char** argv) {
  if (argc < 2) {
    fmt::print(stderr, "usage: salvor_rates PLACE NAME=DIRECTORY...\n");
    return 2;
  }
  fmt::print("{{\n");
  print_codecs();
  print_place(argv[1]);
  for (int i = 2; i < argc; ++i) {
    const std::string argument = argv[i];
    const std::size_t equals = argument.find('=');
    print_data(argument.substr(0, equals), argument.substr(equals + 1));
  }
  fmt::print("  \"place\": \"{}\"\n}}\n", argv[1]);
  return 0;
}

}  // namespace
}  // namespace salvor

int main(int argc, char** argv) {
  try {
    return salvor::run(argc, argv);
  } catch (const std::exception& error) {
    fmt::print(stderr, "salvor_rates: {}\n", error.what());
    return 1;
  }
}
