// Jobs: bodies that are being encoded a slice at a time, so that a megabyte keeps nobody waiting who wants less. Those
// that want the same, byte for byte, share one job.
#pragma once

#include <functional>
#include <list>
#include <memory>
#include <string>
#include <string_view>

#include "askr/services/compress.h"
#include "encoders.hpp"

namespace compression {

class Jobs {
 public:
  // Called once, from the loop or at once; nullptr: the encoder has failed.
  using Done = std::function<void(const std::shared_ptr<const std::string>& encoded)>;
  // The work of the loop, as askr_loop.add_work has it.
  using AddWork = std::function<uint64_t(int32_t (*step)(void* context), void* context)>;

  explicit Jobs(AddWork add_work) : add_work_(std::move(add_work)) {}

  // Bodies up to this size are encoded in one go.
  static constexpr size_t kAtOnce = ASKR_COMPRESS_AT_ONCE;

  // The answer, not 0, is for cancel(); 0: it is done.
  uint64_t start(Coding coding, const Levels& levels, std::string_view bytes, Done done);
  // `done` is not called any more. A job that nobody waits for ends.
  void cancel(uint64_t ticket);

 private:
  struct Waiter {
    uint64_t ticket;
    Done done;
  };
  struct Job {
    Jobs* jobs;
    Coding coding;
    std::string bytes, encoded;
    size_t used = 0;
    std::unique_ptr<Encoder> encoder;
    std::list<Waiter> waiters;
  };
  bool step(Job& job);
  static int32_t step_of(void* context);

  AddWork add_work_;
  std::list<Job> jobs_;
  uint64_t last_ticket_ = 0;
};

}  // namespace compression
