#include "gateway/request_id.hpp"

#include <sys/random.h>

#include <algorithm>

#include "base/clock.hpp"

namespace askr::gateway {
namespace {

constexpr size_t kLongest = sizeof(pipeline::Transaction::id_bytes);

bool is_well_formed(std::string_view id) {
  if (id.empty() || id.size() > kLongest) return false;
  return std::all_of(id.begin(), id.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
           c == '-' || c == ':';
  });
}

void write_hex(char* at, uint32_t value) {
  for (int shift = 28; shift >= 0; shift -= 4) *at++ = "0123456789abcdef"[(value >> shift) & 15];
}

}  // namespace

RequestIds::RequestIds() {
  if (::getrandom(&prefix_, sizeof prefix_, 0) != sizeof prefix_) prefix_ = static_cast<uint32_t>(monotonic_now());
}

void RequestIds::assign(pipeline::Transaction& transaction, std::string_view from_client) {
  if (is_well_formed(from_client)) {
    std::copy(from_client.begin(), from_client.end(), transaction.id_bytes.begin());
    transaction.id_size = static_cast<uint8_t>(from_client.size());
    return;
  }
  write_hex(transaction.id_bytes.data(), prefix_);
  write_hex(transaction.id_bytes.data() + 8, next_++);
  transaction.id_size = 16;
}

}  // namespace askr::gateway
