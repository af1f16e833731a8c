// ResponseCache: what happens to a request in `lookup` and to its response in `response_head`.
//
// A request that may be answered is looked up. If nothing fresh is there, it becomes a Candidate: its response may fill
// the cache, or be replaced by what is there when the application fails. Whoever wants to know how that ended (the
// plugin coalesce) observes it through the service in askr/services/cache.h.
#pragma once

#include <list>
#include <memory>
#include <string>

#include "askr/sdk.hpp"
#include "askr/services/cache.h"
#include "askr/services/compress.h"
#include "policy.hpp"
#include "recording.hpp"
#include "request_key.hpp"
#include "response_store.hpp"
#include "unstored.hpp"

namespace cache {

struct ResponseOptions {
  uint64_t slots = 0;  // 0: there is no response cache
  uint64_t largest_body = 0;
  KeyOptions key;
  std::string persist;  // file; empty: a restart forgets
};

struct ResponseMetrics {
  askr::Metric hits, misses, stale, refused, evictions;
};

// One for each request that may be answered from the cache and was not.
struct Candidate {
  std::string key;
  uint64_t hash = 0;
  uint64_t born = 0, began = 0;  // see NewResponse
  std::string_view accept_encoding;
  bool fills = false, has_range = false;
  bool wants_part = false;  // less than all of the page: HEAD, a range, a condition
  bool had_stale = false;   // there is a response that is too old
  bool settled = false;     // the observer knows
};

// One for each request of an unsafe method: it makes what is stored for its address old news (RFC 9111 section 4.4).
struct Write {
  uint32_t address;           // WriteClock::index_of
  bool may_have_been = true;  // until an error says that there was none
};

class ResponseCache;

// One for each response that is read whole before it answers.
struct Collection {
  Collection(ResponseCache& cache_in, Candidate& candidate_in, Recording recording_in)
      : cache(cache_in), candidate(candidate_in), recording(std::move(recording_in)) {}
  ResponseCache& cache;
  Candidate& candidate;
  Recording recording;
};

// A large response that is being encoded for the clients to come.
struct Encoding {
  ResponseCache& cache;
  FoundResponse plain;
  uint64_t hash;
  int32_t coding;
};

class ResponseCache {
 public:
  static constexpr const char* kRegion = "responses";        // gateways write
  static constexpr const char* kMessageRegion = "messages";  // all do

  ResponseOptions options;
  ResponseMetrics metrics;

  [[nodiscard]] bool is_on() const { return options.slots > 0; }
  askr::Result<> register_(askr::Registrar registrar);
  askr::Result<> shm_request(askr_shm_plan* plan) const;
  void shm_init();
  void process_start(const askr_process& process);
  void master_stop();

  askr::Verdict lookup(askr::Request request);
  askr::Verdict response_head(askr::Request request);
  void log(askr::Request request);
  // From any process.
  void forget_tag(std::string_view tag) { messages_->forget(tag); }
  void flush() { messages_->flush(); }
  [[nodiscard]] ResponseStats stats() const;

 private:
  friend class Capture;
  static int64_t now() { return askr::api().loop->now(); }
  static void report(const std::string& line) { askr::log::error(line); }
  enum class Served : uint8_t { hit, collapsed, stale, stale_error };

  // Its page, if PHP makes it, begins now.
  void begin(Candidate& candidate) const {
    store_->hear();
    candidate.born = store_->tags().now();
    candidate.began = store_->writes().now();
  }

  // --- answering
  bool serve_found(askr::Request request, FoundResponse& found, Served when_fresh);
  void serve(askr::Request request, const FoundResponse& found, Served served);
  // Status and fields; `name` and `status` are what X-Askr-Cache and Cache-Status say.
  static void add_head(askr::Response response, const FoundResponse& found, std::string_view name,
                       std::string_view status);
  static void add_body(askr::Request request, const FoundResponse& found);
  void ask_for_whole(askr::Request request, Candidate& asked);
  FoundResponse find(askr::Request request, const Candidate& wanted);
  void encode(uint64_t hash, FoundResponse& plain, int32_t coding);
  void encode_later(uint64_t hash, FoundResponse plain, int32_t coding);
  void store_encoded(uint64_t hash, FoundResponse& plain, int32_t coding, askr_status status, std::string_view encoded);

  // --- writes
  void begin_write(askr::Request request);
  void follow_write(askr::Request request, Write& write, bool by_php);

  // --- filling
  Policy decide(askr::Request request, const Candidate& candidate, const std::vector<std::string>& opt_in);
  askr::Verdict take_response(askr::Request request, Candidate& candidate, const std::vector<std::string>& opt_in);
  void begin_collecting(askr::Request request, Candidate& candidate, Recording recording);
  void finish_collecting(askr::Request request, Collection& collection, askr_status status, std::string_view body);
  void take_error(askr::Request request, Candidate& candidate);
  void store(askr::Request request, Candidate& candidate, const Recording& recording, std::string_view body);
  bool store_now(uint64_t hash, const NewResponse& response, Stored& stored);
  void settle(askr::Request request, Candidate& candidate, askr_cache_outcome outcome) const;

  static const askr_cache_responses kService;
  askr::RequestSlot<Candidate> candidates_;
  askr::RequestSlot<Write> writes_;
  askr::RequestSlot<Collection> collections_;
  Candidate scratch_;
  Messages* messages_ = nullptr;
  std::unique_ptr<ResponseStore> store_;
  std::unique_ptr<Unstored> unstored_;
  askr::Service<askr_compress_encode> compress_;
  std::list<Encoding> encodings_;
  void (*settled_)(void* context, askr_request request, int32_t outcome) = nullptr;
  void* settled_context_ = nullptr;
};

}  // namespace cache
