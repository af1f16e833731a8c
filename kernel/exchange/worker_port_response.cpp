// How a worker answers.
//
// Output goes into the current block. A block is published when it is full, at flush() and at finish(), as one segment
// for the head and one for the body that shares the block with it. A small response is thus one block, two segments,
// one announcement. Nothing here allocates.
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "arena/futex.hpp"
#include "exchange/codec.hpp"
#include "exchange/worker_port_state.hpp"

namespace askr::exchange {

int64_t WorkerPort::read_body(char* buffer, size_t size) {
  State& s = *state_;
  if (s.slot == nullptr) return 0;
  const uint64_t left = s.request.body_size - s.body_read;
  const auto wanted = static_cast<size_t>(std::min<uint64_t>(size, left));
  if (wanted == 0) return 0;
  if (s.body_is_inline) {
    const std::string_view piece = s.inline_body.substr(std::min<size_t>(s.body_read, s.inline_body.size()), wanted);
    std::memcpy(buffer, piece.data(), piece.size());
    s.body_read += piece.size();
    return static_cast<int64_t>(piece.size());
  }
  const ssize_t got = ::pread(s.spool.get(), buffer, wanted, static_cast<off_t>(s.body_read));
  if (got <= 0) return -1;
  s.body_read += static_cast<uint64_t>(got);
  return got;
}

void WorkerPort::State::wait_for_window() {
  while (record.free_blocks.load(std::memory_order_acquire) == 0) {
    const uint32_t seen = record.window.load();
    record.window_waiting.store(1);
    if (record.free_blocks.load() != 0) break;
    arena::futex_wait(record.window, seen);
  }
  record.window_waiting.store(0);
}

// Takes a free block; waits while the gateway has them all.
void WorkerPort::State::open_block() {
  if (block != kNoBlock) return;
  wait_for_window();
  const auto bit = static_cast<uint32_t>(__builtin_ctzll(record.free_blocks.load(std::memory_order_acquire)));
  record.block_slot[bit].store(0, std::memory_order_release);
  record.free_blocks.fetch_and(~(uint64_t{1} << bit));
  block = first_block + bit;
  used = unpublished = 0;
}

// It is not when somebody has scribbled over the slot, and its gateway has given the request up for it.
bool WorkerPort::State::is_still_mine() const {
  return rehearsing ||
         (order->open.load(std::memory_order_acquire) != 0 && order->ticket.load(std::memory_order_relaxed) == ticket);
}

void WorkerPort::State::let_go_of_block() {
  record.free_blocks.fetch_or(uint64_t{1} << (block - first_block));
}

void WorkerPort::State::publish(SegmentKind kind, uint32_t begin, bool last) {
  if (rehearsing || !is_still_mine()) {
    if (last) let_go_of_block();
    return;
  }
  record.block_slot[block - first_block].store(slot_index + 1, std::memory_order_release);
  const uint32_t at = slot->published.load(std::memory_order_relaxed);
  const uint32_t end = kind == SegmentKind::head ? head_end : used;
  const Segment segment{.offset = static_cast<uint16_t>(begin),
                        .length = static_cast<uint16_t>(end - begin),
                        .block = static_cast<uint8_t>(block - first_block),
                        .kind = kind,
                        .last_of_block = last ? uint8_t{1} : uint8_t{0}};
  slot->segments[at % kSegments].store(segment, std::memory_order_relaxed);
  if (!announced_first) {
    announced_first = true;
    slot->first_byte.store(monotonic_now(), std::memory_order_relaxed);
  }
  slot->published.store(at + 1, std::memory_order_release);
}

// Publishes what the current block holds and lets go of it.
void WorkerPort::State::publish_pending() {
  if (block == kNoBlock) return;
  if (head_end > 0) {
    const bool only_head = used == head_end;
    publish(SegmentKind::head, unpublished, only_head);
    unpublished = head_end;
    head_end = 0;
    if (only_head) {
      block = kNoBlock;
      return;
    }
  }
  publish(SegmentKind::body, unpublished, true);
  block = kNoBlock;
}

void WorkerPort::State::announce() {
  if (rehearsing) return;
  exchange.announce(slot_index);
}

Written WorkerPort::interim(int status, const HeadField* fields, size_t count) {
  State& s = *state_;
  if (s.slot == nullptr || client_gone()) return Written::client_gone;
  s.publish_pending();
  s.open_block();
  s.used =
      static_cast<uint32_t>(encode_response_head(status, {}, fields, count, s.exchange.block(s.block), kBlockSize));
  if (s.used == 0) return Written::too_large;
  s.publish(SegmentKind::interim, 0, true);
  s.block = kNoBlock;
  s.announce();
  return Written::ok;
}

Written WorkerPort::head(int status, std::string_view reason, const HeadField* fields, size_t count) {
  State& s = *state_;
  if (s.slot == nullptr) return Written::client_gone;
  s.open_block();
  const size_t size = encode_response_head(status, reason, fields, count, s.exchange.block(s.block), kBlockSize);
  if (size == 0) return Written::too_large;
  s.used = s.head_end = static_cast<uint32_t>(size);
  s.unpublished = 0;
  s.head_written = true;
  s.status = status;
  return Written::ok;
}

Written WorkerPort::body(const char* data, size_t size) {
  State& s = *state_;
  while (size > 0) {
    if (s.slot == nullptr || client_gone()) return Written::client_gone;
    s.open_block();
    const auto part = static_cast<uint32_t>(std::min<size_t>(size, kBlockSize - s.used));
    std::memcpy(s.exchange.block(s.block) + s.used, data, part);
    s.used += part;
    data += part;
    size -= part;
    if (s.used == kBlockSize) {
      s.publish_pending();
      s.announce();
    }
  }
  return Written::ok;
}

Written WorkerPort::flush() {
  State& s = *state_;
  if (s.slot == nullptr || client_gone()) return Written::client_gone;
  if (!s.streaming) {
    s.streaming = true;
    if (s.is_still_mine()) s.slot->flags.fetch_or(kStreaming);
  }
  if (s.block == kNoBlock) return Written::ok;
  s.publish_pending();
  s.announce();
  return Written::ok;
}

void WorkerPort::State::complete(uint32_t flags) {
  if (slot == nullptr) return;
  publish_pending();
  const bool mine = is_still_mine();
  if (mine) {
    slot->done.store(monotonic_now(), std::memory_order_relaxed);
    if (flags != 0) slot->flags.fetch_or(flags);
  }
  if (rehearsing) {
    judge_rehearsal();
    slot = nullptr;
    return;
  }
  spool.reset();
  record.requests.store(record.requests.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  record.current_slot.store(0, std::memory_order_relaxed);
  if (mine) slot->state.store(SlotState::done, std::memory_order_release);
  slot = nullptr;
  if (mine) announce();
  if (status >= 500 || flags != 0) note_error();  // last: the master may end this process for it
}

// While its generation is being tried, the master wants to know at once.
void WorkerPort::State::note_error() {
  record.errors.store(record.errors.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  if (exchange.global().canary_generation.load(std::memory_order_relaxed) == generation) exchange.poke_master();
}

void WorkerPort::finish() {
  state_->complete(state_->head_written ? 0U : static_cast<uint32_t>(kAborted));
}
void WorkerPort::abort() {
  state_->complete(kAborted);
}
bool WorkerPort::finished() const {
  return state_->slot == nullptr;
}
bool WorkerPort::head_sent() const {
  return state_->head_written;
}

bool WorkerPort::client_gone() const {
  return state_->slot != nullptr && state_->order->abandoned.load(std::memory_order_relaxed) != 0;
}

}  // namespace askr::exchange
