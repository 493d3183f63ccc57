// SQLite databases and prepared statements as values. A Database and its Statements belong to one thread at a
// time. Failures are Errors that name the file.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace salvor::local {

class Database {
 public:
  Database(const std::filesystem::path& path, bool read_only);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;
  void execute(const char* sql);
  sqlite3* handle() const { return handle_; }
  [[noreturn]] void fail(std::string_view doing) const;

 private:
  std::string path_;
  sqlite3* handle_ = nullptr;
};

// Bind with operator(), step with next(), read columns; reset happens at the next binding and by Reset.
class Statement {
 public:
  Statement(Database& database, const char* sql);
  ~Statement();
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  template <typename... Values>
  Statement& operator()(const Values&... values) {
    sqlite3_reset(handle_);
    int index = 0;
    (bind(++index, values), ...);
    return *this;
  }
  bool next();  // false at the end
  void run();   // to the end, then reset
  void reset() { sqlite3_reset(handle_); }
  std::int64_t integer(int column) const { return sqlite3_column_int64(handle_, column); }
  // Valid until the next step.
  std::string_view text(int column) const {
    const auto* data = static_cast<const char*>(sqlite3_column_blob(handle_, column));
    return {data, static_cast<size_t>(sqlite3_column_bytes(handle_, column))};
  }

 private:
  // Bound texts are borrowed: they must live until the statement has run.
  void bind(int index, std::string_view value) {
    sqlite3_bind_text(handle_, index, value.data() == nullptr ? "" : value.data(),
                      static_cast<int>(value.size()), SQLITE_STATIC);
  }
  void bind(int index, const std::string& value) { bind(index, std::string_view(value)); }
  void bind(int index, std::int64_t value) { sqlite3_bind_int64(handle_, index, value); }

  Database& database_;
  sqlite3_stmt* handle_ = nullptr;
};

}  // namespace salvor::local
