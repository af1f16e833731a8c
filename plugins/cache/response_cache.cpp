#include "response_cache.hpp"

#include <algorithm>
#include <charconv>
#include <random>

#include "clock.hpp"
#include "fields.hpp"
#include "hash.hpp"
#include "persist.hpp"

namespace cache {

using namespace askr::text;
namespace {

constexpr int64_t kRefreshLease = 30 * kSecond;  // somebody fetches a stale response anew; after that another one may
constexpr int64_t kFailurePause = kSecond;       // how long nobody asks an application that has just failed

int64_t now() {
  return askr::api().loop->now();
}

class Line {
 public:
  Line& add(std::string_view text) {
    size_ += text.copy(text_ + size_, sizeof text_ - size_);
    return *this;
  }
  Line& add(int64_t number) {
    size_ = static_cast<size_t>(std::to_chars(text_ + size_, text_ + sizeof text_, number).ptr - text_);
    return *this;
  }
  [[nodiscard]] std::string_view text() const { return {text_, size_}; }

 private:
  char text_[128];
  size_t size_ = 0;
};

VaryTest vary_test(const askr::Request& request) {
  return {[](const void* context, std::string_view vary) {
            return matches_vary(*static_cast<const askr::Request*>(context), vary);
          },
          &request};
}

bool claim(std::atomic<int64_t>& until, int64_t lease) {
  int64_t before = until.load();
  return before <= now() && until.compare_exchange_strong(before, now() + lease);
}

void annotate(askr::Response response, std::string_view forwarded, std::string_view detail) {
  response.set_header("X-Askr-Cache", "MISS");
  Line line;
  line.add("askr; fwd=").add(forwarded).add(detail.empty() ? "; stored" : "; detail=").add(detail);
  response.set_header("Cache-Status", line.text());
}

std::string joined(const FoundResponse& found) {
  std::string body;
  body.reserve(found.entry().body_size);
  found.for_each_piece([&body](std::string_view piece) { body.append(piece); });
  return body;
}

// "x" becomes W/"x": in another coding it is not the same bytes (RFC 9110 section 8.8.1).
std::string encoded_head(std::string_view head, std::string_view coding) {
  std::string out;
  for_each_field(head, [&](std::string_view name, std::string_view value) {
    const bool strong = same_name(name, "ETag") && value.starts_with('"');
    append_field(out, name, strong ? "W/" + std::string(value) : std::string(value));
    return true;
  });
  append_field(out, "Content-Encoding", coding);
  return out;
}

std::string etag_of(std::string_view body) {
  static constexpr char kDigits[] = "0123456789abcdef";
  uint64_t hash = hash_of(body);
  std::string text = "\"";
  for (unsigned i = 0; i < 16; ++i, hash >>= 4) text += kDigits[hash & 15];
  return text + "\"";
}

std::string all_values(const askr::Response& response, std::string_view name) {
  std::string values;
  response.for_each_header([&](std::string_view each, std::string_view value) {
    if (same_name(each, name)) values.append(values.empty() ? "" : ", ").append(value);
  });
  return values;
}

}  // namespace

// Keeps the body of a response that is to be stored, and stores it when it is complete. The candidate lives as long as
// the request, and so longer than its filters.
class Capture final : public askr::BodyFilter {
 public:
  Capture(ResponseCache& cache, askr::Request request, Candidate& candidate, Policy policy)
      : cache_(cache), request_(request), candidate_(candidate), policy_(std::move(policy)) {
    const askr::Response response = request.response();
    response.for_each_header([this](std::string_view name, std::string_view value) {
      if (is_stored_field(name)) append_field(head_, name, value);
    });
    vary_ = all_values(response, "Vary");
    const std::string_view length = response.header("Content-Length");
    const auto [end, error] = std::from_chars(length.data(), length.data() + length.size(), announced_);
    has_announced_ = !length.empty() && error == std::errc{} && end == length.data() + length.size();
    compressible_ = cache.compress_ && cache.compress_.functions->is_candidate(cache.compress_.self, request.handle());
  }

  askr::Result<> data(askr::Request request, std::string_view bytes, uint32_t piece_flags, askr::Sink& out) override {
    if (!candidate_.settled && body_.size() + bytes.size() > cache_.options.largest_body) {
      body_ = {};
      cache_.settle(request, candidate_, ASKR_CACHE_UNCACHEABLE);
    }
    if (!candidate_.settled) body_.append(bytes);
    if (auto sent = out.emit(bytes, piece_flags); !sent) return sent;
    if (!candidate_.settled && (piece_flags & ASKR_PIECE_LAST) != 0) finish();
    return {};
  }

