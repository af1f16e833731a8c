#include "gateway/access_log.hpp"

#include <fcntl.h>
#include <fmt/core.h>
#include <poll.h>
#include <sys/stat.h>

#include <algorithm>
#include <climits>
#include <ctime>
#include <iterator>
#include <utility>

#include "base/append_lines.hpp"
#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/log_file.hpp"
#include "gateway/json_string.hpp"
#include "pipeline/request_table.hpp"

namespace askr::gateway {
namespace {

constexpr const char* kStandardOutput = "-";
constexpr const char* kWhat = "access log";

Result<UniqueFd> open_file(const std::string& path, const Account* account) {
  if (path != kStandardOutput) {
    UniqueFd file = ASKR_TRY(open_log_file(kWhat, path, 0640, account));
    if (const std::string warning = warn_of_readers(kWhat, path, file.get()); !warning.empty()) {
      log::warning("{}", warning);
    }
    return file;
  }
  UniqueFd copy(::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3));
  if (!copy) return system_error("cannot open the access log " + path);
  return copy;
}

bool is_regular(int file) {
  struct stat status {};
  return ::fstat(file, &status) == 0 && S_ISREG(status.st_mode);
}

// Clocks of two processes were read, so a moment can seem to lie before an earlier one.
double milliseconds_between(int64_t from, int64_t to) {
  return from == 0 || to <= from ? 0 : static_cast<double>(to - from) / kMillisecond;
}

}  // namespace

AccessLog::AccessLog(std::string path, const Account* account, UniqueFd file, DescriptorShelf shelf)
    : path_(std::move(path)), account_(account), shelf_(std::move(shelf)) {
  take(std::move(file));
}

Result<std::unique_ptr<AccessLog>> AccessLog::open(const std::string& path, const Account* account) {
  UniqueFd file = ASKR_TRY(open_file(path, account));
  DescriptorShelf shelf = ASKR_TRY(DescriptorShelf::create());
  return std::unique_ptr<AccessLog>(new AccessLog(path, account, std::move(file), std::move(shelf)));
}

void AccessLog::take(UniqueFd file) {
  file_ = std::move(file);
  is_regular_ = is_regular(file_.get());
}

Result<> AccessLog::reopen() {
  if (path_ == kStandardOutput) return ok();
  flush();
  auto file = open_file(path_, account_);
  auto shelved = file ? shelf_.put(file.value().get()) : Result<>(file.error());
  if (!shelved) return Error{shelved.error().message + "; the old one goes on"};
  take(std::move(file).value());
  return ok();
}

void AccessLog::follow() {
  flush();
  if (UniqueFd file = shelf_.copy()) take(std::move(file));
}

void AccessLog::close() {
  file_.reset();
  shelf_ = {};
}

void AccessLog::install(pipeline::Pipeline& pipeline) {
  const auto hook = [](void* self, askr_request request) -> askr_verdict {
    static_cast<AccessLog*>(self)->record(*pipeline::request_table().find(request));
    return ASKR_NEXT;
  };
  pipeline.add(pipeline::Phase::log, {"access-log", hook, this, {}, {}});
}

void AccessLog::record(const pipeline::Transaction& transaction) {
  const pipeline::Times& times = transaction.times;
  lines_ += "{\"ts\":\"";
  append_time();
  lines_ += "\",\"ip\":";
  append_json_string(transaction.client_name(), lines_);
  lines_ += ",\"method\":";
  append_json_string(transaction.head.method_text, lines_);
  lines_ += ",\"path\":";
  append_json_string(transaction.head.target, lines_);
  fmt::format_to(std::back_inserter(lines_),
                 ",\"status\":{},\"bytes\":{},\"dur_ms\":{:.3f},\"php_ms\":{:.3f},\"queue_ms\":{:.3f},\"cache\":",
                 transaction.response.status, transaction.body_bytes_sent,
                 milliseconds_between(times.accepted, times.done),
                 milliseconds_between(times.started, times.left_worker),
                 milliseconds_between(times.queued, times.started != 0 ? times.started : times.done));
  const std::string_view cache = transaction.response.headers.find("X-Askr-Cache");
  if (cache.empty()) {
    lines_ += "null";
  } else {
    append_json_string(cache, lines_);
  }
  lines_ += ",\"request_id\":";
  append_json_string(transaction.id(), lines_);
  lines_ += "}\n";
}

// RFC 3339 in UTC.
void AccessLog::append_time() {
  const int64_t now = wall_now();
  const int64_t second = now / kSecond;
  if (second != second_) {
    second_ = second;
    std::tm parts{};
    const auto time = static_cast<std::time_t>(second);
    ::gmtime_r(&time, &parts);
    second_text_ = fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", parts.tm_year + 1900, parts.tm_mon + 1,
                               parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec);
  }
  fmt::format_to(std::back_inserter(lines_), "{}.{:03}Z", second_text_, now / kMillisecond % 1000);
}

// A pipe that poll() calls writable takes at least PIPE_BUF bytes, and takes them as one.
size_t AccessLog::writable_now() const {
  pollfd ready{file_.get(), POLLOUT, 0};
  if (::poll(&ready, 1, 0) != 1 || (ready.revents & POLLOUT) == 0) return 0;
  if (lines_.size() <= PIPE_BUF) return lines_.size();
  const size_t newline = lines_.rfind('\n', PIPE_BUF - 1);
  return newline == std::string::npos ? PIPE_BUF : newline + 1;
}

void AccessLog::flush() {
  if (is_regular_) {
    flush_to_file();
  } else {
    flush_to_pipe();
  }
  limit_waiting();
}

void AccessLog::flush_to_file() {
  if (lines_.empty()) return;
  const size_t written = append_lines(file_.get(), lines_);
  lines_.erase(0, written);
  if (written > 0) dropping_ = false;
}

void AccessLog::flush_to_pipe() {
  while (!lines_.empty()) {
    const size_t size = writable_now();
    if (size == 0) break;
    const ssize_t written = ::write(file_.get(), lines_.data(), size);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) break;
    lines_.erase(0, static_cast<size_t>(written));
    dropping_ = false;
  }
}

void AccessLog::limit_waiting() {
  if (lines_.size() <= kMaxWaiting) return;
  if (!std::exchange(dropping_, true)) log::warning("the access log {} takes nothing, lines are lost", path_);
  lines_.clear();
}

}  // namespace askr::gateway
