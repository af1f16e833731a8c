// SpoolFile: what is too large for memory waits in a file without a name, which the kernel removes with its last
// descriptor, however the gateway ends.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/fd.hpp"
#include "base/result.hpp"

namespace askr::gateway {

class SpoolFile {
 public:
  // Error: no space, no such folder.
  static Result<SpoolFile> create(const std::string& folder);

  // Appends all of `bytes` or nothing that counts: after an error `size()` is as before. Error: the disk is full.
  Result<> append(std::string_view bytes);
  [[nodiscard]] uint64_t size() const { return size_; }
  [[nodiscard]] int fd() const { return file_.get(); }

 private:
  explicit SpoolFile(UniqueFd file) : file_(std::move(file)) {}
  UniqueFd file_;
  uint64_t size_ = 0;
};

}  // namespace askr::gateway
