// Responses that fill the cache, or are replaced by what is there.
#include <string>

#include "clock.hpp"
#include "fields.hpp"
#include "response_cache.hpp"
#include "status_line.hpp"

namespace cache {

using namespace askr::text;

namespace {

constexpr int64_t kFailurePause = kSecond;  // how long nobody asks an application that has just failed

void annotate(askr::Response response, std::string_view forwarded, std::string_view detail) {
  response.set_header("X-Askr-Cache", "MISS");
  Line line;
  line.add("askr; fwd=").add(forwarded).add(detail.empty() ? "; stored" : "; detail=").add(detail);
  response.set_header("Cache-Status", line.text());
}

// The Askr-Cache fields, which do not leave the server.
std::vector<std::string> take_opt_in(askr::Response response) {
  std::vector<std::string> fields;
  if (response.header("Askr-Cache").data() == nullptr) return fields;
  response.for_each_header([&](std::string_view name, std::string_view value) {
    if (same_name(name, "Askr-Cache")) fields.emplace_back(value);
  });
  response.remove_header("Askr-Cache");
  return fields;
}

std::string joined(const std::vector<std::string>& fields) {
  std::string text;
  for (const std::string& field : fields) text.append(text.empty() ? "" : ", ").append(field);
  return text;
}

}  // namespace

// Keeps the body of a response that is to be stored, and stores it when it is complete. The candidate lives as long as
// the request, and so longer than its filters.
class Capture final : public askr::BodyFilter {
 public:
  Capture(ResponseCache& cache, askr::Request request, Candidate& candidate, Recording recording)
      : cache_(cache), request_(request), candidate_(candidate), recording_(std::move(recording)) {}

  askr::Result<> data(askr::Request request, std::string_view bytes, uint32_t piece_flags, askr::Sink& out) override {
    if (!candidate_.settled && body_.size() + bytes.size() > cache_.options.largest_body) {
      body_ = {};
      cache_.metrics.refused.increment();
      cache_.settle(request, candidate_, ASKR_CACHE_UNCACHEABLE);
    }
    if (!candidate_.settled) body_.append(bytes);
    if (auto sent = out.emit(bytes, piece_flags); !sent) return sent;
    if (!candidate_.settled && (piece_flags & ASKR_PIECE_LAST) != 0) finish();
    return {};
  }

 private:
  void finish() {
    if (recording_.is_whole(body_.size())) {
      cache_.store(request_, candidate_, recording_, body_);
    } else {
      cache_.settle(request_, candidate_, ASKR_CACHE_UNFINISHED);
    }
  }

  ResponseCache& cache_;
  askr::Request request_;
  Candidate& candidate_;
  Recording recording_;
  std::string body_;
};

namespace {

// Takes the place of a body that nobody is to see.
class Replacement final : public askr::BodyFilter {
 public:
  explicit Replacement(FoundResponse found) : found_(std::move(found)) {}
  askr::Result<> data(askr::Request /*request*/, std::string_view /*bytes*/, uint32_t piece_flags,
                      askr::Sink& out) override {
    const std::string body = sent_ ? std::string() : found_.body();
    sent_ = true;
    return out.emit(body, piece_flags);
  }

