// Randomness as a parameter: production passes SystemRandom (getrandom), tests a seeded one. Thread-safe.
#pragma once

#include <cstdint>
#include <mutex>
#include <random>
#include <string>

namespace salvor::base {

class Random {
 public:
  virtual ~Random() = default;
  virtual void fill(char* buffer, size_t size) = 0;

  std::uint64_t next();
  std::string bytes(size_t size);
  // RFC 4122 version 4, lower case.
  std::string uuid();
  // Lower-case letters and digits that Kubernetes uses for generateName suffixes (no vowels, no 0 1 3).
  std::string name_suffix(size_t length = 5);
};

class SystemRandom final : public Random {
 public:
  void fill(char* buffer, size_t size) override;
};

class SeededRandom final : public Random {
 public:
  explicit SeededRandom(std::uint64_t seed) : engine_(seed) {}
  void fill(char* buffer, size_t size) override;

 private:
  std::mutex mutex_;
  std::mt19937_64 engine_;  // guarded by mutex_
};

}  // namespace salvor::base
