// How heads cross the exchange: fixed-width lengths, then bytes. Both sides run on one machine and from one binary, so
// byte order and versions need no care; lengths do: gateways and the master decode what a broken worker may have
// written.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "exchange/request_view.hpp"
#include "exchange/worker_port.hpp"

namespace askr::exchange {

// Takes pieces off bytes that somebody else may have scribbled over. From the first one on that is not there, all are
// empty.
class BoundedReader {
 public:
  explicit BoundedReader(std::string_view bytes) : rest_(bytes) {}

  std::string_view take(size_t size) {
    failed_ = failed_ || size > rest_.size();
    if (failed_) return {};
    const std::string_view piece = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return piece;
  }
  template <class Plain>
  bool read(Plain& value) {
    const std::string_view piece = take(sizeof value);
    if (!failed_) std::memcpy(&value, piece.data(), sizeof value);
    return !failed_;
  }
  [[nodiscard]] bool failed() const { return failed_; }

 private:
  std::string_view rest_;
  bool failed_ = false;
};

// Writes `request`, whose query is the end of its uri, into `area`; returns the bytes used, 0 when it does not fit.
size_t encode_request(const RequestView& request, char* area, size_t capacity);
// The views of `request` point into `area`. False: the bytes make no sense, `request` holds some of them.
bool decode_request(const char* area, size_t size, RequestView& request);

// Writes a response head; returns the bytes used, 0 when it does not fit.
size_t encode_response_head(int status, std::string_view reason, const WorkerPort::HeadField* fields, size_t count,
                            char* area, size_t capacity);

// Reads a response head field by field, every length checked.
class ResponseHeadReader {
 public:
  // `bytes` is private memory of the reader's process: a worker could change shared memory between check and use.
  explicit ResponseHeadReader(std::string_view bytes);
  [[nodiscard]] bool valid() const { return has_status_ && !pieces_.failed(); }
  [[nodiscard]] int status() const { return status_; }
  [[nodiscard]] std::string_view reason() const { return reason_; }
  // False at the end, or when the bytes make no sense (then valid() is false).
  bool next(std::string_view& name, std::string_view& value);

 private:
  BoundedReader pieces_;
  std::string_view reason_;
  int status_ = 0;
  uint32_t left_ = 0;  // fields
  bool has_status_ = false;
};

}  // namespace askr::exchange