 private:
  FoundResponse found_;
  bool sent_ = false;
};

}  // namespace

askr::Verdict ResponseCache::response_head(askr::Request request) {
  if (!store_) return askr::Verdict::next;
  askr::Response response = request.response();
  const bool by_php = response.body_kind() == ASKR_BODY_STREAM;
  if (Write* write = writes_.get(request)) follow_write(request, *write, by_php);
  Candidate* candidate = candidates_.get(request);
  if (candidate != nullptr && candidate->settled) return askr::Verdict::next;  // it was answered from the cache
  if (candidate == nullptr && !by_php) return askr::Verdict::next;
  const std::vector<std::string> opt_in = take_opt_in(response);
  if (candidate == nullptr) {
    if (!opt_in.empty()) {
      const RequestTraits traits = inspect(request, options.key, scratch_.key);
      annotate(response, traits.bypass == "method" ? "method" : "bypass", traits.bypass);
    }
  } else if (response.status() >= 500) {
    take_error(request, *candidate);
  } else if (by_php && response.status() != 304) {
    return take_response(request, *candidate, opt_in);
  } else {
    settle(request, *candidate, ASKR_CACHE_UNFINISHED);
  }
  return askr::Verdict::next;
}

// What becomes of it. Without a field nobody is told anything.
Policy ResponseCache::decide(askr::Request request, const Candidate& candidate,
                             const std::vector<std::string>& opt_in) {
  askr::Response response = request.response();
  Policy policy;
  if (opt_in.empty()) {
    policy.refusal = "no-opt-in";
    return policy;
  }
  policy = parse_policy(opt_in);
  if (policy.refusal.empty()) policy.refusal = refusal_of(response);
  policy.age = age_of(response);
  if (policy.refusal.empty() && policy.is_over()) policy.refusal = "age";
  if (policy.refusal.empty() && !candidate.fills) policy.refusal = "request";
  if (policy.refusal == "bad-askr-cache" || policy.refusal == "too-many-tags") {
    askr::log::warning(std::string(request.target()) + " is not stored, " + std::string(policy.refusal) + ": \"" +
                       joined(opt_in) + "\"; it should look like \"60, tags=posts,home, swr=30\"");
  }
  annotate(response, candidate.had_stale ? "stale" : "uri-miss", policy.refusal);
  metrics.misses.increment();
  if (!policy.refusal.empty()) metrics.refused.increment();
  return policy;
}

askr::Verdict ResponseCache::take_response(askr::Request request, Candidate& candidate,
                                           const std::vector<std::string>& opt_in) {
  askr::Response response = request.response();
  Policy policy = decide(request, candidate, opt_in);
  if (!policy.refusal.empty()) {
    if (candidate.fills) unstored_->note(candidate.hash, now());
    if (candidate.had_stale && candidate.fills) store_->forget(candidate.hash, candidate.key);
    settle(request, candidate, candidate.fills ? ASKR_CACHE_UNCACHEABLE : ASKR_CACHE_UNFINISHED);
    if (candidate.wants_part) response.apply_conditions();
    return askr::Verdict::next;
  }
  Recording recording(request, std::move(policy), compress_);
  if (candidate.wants_part) {
    begin_collecting(request, candidate, std::move(recording));
    return candidate.settled ? askr::Verdict::next : askr::Verdict::suspend;
  }
  auto capture = std::make_unique<Capture>(*this, request, candidate, std::move(recording));
  if (!response.add_filter(std::move(capture), askr::Length::stays)) {
    settle(request, candidate, ASKR_CACHE_UNFINISHED);
  }
  return askr::Verdict::next;
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
  add_head(response, found, "STALE-ERROR", status.text());
  metrics.stale.increment();
  if (by_php) {
    (void)response.add_filter(std::make_unique<Replacement>(std::move(found)));
  } else {
    response.clear_body();
    add_body(request, found);
  }
  response.apply_conditions();
  settle(request, candidate, ASKR_CACHE_UNFINISHED);
}

void ResponseCache::store(askr::Request request, Candidate& candidate, const Recording& recording,
                          std::string_view body) {
  const Policy& policy = recording.policy;
  const std::string& vary = recording.vary;
  std::string head = recording.head;
  bool has_etag = false;
  bool has_date = false;
  bool is_encoded = false;
  for_each_field(head, [&](std::string_view name, std::string_view value) {
    has_etag = has_etag || same_name(name, "ETag");
    has_date = has_date || same_name(name, "Date");
    is_encoded = is_encoded || (same_name(name, "Content-Encoding") && !same_name(value, "identity"));
    return true;
  });
  const bool compressible =
      recording.compressible && !is_encoded && body.size() >= compress_.functions->least_size(compress_.self);
  if (!has_etag) append_field(head, "ETag", etag_of(body));
  if (!has_date) append_field(head, "Date", http_date(wall_now() / kSecond));
  std::string varies(vary);
  // The application has asked for Accept-Encoding, whether it says so or not.
  if (is_encoded && !has_directive(vary, "Accept-Encoding")) varies.append(", Accept-Encoding");
  if ((compressible || is_encoded) && !has_directive(vary, "Accept-Encoding")) {
    append_field(head, "Vary", "Accept-Encoding");
  }
  const std::string values = vary_values(request, varies, !is_encoded);
  const int64_t born_at = now() - policy.age * kSecond;
  const int64_t fresh_until = born_at + policy.ttl * kSecond;
  const NewResponse response{.key = candidate.key,
                             .vary = values,
                             .tags = policy.tags,
                             .head = head,
                             .body = body,
                             .flags = compressible ? kCompressible : 0,
                             .born = candidate.born,
                             .began = candidate.began,
                             .stored = born_at,
                             .fresh_until = fresh_until,
                             .stale_until = fresh_until + policy.stale_while_revalidate * kSecond,
                             .error_until = fresh_until + policy.stale_if_error * kSecond};
  Stored stored{};
  if (!store_now(candidate.hash, response, stored)) metrics.refused.increment();
  unstored_->forget(candidate.hash);
  settle(request, candidate,
         stored == Stored::yes    ? ASKR_CACHE_STORED
         : stored == Stored::dead ? ASKR_CACHE_OUTDATED
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

}  // namespace cache
