// Byte streams between layers: what a tarball, an upload or an exec's output flows through without a file.
// One thread at a time per object. Failures are Errors.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace salvor::base {

class Source {
 public:
  virtual ~Source() = default;
  // Reads 1..size bytes into buffer and returns how many; 0 means end of stream.
  virtual size_t read(char* buffer, size_t size) = 0;
};

class Sink {
 public:
  virtual ~Sink() = default;
  // Consumes all of data, or throws.
  virtual void write(std::string_view data) = 0;
};

// Reads from memory that the caller keeps alive.
class ViewSource final : public Source {
 public:
  explicit ViewSource(std::string_view data) : data_(data) {}
  size_t read(char* buffer, size_t size) override;

 private:
  std::string_view data_;
};

class StringSink final : public Sink {
 public:
  void write(std::string_view data) override { data_.append(data); }
  const std::string& data() const { return data_; }
  std::string take() { return std::move(data_); }

 private:
  std::string data_;
};

class FunctionSink final : public Sink {
 public:
  explicit FunctionSink(std::function<void(std::string_view)> function) : function_(std::move(function)) {}
  void write(std::string_view data) override { function_(data); }

 private:
  std::function<void(std::string_view)> function_;
};

// Moves everything; returns the number of bytes.
std::uint64_t copy(Source& from, Sink& to);
std::string read_all(Source& from);

}  // namespace salvor::base
