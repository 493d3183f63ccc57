// The readers of foreign bytes, as fuzzers call them: each takes any input and refuses what is damaged with
// base::Error. Anything else that leaves a target, a `require` that fails included, is a bug of the reader.
// One thread.
#pragma once

#include <span>
#include <stdexcept>
#include <string_view>

namespace salvor::fuzz {

struct Target {
  std::string_view name;
  void (*run)(std::string_view input);
};

// All of them; the folder corpus/NAME holds a target's seeds.
std::span<const Target> targets();
// nullptr if there is none of that name.
const Target* find_target(std::string_view name);

// Throws std::logic_error when the reader broke a promise.
inline void require(bool promise, const char* what) {
  if (!promise) throw std::logic_error(what);
}

void read_config(std::string_view input);
void read_document(std::string_view input);
void read_index(std::string_view input);
void read_key(std::string_view input);
void read_lock(std::string_view input);
void read_pack_header(std::string_view input);
void read_snapshot(std::string_view input);
void read_tree(std::string_view input);

}  // namespace salvor::fuzz
