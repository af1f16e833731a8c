// RequestContext: all memory one request needs in a gateway. Taken from a pool when the first byte of a request arrives
// and given back when its response is out, so an idle connection holds none of it.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gateway/body_intake.hpp"
#include "gateway/output_queue.hpp"
#include "gateway/timers.hpp"
#include "http/request_parser.hpp"
#include "pipeline/transaction.hpp"

namespace askr::gateway {

inline constexpr uint32_t kNoSlot = ~0U;

// See askr_request_api.read_body and askr_response_api.read_body.
struct BodyReader {
  askr_body_callback callback = nullptr;
  void* context = nullptr;
  uint64_t limit = 0;
};

struct RequestContext {
  RequestContext(const http::ParserLimits& limits, Spool& spool) : parser(limits), output(spool) {}

  // Copies a head that was parsed in borrowed memory, so that it lives as long as the request.
  void keep_head(const char* base, size_t size);
  void clear();

  http::RequestParser parser;
  std::string head_bytes;
  pipeline::Transaction transaction;
  BodyIntake body;
  uint32_t slot = kNoSlot;

  // --- where it is in the pipeline
  pipeline::Phase phase = pipeline::Phase::request_head;
  uint32_t position = 0;  // of the next hook in that phase
  bool resumed = false;   // a plugin has said how a suspended request goes on, and it will this turn
  pipeline::Verdict resume_with = pipeline::Verdict::next;
  bool has_body = false;       // the body was read, or there is none
  uint32_t body_position = 0;  // of the hook of request_body that ran last
  BodyReader reader;           // the plugin that wants the body before a worker gets it

  // --- the response
  OutputQueue output;
  std::string held;      // body bytes kept back until the length is known or they are many
  size_t filtered = 0;   // of them, once the head is out: has been through the filters
  BodyReader collector;  // the plugin that wants the whole body before anything is sent
  http::BodyFraming framing = http::BodyFraming::none;
  uint64_t body_left = 0;            // with content_length: what is still to come
  std::optional<uint64_t> promised;  // of the worker's body: its Content-Length
  uint64_t received = 0;             // what has come of it
  bool has_head = false;             // the worker's head was read
  bool committed = false;            // our head is on its way: no retry and no error page any more
  bool hooks_done = false;           // response_head has run
  bool unflushed = false;            // filters may hold bytes back that the script has flushed
  bool filter_failed = false;        // the body cannot be completed
  bool discard_body = false;         // HEAD, 204, 304
  bool filters_wait = false;         // in GatewayState::filtering
  bool stalled = false;              // back-pressure: the worker's segments wait for the client
  bool broken = false;               // a write failed: the client has gone
  bool input_complete = false;       // the request was read to its end
  bool keep_alive = true;
};

// Keeps some for the next requests. Memory of many more that were there at a time goes back to the system once they are
// gone: the C library keeps it by itself, because those that are kept lie scattered among them.
class ContextPool final : Timed {
 public:
  ContextPool(const http::ParserLimits& limits, Spool& spool, Timers& timers)
      : limits_(limits), spool_(spool), timers_(timers) {}
  std::unique_ptr<RequestContext> take();
  void give_back(std::unique_ptr<RequestContext> context);

 private:
  static constexpr size_t kKept = 256;
  void on_timeout(Timeout kind) override;

  http::ParserLimits limits_;
  Spool& spool_;
  Timers& timers_;
  std::vector<std::unique_ptr<RequestContext>> free_;
  size_t in_use_ = 0;
  size_t most_in_use_ = 0;  // since memory was given back last
  Timer timer_{*this};
};

}  // namespace askr::gateway
