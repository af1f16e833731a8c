// AccessLog: the kernel's own hook in the `log` phase, one JSON object per request and line:
//
//   {"ts":"2026-01-31T12:00:00.123Z","ip":"192.0.2.1","method":"GET","path":"/a?b","status":200,"bytes":12,
//    "dur_ms":1.234,"php_ms":0.987,"queue_ms":0.012,"cache":null,"request_id":"..."}
//
// ts is the time of the end, bytes counts the body, ip is "unix:" for a Unix socket, php_ms and queue_ms are 0 for what
// PHP had no part in.
#pragma once

#include <memory>
#include <string>

#include "base/account.hpp"
#include "base/descriptor_shelf.hpp"
#include "base/fd.hpp"
#include "base/result.hpp"
#include "pipeline/pipeline.hpp"
#include "pipeline/transaction.hpp"

namespace askr::gateway {

class AccessLog {
 public:
  // Opens `path` for appending; "-" is standard output. Called by the master before it forks: all gateways then write
  // to the same open file, whole lines at a time.
  // `account`: as for open_log_file(); it outlives this.
  static Result<std::unique_ptr<AccessLog>> open(const std::string& path, const Account* account = nullptr);

  // Registers the hook under the id "access-log".
  void install(pipeline::Pipeline& pipeline);

  // Writes what has come together. Called once in each turn of the gateway's loop. Never waits for whoever reads a
  // pipe: lines it does not take are kept for the next time, and beyond kMaxWaiting dropped.
  void flush();

  // Log rotation: the master opens the same path again, for gateways to follow(). On failure the old file stays.
  Result<> reopen();
  // In a gateway: goes on with what the master has opened.
  void follow();
  // In a forked child that writes no access log.
  void close();
  // In a gateway: it takes what the master opens, and puts nothing there itself.
  void settle_child() { shelf_.lock(); }

  static constexpr size_t kMaxWaiting = 4U << 20;

 private:
  AccessLog(std::string path, const Account* account, UniqueFd file, DescriptorShelf shelf);
  void take(UniqueFd file);
  void record(const pipeline::Transaction& transaction);
  void append_time();
  void flush_to_file();
  void flush_to_pipe();
  [[nodiscard]] size_t writable_now() const;
  void limit_waiting();

  std::string path_;
  const Account* account_;
  UniqueFd file_;
  DescriptorShelf shelf_;  // the file, for gateways
  bool is_regular_ = false;
  std::string lines_;
  bool dropping_ = false;
  std::string second_text_;  // "2026-01-31T12:00:00" of second_
  int64_t second_ = -1;
};

}  // namespace askr::gateway
