// SpoolFile: what is too large for memory waits in a file without a name, which the kernel removes with its last
// descriptor, however the gateway ends. Its bytes count in its spool until then.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "base/fd.hpp"
#include "base/result.hpp"
#include "gateway/spool.hpp"

namespace askr::gateway {

class SpoolFile {
 public:
  // Error: no space, no such folder. `spool` outlives the file.
  static Result<std::unique_ptr<SpoolFile>> create(Spool& spool);
  SpoolFile(const SpoolFile&) = delete;
  SpoolFile& operator=(const SpoolFile&) = delete;
  ~SpoolFile() { spool_.give_back(size_); }

  // Appends all of `bytes` or nothing that counts: after an error `size()` is as before. Error: the disk is full.
  // Whether the spool has room for them is the caller's question.
  Result<> append(std::string_view bytes);
  [[nodiscard]] uint64_t size() const { return size_; }
  [[nodiscard]] const UniqueFd& file() const { return file_; }

 private:
  SpoolFile(Spool& spool, UniqueFd file) : spool_(spool), file_(std::move(file)) {}
  Spool& spool_;
  const UniqueFd file_;
  uint64_t size_ = 0;
};

}  // namespace askr::gateway
