// Whether rewinding pays for the application that a generation runs. A worker that cannot be rewound after a request
// has cost a fork and a checkpoint for the few requests that it has served; a fork alone for each of them costs less.
// So when workers cannot be rewound again and again, the next ones are not meant to be, as with isolation = "request".
// One of them still tries now and then: the requests that were in the way may have ended.
#pragma once

#include <array>
#include <cstdint>

namespace askr::process {

class RewindPolicy {
 public:
  // Workers that are looked at together.
  static constexpr unsigned kWindow = 8;
  // Requests that a worker has to serve on the average. A checkpoint costs about what a fork does, and rewinding a
  // tenth of that.
  static constexpr unsigned kEnough = 3;
  // Of so many workers that are not meant to be rewound, one is.
  static constexpr unsigned kTryEach = 64;

  // For the next worker.
  [[nodiscard]] bool may_rewind();
  // One that was to be rewound ended because it could not be, having served so many requests. True: from now on
  // rewinding does not pay.
  bool on_failure(uint64_t served);
  // One that tries has served so many requests so far. True: from now on rewinding pays.
  bool on_progress(uint64_t served);
  [[nodiscard]] bool pays() const { return pays_; }

 private:
  static constexpr unsigned kConvincing = kWindow * kEnough;

  std::array<uint64_t, kWindow> served_{};
  unsigned failures_ = 0;  // noted in served_
  unsigned untried_ = 0;
  bool pays_ = true;
};

}  // namespace askr::process
