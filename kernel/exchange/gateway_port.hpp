// GatewayPort: a gateway's end of the exchange. Hands requests to the queue and collects what the workers publish.
//
// Everything a worker can write is checked before it is used: block numbers, offsets, lengths, counters. A worker that
// scribbles over the exchange costs requests, never the gateway.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "exchange/exchange.hpp"
#include "exchange/request_view.hpp"
#include "exchange/wake_ups.hpp"

namespace askr::exchange {

enum class Submitted : uint8_t { queued, queue_full, too_large };

// How far the worker is with a slot.
enum class Progress : uint8_t {
  running,   // queued or running
  complete,  // all segments are published
  aborted,   // the worker gave up on the response
  crashed,   // the worker died
};

// What a worker has noted, where it may be so; else 0. Monotonic ns.
struct SlotTimes {
  int64_t queued, started, first_byte, done;
};

struct SegmentView {
  SegmentKind kind;
  std::string_view bytes;  // in shared memory, until consume(); what they are may change at any time, their number not
  uint32_t block;
  bool last_of_block;
};

class GatewayPort {
 public:
  // What becomes of requests that a dead predecessor has left in the queue, with bodies that did not die with it.
  enum class Leftovers : uint8_t { withdraw, run };
  // Takes over the slots of this gateway; what a dead predecessor left is withdrawn, abandoned or released.
  GatewayPort(Exchange& exchange, unsigned gateway, Leftovers leftovers = Leftovers::withdraw);

  struct Body {
    std::string_view bytes;                // at most kInlineBody, or
    std::shared_ptr<const UniqueFd> file;  // of request.body_size bytes; kept until the slot is free
  };
  // Encodes and queues a request. `slot` is valid when the answer is `queued`.
  Submitted submit(const RequestView& request, const Body& body, int64_t queue_deadline, uint32_t& slot);
  // Nobody is woken for what was submitted until these are asked to.
  [[nodiscard]] WakeUps& wake_ups() { return wake_ups_; }

  // Takes back a request that no worker has begun; the slot is free then. False: it runs already.
  bool withdraw(uint32_t slot);
  // Nobody waits for it any more: it runs, what still comes is thrown away, and the slot is freed when the worker is
  // done.
  void abandon(uint32_t slot);
  // The worker is over its time: the master is asked to end it. Goes with abandon().
  void request_kill(uint32_t slot);
  // The wake-up for a queued request may have gone to a worker that cannot run: another one is woken.
  void wake_again() const { exchange_.wake_workers(1); }
  // Queues a crashed request once more, in front of the others. False: the queue cannot be reached; it stays crashed.
  [[nodiscard]] bool retry(uint32_t slot, int64_t queue_deadline);
  // Frees the slot of a request whose segments are consumed.
  void release(uint32_t slot);

  // Calls handle(slot) for every slot with news; abandoned ones are handled inside.
  template <class Handler>
  bool drain(Handler&& handle) {
    bool any = false;
    for (size_t word = 0; word < ready_.size(); ++word) {
      if (ready_[word].load(std::memory_order_relaxed) == 0) continue;
      for (uint64_t bits = ready_[word].exchange(0); bits != 0; bits &= bits - 1) {
        const auto index = static_cast<uint32_t>(word * 64 + static_cast<size_t>(__builtin_ctzll(bits)));
        if (index >= count_) continue;
        any = true;
        if (!discard_if_abandoned(first_ + index)) handle(first_ + index);
      }
    }
    return any;
  }
  [[nodiscard]] bool has_news() const;

  [[nodiscard]] Progress progress(uint32_t slot) const;
  [[nodiscard]] bool streaming(uint32_t slot) const;
  // How many segments there are now: what bounds a loop over them, because a worker may publish without end. Garbage is
  // reported as Progress::aborted from then on.
  uint32_t waiting(uint32_t slot);
  // The oldest segment not consumed, or one `ahead` of it. False: none now, or garbage.
  bool peek(uint32_t slot, SegmentView& segment, uint32_t ahead = 0);
  // Gives back what was peeked. What the worker has put into its place meanwhile is not looked at.
  void consume(uint32_t slot, const SegmentView& segment);
  // What came makes no sense to who reads it: the same as garbage.
  void distrust(uint32_t slot) { broken_[slot - first_] = true; }

  // Answers workers that wait for the file of a body. To be called at the start and when somebody has rung.
  void hand_out_bodies();

  // No slot is in use: neither a client nor a worker needs this gateway.
  [[nodiscard]] bool idle() const { return free_.size() == count_; }

  [[nodiscard]] const Order& order(uint32_t slot) const { return exchange_.orders()[slot]; }
  // Any value, if somebody has scribbled there.
  [[nodiscard]] SlotState state(uint32_t slot) const {
    return exchange_.slots()[slot].state.load(std::memory_order_acquire);
  }
  [[nodiscard]] bool first_attempt(uint32_t slot) const { return order(slot).attempt == 0; }
  // `now`: at about this time.
  [[nodiscard]] SlotTimes times(uint32_t slot, int64_t now) const;
  // When its worker began. The worker notes that a little after it has taken the request, and until then there is what
  // an attempt before has noted, or nothing: then it is when it was queued.
  [[nodiscard]] int64_t begun(uint32_t slot) const;

  // Before and after the gateway sleeps: says whether workers must poke it. Returns false when there is news already.
  bool prepare_sleep();
  void awake();
  // Spins while a response is likely within microseconds; returns when there is news or it took too long.
  void spin_for_news(int64_t limit_ns) const;

 private:
  void open(uint32_t slot);
  void await_news(uint32_t index);
  [[nodiscard]] bool runs_alone(const ProcessRecord& worker, uint32_t slot) const;
  void ask_for_audit() const;
  bool discard_if_abandoned(uint32_t slot);
  void consume_all(uint32_t slot);
  void free_slot(uint32_t slot);
  void give_back(uint32_t block);
  void reclaim_blocks_of(uint32_t slot);
  void recover(Leftovers leftovers);

  Exchange& exchange_;
  Sleep& sleep_;
  const unsigned gateway_;
  const uint32_t first_, count_;
  std::span<std::atomic<uint64_t>> ready_;              // as far as slots were ever used: usually one word
  std::vector<uint32_t> free_;                          // last in, first out: warm memory first
  std::vector<bool> broken_;                            // by slot: the worker published garbage
  std::vector<std::shared_ptr<const UniqueFd>> files_;  // by slot: its request's body, if it is not inline
  WakeUps wake_ups_;
};

}  // namespace askr::exchange
