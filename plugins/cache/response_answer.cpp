// Requests that are answered from the cache.
#include <algorithm>
#include <string>

#include "clock.hpp"
#include "fields.hpp"
#include "response_cache.hpp"
#include "status_line.hpp"

namespace cache {

using namespace askr::text;

namespace {

constexpr int64_t kRefreshLease = 30 * kSecond;  // somebody fetches a stale response anew; after that another one may

VaryTest vary_test(const askr::Request& request) {
  return {[](const void* context, std::string_view vary) {
            return matches_vary(*static_cast<const askr::Request*>(context), vary);
          },
          &request};
}

bool claim(std::atomic<int64_t>& until, int64_t now, int64_t lease) {
  int64_t before = until.load();
  return before <= now && until.compare_exchange_strong(before, now + lease);
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

}  // namespace

askr::Verdict ResponseCache::lookup(askr::Request request) {
  if (!store_ || request.target_kind() != ASKR_TARGET_SCRIPT) return askr::Verdict::next;
  Candidate& asked = scratch_;  // a hit needs no memory of its own
  const RequestTraits traits = inspect(request, options.key, asked.key);
  if (!traits.readable) {
    begin_write(request);
    return askr::Verdict::next;
  }
  asked.hash = store_->hash(asked.key);
  begin(asked);
  asked.accept_encoding = traits.accept_encoding;
  asked.fills = true;
  asked.has_range = traits.has_range;
  asked.wants_part = traits.wants_part;
  FoundResponse found = find(request, asked);
  if (found && !request.is_background() && serve_found(request, found, Served::hit)) return askr::Verdict::done;
  asked.had_stale = static_cast<bool>(found);
  if (asked.wants_part) ask_for_whole(request, asked);
  candidates_.emplace(request, asked);
  return askr::Verdict::next;
}

// The application is to render all of the page, whatever this client has already. Only of a page that is known not to
// be stored it gets the request as it is; and a range as long as it is not known that the page is stored, because there
// are scripts that send parts of something large.
void ResponseCache::ask_for_whole(askr::Request request, Candidate& asked) {
  asked.fills = asked.had_stale || !unstored_->knows(asked.hash, now());
  if (asked.fills && (asked.had_stale || !asked.has_range)) request.want_whole();
}

FoundResponse ResponseCache::find(askr::Request request, const Candidate& wanted) {
  const VaryTest test = vary_test(request);
  int32_t coding = ASKR_CODING_IDENTITY;
  if (compress_ && !wanted.has_range && wanted.accept_encoding.data() != nullptr) {
    coding = compress_.functions->choose(compress_.self, askr::str(wanted.accept_encoding));
  }
  FoundResponse found = store_->find(wanted.hash, wanted.key, static_cast<uint32_t>(coding), test);
  if (!found || found.entry().coding == static_cast<uint32_t>(coding)) return found;
  const ResponseEntry& entry = found.entry();
  const uint32_t flags = entry.flags.load(std::memory_order_relaxed);
  const bool is_over = now() >= std::max({entry.fresh_until, entry.stale_until, entry.error_until});
  const bool wants_coding = !is_over && (flags & kCompressible) != 0 && (flags & (kNoGain << coding)) == 0;
  if (!wants_coding) return found;
  if (found.extent().body_size > ASKR_COMPRESS_AT_ONCE && ASKR_HAS(compress_.functions, encode_later)) {
    encode_later(wanted.hash, std::move(found), coding);
  } else {
    encode(wanted.hash, found, coding);
  }
  return store_->find(wanted.hash, wanted.key, static_cast<uint32_t>(coding), test);
}

// Stores another coding of a response, once, when the first client wants it.
void ResponseCache::encode(uint64_t hash, FoundResponse& plain, int32_t coding) {
  const std::string body = plain.body();
  std::string encoded;
  const auto take = [](void* to, askr_str bytes) { static_cast<std::string*>(to)->append(askr::view(bytes)); };
  const askr_status status = compress_.functions->encode(compress_.self, coding, askr::str(body), take, &encoded);
  store_encoded(hash, plain, coding, status, encoded);
}

// The same for a large one, without keeping the loop. Until it is done, clients get the plain one, which the plugin
// compress encodes for them on its way out: it is the same work, and done once.
void ResponseCache::encode_later(uint64_t hash, FoundResponse plain, int32_t coding) {
  const auto same = [&](Encoding& each) { return &each.plain.entry() == &plain.entry() && each.coding == coding; };
  if (std::any_of(encodings_.begin(), encodings_.end(), same)) return;
  const std::string body = plain.body();
  encodings_.push_front({*this, std::move(plain), hash, coding});
  const auto done = [](void* context, askr_status status, askr_str encoded) {
    auto& over = *static_cast<Encoding*>(context);
    over.cache.store_encoded(over.hash, over.plain, over.coding, status, askr::view(encoded));
    over.cache.encodings_.remove_if([&over](const Encoding& each) { return &each == &over; });
  };
  Encoding& begun = encodings_.front();
  if (compress_.functions->encode_later(compress_.self, coding, askr::str(body), done, &begun) != ASKR_OK) {
    done(&begun, ASKR_E_INVALID, {});
  }
}

void ResponseCache::store_encoded(uint64_t hash, FoundResponse& plain, int32_t coding, askr_status status,
                                  std::string_view encoded) {
  ResponseEntry& entry = plain.entry();
  if (status != ASKR_OK || encoded.size() >= plain.extent().body_size) {
    entry.flags.fetch_or(kNoGain << coding);
    return;
  }
  const std::string key(plain.key());
  const std::string vary(plain.vary());
  const std::string head = encoded_head(plain.head(), askr::view(compress_.functions->name(compress_.self, coding)));
  const NewResponse response{.key = key,
                             .vary = vary,
                             .tags = plain.tags(),
                             .head = head,
                             .body = encoded,
                             .coding = static_cast<uint32_t>(coding),
                             .born = entry.born,
                             .began = entry.began,
                             .stored = entry.stored,
                             .fresh_until = entry.fresh_until,
                             .stale_until = entry.stale_until,
                             .error_until = entry.error_until,
                             .version = entry.version};
  Stored stored{};
  (void)store_now(hash, response, stored);
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
    if (may_refresh && claim(entry.refresh_until, now(), kRefreshLease)) (void)request.repeat();
  }
  serve(request, found, served);
  return true;
}

void ResponseCache::serve(askr::Request request, const FoundResponse& found, Served served) {
  static constexpr std::string_view kNames[] = {"HIT", "HIT", "STALE", "STALE-ERROR"};  // by Served
  const ResponseEntry& entry = found.entry();
  askr::Response response = request.response();
  const int64_t ttl = (entry.fresh_until - now()) / kSecond;
  Line status;
  status.add(served == Served::collapsed ? "askr; fwd=uri-miss; collapsed; ttl=" : "askr; hit; ttl=").add(ttl);
  add_head(response, found, kNames[static_cast<size_t>(served)], status.text());
  if (entry.coding == ASKR_CODING_IDENTITY) response.add_header("Accept-Ranges", "bytes");
  add_body(request, found);
  response.apply_conditions();
  (served == Served::hit || served == Served::collapsed ? metrics.hits : metrics.stale).increment();
}

void ResponseCache::add_head(askr::Response response, const FoundResponse& found, std::string_view name,
                             std::string_view status) {
  response.set_status(200);
  for_each_field(found.head(), [&](std::string_view field, std::string_view value) {
    response.add_header(field, value);
    return true;
  });
  Line age;
  age.add(std::max<int64_t>(0, (now() - found.entry().stored) / kSecond));
  response.add_header("X-Askr-Cache", name);
  response.add_header("Age", age.text());
  response.add_header("Cache-Status", status);
}

// From where it lies; each piece holds the response.
void ResponseCache::add_body(askr::Request request, const FoundResponse& found) {
  found.for_each_piece([&](std::string_view piece) {
    askr::api().response->append_shared(request.handle(), askr::str(piece), &ResponseStore::release_held, found.hold());
  });
}

}  // namespace cache
