#include "gateway/body_intake.hpp"

#include "base/log.hpp"
#include "exchange/slot.hpp"

namespace askr::gateway {

void BodyIntake::begin(uint64_t limit, const std::string& spool_folder) {
  clear();
  limit_ = limit;
  folder_ = &spool_folder;
}

Intake BodyIntake::add(std::string_view bytes) {
  if (bytes.size() > limit_ - size()) return Intake::too_large;
  if (!spool_ && memory_.size() + bytes.size() <= exchange::kInlineBody) {
    memory_.append(bytes);
    return Intake::ok;
  }
  if (!spool_) {
    auto made = SpoolFile::create(*folder_);
    if (!made) {
      log::error("{}", made.error().message);
      return Intake::no_space;
    }
    spool_.emplace(std::move(made).value());
    if (auto written = spool_->append(memory_); !written) return Intake::no_space;
    memory_ = {};
  }
  if (auto written = spool_->append(bytes); !written) {
    log::error("{} in {} after {} bytes of a request body", written.error().message, *folder_, size());
    return Intake::no_space;
  }
  return Intake::ok;
}

void BodyIntake::clear() {
  if (memory_.capacity() > 4096) {
    memory_ = {};
  } else {
    memory_.clear();
  }
  spool_.reset();
}

}  // namespace askr::gateway
