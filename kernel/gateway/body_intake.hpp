// BodyIntake: a request body while it arrives. Small ones stay in memory and cross the exchange inline, larger ones go
// to a spool file, so a slow or large upload costs neither a worker nor memory.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "gateway/spool_file.hpp"

namespace askr::gateway {

enum class Intake : uint8_t { ok, too_large, no_space };

class BodyIntake {
 public:
  // `limit`: most bytes accepted. `spool_folder` outlives this.
  void begin(uint64_t limit, const std::string& spool_folder);
  Intake add(std::string_view bytes);
  [[nodiscard]] uint64_t size() const { return spool_ ? spool_->size() : memory_.size(); }
  [[nodiscard]] std::string_view bytes() const { return memory_; }
  [[nodiscard]] int spool_fd() const { return spool_ ? spool_->fd() : -1; }
  void clear();

 private:
  std::string memory_;
  std::optional<SpoolFile> spool_;
  uint64_t limit_ = 0;
  const std::string* folder_ = nullptr;
};

}  // namespace askr::gateway
