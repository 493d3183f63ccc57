#include "base/random.h"

#include <sys/random.h>

#include <cerrno>
#include <cstring>

#include "base/error.h"

namespace salvor::base {

std::uint64_t Random::next() {
  std::uint64_t value;
  fill(reinterpret_cast<char*>(&value), sizeof value);
  return value;
}

std::string Random::bytes(size_t size) {
  std::string data(size, '\0');
  fill(data.data(), size);
  return data;
}

std::string Random::uuid() {
  unsigned char b[16];
  fill(reinterpret_cast<char*>(b), sizeof b);
  b[6] = static_cast<unsigned char>((b[6] & 0x0f) | 0x40);
  b[8] = static_cast<unsigned char>((b[8] & 0x3f) | 0x80);
  std::string text;
  for (size_t i = 0; i < 16; ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    fmt::format_to(std::back_inserter(text), "{:02x}", b[i]);
  }
  return text;
}

std::string Random::name_suffix(size_t length) {
  constexpr std::string_view kAlphabet = "bcdfghjklmnpqrstvwxz2456789";
  std::string text;
  for (size_t i = 0; i < length; ++i) text += kAlphabet[next() % kAlphabet.size()];
  return text;
}

void SystemRandom::fill(char* buffer, size_t size) {
  while (size > 0) {
    const ssize_t count = getrandom(buffer, size, 0);
    if (count < 0) {
      if (errno == EINTR) continue;
      throw system_error(errno, "read random bytes");
    }
    buffer += count;
    size -= static_cast<size_t>(count);
  }
}

void SeededRandom::fill(char* buffer, size_t size) {
  std::lock_guard lock(mutex_);
  while (size > 0) {
    const std::uint64_t value = engine_();
    const size_t count = std::min(size, sizeof value);
    std::memcpy(buffer, &value, count);
    buffer += count;
    size -= count;
  }
}

}  // namespace salvor::base
