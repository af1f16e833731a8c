// Timeouts of one gateway. One list per kind: within a kind deadlines come nearly in order, so arming is putting an
// entry at the end, and no timeout costs a system call or an allocation.
#pragma once

#include <array>
#include <cstdint>

namespace askr::gateway {

enum class Timeout : uint8_t { idle, head, body, send, request, linger, file_cache, memory };
inline constexpr unsigned kTimeoutKinds = 8;

class Timed {
 public:
  virtual void on_timeout(Timeout kind) = 0;

 protected:
  ~Timed() = default;
};

// Embedded in what it watches over; cancels itself when that goes.
class Timer {
 public:
  explicit Timer(Timed& owner) : owner_(owner) {}
  ~Timer() { cancel(); }
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  void cancel();
  [[nodiscard]] bool armed() const { return next_ != nullptr; }

 private:
  friend class Timers;
  Timed& owner_;
  Timer* previous_ = nullptr;
  Timer* next_ = nullptr;
  int64_t deadline_ = 0;
};

class Timers final : Timed {
 public:
  Timers();

  // (Re-)arms `timer`: owner.on_timeout(kind) is called once, at `deadline` (monotonic ns) or a little later.
  void arm(Timer& timer, Timeout kind, int64_t deadline);
  void expire(int64_t now);
  // The timer of that kind that is due first fires now. False: there is none.
  bool expire_first(Timeout kind);
  // Nanoseconds until the next deadline; negative: there is none.
  [[nodiscard]] int64_t until_next(int64_t now) const;

 private:
  void on_timeout(Timeout /*kind*/) override {}
  static void fire(Timer& timer, Timeout kind);
  struct List {
    explicit List(Timed& owner) : anchor(owner) { anchor.previous_ = anchor.next_ = &anchor; }
    Timer anchor;
  };
  std::array<List, kTimeoutKinds> lists_;
};

}  // namespace askr::gateway