 private:
  void finish() {
    if (has_announced_ && announced_ != body_.size()) {
      cache_.settle(request_, candidate_, ASKR_CACHE_UNFINISHED);
      return;
    }
    cache_.store(request_, candidate_, policy_, std::move(head_), vary_, body_, compressible_);
  }

  ResponseCache& cache_;
  askr::Request request_;
  Candidate& candidate_;
  Policy policy_;
  std::string head_, vary_, body_;
  uint64_t announced_ = 0;
  bool has_announced_ = false, compressible_ = false;
};

namespace {

// Takes the place of a body that nobody is to see.
class Replacement final : public askr::BodyFilter {
 public:
  explicit Replacement(FoundResponse found) : found_(std::move(found)) {}
  askr::Result<> data(askr::Request /*request*/, std::string_view /*bytes*/, uint32_t piece_flags,
                      askr::Sink& out) override {
    const std::string body = sent_ ? std::string() : joined(found_);
    sent_ = true;
    return out.emit(body, piece_flags);
  }

 private:
  FoundResponse found_;
  bool sent_ = false;
};

}  // namespace

// ---------------------------------------------------------------- answering

askr::Verdict ResponseCache::lookup(askr::Request request) {
  if (!store_ || request.target_kind() != ASKR_TARGET_SCRIPT) return askr::Verdict::next;
  Candidate& asked = scratch_;  // a hit needs no memory of its own
  const RequestTraits traits = inspect(request, options.key, asked.key);
  if (!traits.readable) return askr::Verdict::next;
  asked.hash = store_->hash(asked.key);
  asked.born = tags_->now();
  asked.accept_encoding = traits.accept_encoding;
  asked.fills = traits.fills;
  asked.has_range = traits.has_range;
  FoundResponse found = find(request, asked);
  if (found && !request.is_background() && serve_found(request, found, Served::hit)) return askr::Verdict::done;
  Candidate* candidate = candidates_.emplace(request, asked);
  if (found && candidate != nullptr) {
    // Its page is known to be stored, so the application is to render all of it, whatever this client has already.
    candidate->had_stale = true;
    candidate->fills = request.method() == "GET";
    for (const char* field :
         {"Range", "If-Range", "If-None-Match", "If-Modified-Since", "If-Match", "If-Unmodified-Since"}) {
      request.remove_header(field);
    }
  }
  return askr::Verdict::next;
}

FoundResponse ResponseCache::find(askr::Request request, const Candidate& wanted) {
  const VaryTest test = vary_test(request);
  int32_t coding = ASKR_CODING_IDENTITY;
  if (compress_ && !wanted.has_range && wanted.accept_encoding.data() != nullptr) {
    coding = compress_.functions->choose(compress_.self, askr::str(wanted.accept_encoding));
  }
  FoundResponse found = store_->find(wanted.hash, wanted.key, static_cast<uint32_t>(coding), test);
  if (!found || found.entry().coding == static_cast<uint32_t>(coding)) return found;
  const uint32_t flags = found.entry().flags.load(std::memory_order_relaxed);
  const bool wants_coding = (flags & kCompressible) != 0 && (flags & (kNoGain << coding)) == 0;
  return wants_coding ? encode(request, wanted, std::move(found), coding) : std::move(found);
}

// Stores another coding of a response, once, when the first client wants it.
FoundResponse ResponseCache::encode(askr::Request request, const Candidate& wanted, FoundResponse plain,
                                    int32_t coding) {
  const std::string body = joined(plain);
  std::string encoded;
  const auto take = [](void* to, askr_str bytes) { static_cast<std::string*>(to)->append(askr::view(bytes)); };
  const askr_status status = compress_.functions->encode(compress_.self, coding, askr::str(body), take, &encoded);
  ResponseEntry& entry = plain.entry();
  if (status != ASKR_OK || encoded.size() >= body.size()) {
    entry.flags.fetch_or(kNoGain << coding);
    return plain;
  }
  const std::string vary(plain.vary());
  const std::string head = encoded_head(plain.head(), askr::view(compress_.functions->name(compress_.self, coding)));
  const NewResponse response{.key = wanted.key,
                             .vary = vary,
                             .tags = plain.tags(),
                             .head = head,
                             .body = encoded,
                             .coding = static_cast<uint32_t>(coding),
                             .born = entry.born,
                             .stored = entry.stored,
                             .fresh_until = entry.fresh_until,
                             .stale_until = entry.stale_until,
                             .error_until = entry.error_until,
                             .version = entry.version};
  Stored stored{};
  if (!store_now(wanted.hash, response, stored)) return plain;
  FoundResponse found = store_->find(wanted.hash, wanted.key, static_cast<uint32_t>(coding), vary_test(request));
  return found ? std::move(found) : std::move(plain);
}

// False: it is too old for this moment.
bool ResponseCache::serve_found(askr::Request request, FoundResponse& found, Served when_fresh) {
  ResponseEntry& entry = found.entry();
  Served served = when_fresh;
  if (now() >= entry.fresh_until) {
    const bool has_failed = now() < entry.error_until && now() < entry.failed_until.load(std::memory_order_relaxed);
    if (now() >= entry.stale_until && !has_failed) return false;
    served = has_failed ? Served::stale_error : Served::stale;
    const bool may_refresh = !has_failed && request.method() == "GET";
    if (may_refresh && claim(entry.refresh_until, kRefreshLease)) (void)request.repeat();
  }
  serve(request, found, served);
  return true;
}

void ResponseCache::serve(askr::Request request, const FoundResponse& found, Served served) {
  static constexpr std::string_view kNames[] = {"HIT", "HIT", "STALE", "STALE-ERROR"};  // by Served
  const ResponseEntry& entry = found.entry();
  askr::Response response = request.response();
  response.set_status(200);
  add_fields(response, found);
  const int64_t ttl = (entry.fresh_until - now()) / kSecond;
  Line age;
  Line status;
  age.add(std::max<int64_t>(0, (now() - entry.stored) / kSecond));
  status.add(served == Served::collapsed ? "askr; fwd=uri-miss; collapsed; ttl=" : "askr; hit; ttl=").add(ttl);
  response.add_header("X-Askr-Cache", kNames[static_cast<size_t>(served)]);
  response.add_header("Age", age.text());
  response.add_header("Cache-Status", status.text());
  if (entry.coding == ASKR_CODING_IDENTITY) response.add_header("Accept-Ranges", "bytes");
  add_body(request, found);
  response.apply_conditions();
  (served == Served::hit || served == Served::collapsed ? metrics.hits : metrics.stale).increment();
}

void ResponseCache::add_fields(askr::Response response, const FoundResponse& found) {
  for_each_field(found.head(), [&](std::string_view name, std::string_view value) {
    response.add_header(name, value);
    return true;
  });
}

// From where it lies; each piece holds the response.
void ResponseCache::add_body(askr::Request request, const FoundResponse& found) {
  found.for_each_piece([&](std::string_view piece) {
    askr::api().response->append_shared(request.handle(), askr::str(piece), &ResponseStore::release_held, found.hold());
  });
}

// ---------------------------------------------------------------- filling

void ResponseCache::response_head(askr::Request request) {
  if (!store_) return;
  askr::Response response = request.response();
  const bool by_php = response.body_kind() == ASKR_BODY_STREAM;
  Candidate* candidate = candidates_.get(request);
  if (candidate != nullptr && candidate->settled) return;  // it waited, and was answered from the cache
  if (candidate == nullptr && !by_php) return;
  const std::string field(response.header("Askr-Cache"));
  if (!field.empty()) response.remove_header("Askr-Cache");
  if (candidate == nullptr) {
    if (!field.empty()) {
      const RequestTraits traits = inspect(request, options.key, scratch_.key);
      annotate(response, traits.bypass == "method" ? "method" : "bypass", traits.bypass);
    }
    follow_write(request);
  } else if (response.status() >= 500) {
    take_error(request, *candidate);
  } else if (by_php && response.status() != 304) {
    take_response(request, *candidate, field);
  } else {
    settle(request, *candidate, ASKR_CACHE_UNFINISHED);
  }
}

void ResponseCache::take_response(askr::Request request, Candidate& candidate, std::string_view field) {
  askr::Response response = request.response();
  Policy policy;
  if (!field.empty()) {
    policy = parse_policy(field);
    if (policy.refusal.empty()) policy.refusal = refusal_of(response);
    if (policy.refusal.empty() && !candidate.fills) policy.refusal = "request";
    if (policy.refusal == "bad-askr-cache" || policy.refusal == "too-many-tags") {
      askr::log::warning(std::string(request.target()) + " is not stored, " + std::string(policy.refusal) + ": \"" +
                         std::string(field) + "\"; it should look like \"60, tags=posts,home, swr=30\"");
    }
    annotate(response, candidate.had_stale ? "stale" : "uri-miss", policy.refusal);
    metrics.misses.increment();
  }
  if (!field.empty() && policy.refusal.empty()) {
    auto capture = std::make_unique<Capture>(*this, request, candidate, std::move(policy));
    if (response.add_filter(std::move(capture), askr::Length::stays)) return;
  } else if (candidate.had_stale && candidate.fills) {
    store_->forget(candidate.hash, candidate.key);  // it is not to be stored any more
  }
  settle(request, candidate, candidate.fills ? ASKR_CACHE_UNCACHEABLE : ASKR_CACHE_UNFINISHED);
}

// The application has failed, or nobody could run it.
void ResponseCache::take_error(askr::Request request, Candidate& candidate) {
  askr::Response response = request.response();
  const bool by_php = response.body_kind() == ASKR_BODY_STREAM;
  FoundResponse found = candidate.had_stale ? find(request, candidate) : FoundResponse();
  if (found) {
    found.entry().refresh_until.store(now() + kFailurePause);
    if (now() < found.entry().error_until) found.entry().failed_until.store(now() + kFailurePause);
  }
  if (!found || now() >= found.entry().error_until || request.is_background()) {
    settle(request, candidate, by_php ? ASKR_CACHE_ERROR : ASKR_CACHE_UNFINISHED);
    return;
  }
  Line status;
  status.add("askr; fwd=stale; fwd-status=").add(response.status());
  std::vector<std::string> names;
  response.for_each_header([&](std::string_view name, std::string_view) {
    if (!same_name(name, "X-Request-Id")) names.emplace_back(name);
  });
  for (const std::string& name : names) response.remove_header(name);
  response.set_status(200);
  add_fields(response, found);
  Line age;
  age.add(std::max<int64_t>(0, (now() - found.entry().stored) / kSecond));
  response.add_header("X-Askr-Cache", "STALE-ERROR");
  response.add_header("Age", age.text());
  response.add_header("Cache-Status", status.text());
  metrics.stale.increment();
  if (by_php) {
    (void)response.add_filter(std::make_unique<Replacement>(std::move(found)));
  } else {
    response.clear_body();
    add_body(request, found);
  }
  settle(request, candidate, ASKR_CACHE_UNFINISHED);
}

void ResponseCache::store(askr::Request request, Candidate& candidate, const Policy& policy, std::string head,
                          std::string_view vary, std::string_view body, bool compressible) {
  bool has_etag = false;
  bool is_encoded = false;
  for_each_field(head, [&](std::string_view name, std::string_view value) {
    has_etag = has_etag || same_name(name, "ETag");
    is_encoded = is_encoded || (same_name(name, "Content-Encoding") && !same_name(value, "identity"));
    return true;
  });
  compressible = compressible && !is_encoded && body.size() >= compress_.functions->least_size(compress_.self);
  if (!has_etag) append_field(head, "ETag", etag_of(body));
  if (compressible && !has_directive(vary, "Accept-Encoding")) append_field(head, "Vary", "Accept-Encoding");
  const std::string values = vary_values(request, vary, !is_encoded);
  const int64_t fresh_until = now() + policy.ttl * kSecond;
  const NewResponse response{.key = candidate.key,
                             .vary = values,
                             .tags = policy.tags,
                             .head = head,
                             .body = body,
                             .flags = compressible ? kCompressible : 0,
                             .born = candidate.born,
                             .stored = now(),
                             .fresh_until = fresh_until,
                             .stale_until = fresh_until + policy.stale_while_revalidate * kSecond,
                             .error_until = fresh_until + policy.stale_if_error * kSecond};
  Stored stored{};
  store_now(candidate.hash, response, stored);
  settle(request, candidate,
         stored == Stored::yes    ? ASKR_CACHE_STORED
         : stored == Stored::dead ? ASKR_CACHE_UNFINISHED
                                  : ASKR_CACHE_UNCACHEABLE);
}

bool ResponseCache::store_now(uint64_t hash, const NewResponse& response, Stored& stored) {
  unsigned evicted = 0;
  stored = store_->store(hash, response, now(), evicted);
  if (evicted > 0) metrics.evictions.increment(evicted);
  return stored == Stored::yes;
}

void ResponseCache::settle(askr::Request request, Candidate& candidate, askr_cache_outcome outcome) const {
  candidate.settled = true;
  if (settled_ != nullptr && candidate.fills) settled_(settled_context_, request.handle(), outcome);
}

// A write to a resource makes what is stored for it old news (RFC 9111 section 4.4).
void ResponseCache::follow_write(askr::Request request) {
  const std::string_view method = request.method();
  const int status = request.response().status();
  if (status < 200 || status >= 400) return;
  for (const char* safe : {"GET", "HEAD", "OPTIONS", "TRACE"}) {
    if (method == safe) return;
  }
  std::string key;
  append_key(request, options.key, key);
  store_->forget(store_->hash(key), key);
}

// ---------------------------------------------------------------- the service

const askr_cache_responses ResponseCache::kService = {
    sizeof(askr_cache_responses),
    [](void* self, askr_request request, uint64_t* key) -> int32_t {
      const Candidate* candidate = static_cast<ResponseCache*>(self)->candidates_.get(askr::Request(request));
      if (candidate == nullptr) return ASKR_CACHE_NO_PART;
      *key = candidate->hash;
      return candidate->fills ? ASKR_CACHE_MAY_FILL : ASKR_CACHE_MAY_READ;
    },
    [](void* self, askr_request handle) -> int32_t {
      auto& cache = *static_cast<ResponseCache*>(self);
      askr::Request request(handle);
      Candidate* candidate = cache.candidates_.get(request);
      if (candidate == nullptr || candidate->settled) return 0;
      candidate->born = cache.tags_->now();  // if it is not answered now, its own run begins after this
      FoundResponse found = cache.find(request, *candidate);
      if (!found || !cache.serve_found(request, found, Served::collapsed)) return 0;
      candidate->settled = true;
      return 1;
    },
    [](void* self, void (*settled)(void*, askr_request, int32_t), void* context) {
      auto& cache = *static_cast<ResponseCache*>(self);
      cache.settled_ = settled;
      cache.settled_context_ = context;
    }};

// ---------------------------------------------------------------- life

askr::Result<> ResponseCache::register_(askr::Registrar registrar) {
  const auto counter = [registrar](askr::Metric& metric, const char* name, const char* help) {
    return metric.add(registrar, ASKR_METRIC_COUNTER, name, help);
  };
  auto added = counter(metrics.hits, "askr_cache_hits_total", "Responses answered from the cache");
  if (added) added = counter(metrics.misses, "askr_cache_misses_total", "Cacheable responses that PHP had to make");
  if (added) added = counter(metrics.stale, "askr_cache_stale_total", "Responses answered from the cache though stale");
  if (added) added = counter(metrics.evictions, "askr_cache_evictions_total", "Responses that made room for others");
  if (!added || !is_on()) return added;
  added = candidates_.add(registrar);
  if (!added) return added;
  return registrar.provide(ASKR_CACHE_RESPONSES, &kService, this);
}

askr::Result<> ResponseCache::shm_request(askr_shm_plan* plan) const {
  if (!is_on()) return {};
  return askr::check(askr::api().shm->request_region(plan, kRegion, ResponseStore::bytes(options.slots), 1),
                     "the response cache");
}

void ResponseCache::shm_init() {
  if (!is_on()) return;
  void* region = askr::shm_region(kRegion);
  std::random_device random;
  ResponseStore::format(region, options.slots, *askr::api().shm, (uint64_t{random()} << 32) | random());
  tags_ = &static_cast<ResponseHeader*>(region)->tags;
  if (!options.persist.empty()) {
    ResponseStore store(region, *askr::api().shm, 0);
    restore(store, options.persist);
  }
}

void ResponseCache::process_start(const askr_process& process) {
  if (!is_on() || process.role != ASKR_ROLE_GATEWAY || process.index >= kMostGateways) return;
  compress_ = askr::find_service<askr_compress_encode>(ASKR_COMPRESS_ENCODE);
  store_ = std::make_unique<ResponseStore>(askr::shm_region(kRegion), *askr::api().shm, process.index);
  store_->take_over(process.gateways);
}

void ResponseCache::master_stop() {
  if (!is_on() || options.persist.empty()) return;
  ResponseStore store(askr::shm_region(kRegion), *askr::api().shm, 0);
  save(store, options.persist);
}

ResponseStats ResponseCache::stats() const {
  return ResponseStore(askr::shm_region(kRegion), *askr::api().shm, kNobody).stats(coarse_now());
}

}  // namespace cache
