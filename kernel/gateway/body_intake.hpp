// BodyIntake: a request body while it arrives. Small ones stay in memory and cross the exchange inline, larger ones go
// to a spool file, so a slow or large upload costs neither a worker nor memory.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "gateway/spool_file.hpp"

namespace askr::gateway {

enum class Intake : uint8_t { ok, too_large, over_limit, no_space };

class BodyIntake {
 public:
  // `limit`: most bytes accepted. `spool` outlives this, and everybody who has file().
  void begin(uint64_t limit, Spool& spool);
  Intake add(std::string_view bytes);
  [[nodiscard]] uint64_t size() const { return file_ ? file_->size() : memory_.size(); }
  [[nodiscard]] std::string_view bytes() const { return memory_; }
  // nullptr: the body is in memory. Whoever has it keeps the file, which clear() only lets go.
  [[nodiscard]] std::shared_ptr<const UniqueFd> file() const;
  void clear();

 private:
  Intake add_to_file(std::string_view bytes);

  std::string memory_;
  std::shared_ptr<SpoolFile> file_;
  uint64_t limit_ = 0;
  Spool* spool_ = nullptr;
};

}  // namespace askr::gateway
