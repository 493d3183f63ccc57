#include "local/api/sqlite.h"

#include "base/error.h"

namespace salvor::local {

using base::ErrorCode;

Database::Database(const std::filesystem::path& path, bool read_only) : path_(path.string()) {
  const int flags =
      (read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE) | SQLITE_OPEN_NOMUTEX;
  if (sqlite3_open_v2(path_.c_str(), &handle_, flags, nullptr) != SQLITE_OK) {
    const std::string cause = handle_ != nullptr ? sqlite3_errmsg(handle_) : "out of memory";
    sqlite3_close(handle_);
    base::fail(ErrorCode::kUnavailable, "cannot open state \"{}\": {}", path_, cause);
  }
  sqlite3_busy_timeout(handle_, 10'000);
}

Database::~Database() {
  sqlite3_close_v2(handle_);
}

void Database::execute(const char* sql) {
  if (sqlite3_exec(handle_, sql, nullptr, nullptr, nullptr) != SQLITE_OK) fail(sql);
}

void Database::fail(std::string_view doing) const {
  const int code = sqlite3_errcode(handle_);
  const ErrorCode kind = code == SQLITE_FULL                               ? ErrorCode::kNoSpace
                         : code == SQLITE_CORRUPT || code == SQLITE_NOTADB ? ErrorCode::kCorrupt
                                                                           : ErrorCode::kInternal;
  throw base::Error(kind, fmt::format("state \"{}\": {} (while: {})", path_, sqlite3_errmsg(handle_), doing));
}

Statement::Statement(Database& database, const char* sql) : database_(database) {
  if (sqlite3_prepare_v3(database.handle(), sql, -1, SQLITE_PREPARE_PERSISTENT, &handle_, nullptr) !=
      SQLITE_OK) {
    database.fail(sql);
  }
}

Statement::~Statement() {
  sqlite3_finalize(handle_);
}

bool Statement::next() {
  const int result = sqlite3_step(handle_);
  if (result == SQLITE_ROW) return true;
  if (result == SQLITE_DONE) return false;
  database_.fail(sqlite3_sql(handle_));
}

void Statement::run() {
  while (next()) {
  }
  sqlite3_reset(handle_);
}

}  // namespace salvor::local
