#include "gateway/body_intake.hpp"

#include "base/log.hpp"
#include "exchange/slot.hpp"

namespace askr::gateway {

void BodyIntake::begin(uint64_t limit, Spool& spool) {
  clear();
  limit_ = limit;
  spool_ = &spool;
}

Intake BodyIntake::add(std::string_view bytes) {
  if (bytes.size() > limit_ - size()) return Intake::too_large;
  if (file_) return add_to_file(bytes);
  if (memory_.size() + bytes.size() <= exchange::kInlineBody) {
    memory_.append(bytes);
    return Intake::ok;
  }
  auto made = SpoolFile::create(*spool_);
  if (!made) {
    log::error("{}", made.error().message);
    return Intake::no_space;
  }
  file_ = std::move(made).value();
  const Intake moved = add_to_file(memory_);
  memory_ = {};
  return moved == Intake::ok ? add_to_file(bytes) : moved;
}

Intake BodyIntake::add_to_file(std::string_view bytes) {
  if (!spool_->has_room_for(bytes.size())) {
    spool_->note_full();
    return Intake::over_limit;
  }
  if (auto written = file_->append(bytes); !written) {
    log::error("{} in {} after {} bytes of a request body", written.error().message, spool_->folder(), size());
    return Intake::no_space;
  }
  return Intake::ok;
}

std::shared_ptr<const UniqueFd> BodyIntake::file() const {
  return file_ ? std::shared_ptr<const UniqueFd>(file_, &file_->file()) : nullptr;
}

void BodyIntake::clear() {
  if (memory_.capacity() > 4096) {
    memory_ = {};
  } else {
    memory_.clear();
  }
  file_.reset();
}

}  // namespace askr::gateway
