// The state of a worker's end of the exchange, for the sources of WorkerPort only: worker_port.cpp takes requests,
// worker_port_response.cpp answers them.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.hpp"
#include "base/log.hpp"
#include "exchange/exchange.hpp"
#include "exchange/worker_port.hpp"

namespace askr::exchange {

inline constexpr uint32_t kNoBlock = ~0U;
inline constexpr uint32_t kNoSlot = ~0U;

// What a worker did just before it looks for a request: it answered another one, or nothing.
enum class Since : uint8_t { last_request, rest };

struct WorkerPort::State {
  State(Exchange& exchange_in, unsigned index, uint32_t generation_in)
      : exchange(exchange_in),
        record_index(exchange_in.first_worker_record() + index),
        record(exchange_in.records()[record_index]),
        assigned(exchange_in.assignments()[record_index]),
        rest(exchange_in.sleep(record_index)),
        first_block(index * kBlocksPerWorker),
        generation(generation_in),
        log_reopened(log::reopenings()) {}

  bool take(Since since);
  size_t copy_request();
  bool open_body();
  void decline();
  [[nodiscard]] Takes takes() const;
  void note_pace(int64_t now);
  bool take_rehearsal();
  void judge_rehearsal();
  void become_ready();
  void measure_memory();
  void open_request(std::string_view encoded);
  void spin() const;
  void sleep();
  [[nodiscard]] bool should_stop() const;
  Wait leave() const;
  void note_leaving() const;
  void open_block();
  void publish(SegmentKind kind, uint32_t begin, bool last);
  void publish_pending();
  void announce();
  void complete(uint32_t flags);
  void note_error();
  void wait_for_window();
  [[nodiscard]] bool is_still_mine() const;
  void let_go_of_block();

  Exchange& exchange;
  const unsigned record_index;
  ProcessRecord& record;
  const Assignment& assigned;
  Sleep& rest;
  const uint32_t first_block;
  const uint32_t generation;
  const uint32_t log_reopened;

  std::string copy;  // of the encoded request and of a body that is not in a file
  RequestView request;
  uint32_t slot_index = kNoSlot;
  Slot* slot = nullptr;          // of the current request; nullptr once the response is complete
  const Order* order = nullptr;  // of the same
  uint32_t ticket = 0;           // of the order when it was taken
  std::string_view inline_body;  // in `copy`
  bool body_is_inline = true;    // or else in the file
  UniqueFd spool;
  uint64_t body_read = 0;
  bool rested = false;  // has slept since the last request

  uint32_t block = kNoBlock;  // index over all blocks
  uint32_t used = 0;          // bytes of it that are written
  uint32_t unpublished = 0;   // where the bytes begin that are not published yet
  uint32_t head_end = 0;      // bytes before it are a head that is not published yet; 0: none
  bool head_written = false;
  int status = 0;  // of the head
  bool streaming = false;
  bool announced_first = false;

  std::vector<std::string> rehearsals;  // those left, the next one last
  std::string rehearsal;                // the one that runs
  Order nobody_asks{};
  std::unique_ptr<Slot> stage;  // where its response would go; nobody reads there
  bool rehearsing = false, rehearsal_failed = false;
  bool is_copy = false, has_forked = false;
  bool booted = false;
};

}  // namespace askr::exchange
