// compress: responses leave in the best content coding that the client takes.
//
// The decision falls in response_head, once per response. Small pages and streams go through a body filter; a body that
// is complete and larger is encoded a slice at a time, while other requests have their turn in between (jobs.hpp).
// Files that were compressed beforehand are sent as they lie; others are compressed once and kept in memory, unless
// they are large: these stream plain, because compressing them for each client would cost more than sending them.
// Streams are flushed whenever the script flushes. Rejected: threads for the work, because gateways have one.
#include <string>
#include <vector>

#include "askr/sdk.hpp"
#include "askr/sdk/text.hpp"
#include "askr/services/compress.h"
#include "encoded_files.hpp"
#include "encoders.hpp"
#include "jobs.hpp"
#include "media_types.hpp"
#include "negotiation.hpp"
#include "precompressed.hpp"
#include "representation.hpp"

namespace {

using askr::text::http_date;
using compression::Coding;

constexpr size_t kEncodedFilesBytes = 16U << 20;

struct Counters {
  askr::Metric responses, bytes_in, bytes_out;
};

class CompressFilter final : public askr::BodyFilter {
 public:
  CompressFilter(std::unique_ptr<compression::Encoder> encoder, Counters& counters)
      : encoder_(std::move(encoder)), counters_(counters) {}

  askr::Result<> data(askr::Request /*request*/, std::string_view bytes, uint32_t piece_flags,
                      askr::Sink& out) override {
    const bool last = (piece_flags & ASKR_PIECE_LAST) != 0;
    const bool flush = (piece_flags & ASKR_PIECE_FLUSH) != 0;
    encoded_.clear();
    const compression::Step step = last    ? compression::Step::end
                                   : flush ? compression::Step::flush
                                           : compression::Step::more;
    if (!encoder_->write(bytes, step, encoded_)) return askr::Error{ASKR_E_NO_MEMORY, "the encoder has failed"};
    counters_.bytes_in.increment(static_cast<int64_t>(bytes.size()));
    counters_.bytes_out.increment(static_cast<int64_t>(encoded_.size()));
    return out.emit(encoded_, piece_flags);
  }

 private:
  std::unique_ptr<compression::Encoder> encoder_;
  Counters& counters_;
  std::string encoded_;
};

class Compress;

// Rides on a response that waits until its body is encoded.
struct Waiting {
  Waiting(Compress& plugin_in, std::string key_in, Coding coding_in)
      : plugin(plugin_in), key(std::move(key_in)), coding(coding_in) {}
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;
  ~Waiting();

  Compress& plugin;
  std::string key;  // of a static file: names its version and the coding
  Coding coding;
  uint64_t ticket = 0;  // of the job; 0: there is none
};

class Compress : public askr::Plugin {
 public:
  static constexpr const char* kProvides[] = {ASKR_COMPRESS_ENCODE, nullptr};
  static constexpr askr::Info info{.id = "compress",
                                   .version = "0.1.0",
                                   .summary = "Responses in brotli or gzip, as the client takes them",
                                   .activation = ASKR_ACTIVE_ALWAYS,
                                   .provides = kProvides};
  static constexpr askr_option options[] = {
      askr::option::size("compress.min_size", "--compress-min-size", "SIZE", "Bodies below this stay as they are",
                         "1K"),
      askr::option::size("compress.max_file_size", "--compress-max-file-size", "SIZE",
                         "Static files above this stay as they are", "1M", 0, 1 << 20),
      askr::option::number("compress.brotli_level", "--compress-brotli-level", "N", "Effort for brotli; 0 turns it off",
                           "4", 0, 11),
      askr::option::number("compress.gzip_level", "--compress-gzip-level", "N", "Effort for gzip; 0 turns it off", "5",
                           0, 9),
      askr::option::flag("compress.precompressed", "--compress-precompressed",
                         "Send app.js.br or app.js.gz in place of app.js", "true"),
      askr::option::list("compress.types", "--compress-types", "TYPE", "More media types to compress")};

  askr::Result<> configure(const askr::Configuration& configuration);
  askr::Result<> register_(askr::Registrar registrar);
  askr::Verdict response_head(askr::Request request);

 private:
  [[nodiscard]] bool is_candidate(const askr::Response& response) const;
  void add_vary_to_part(askr::Request request) const;
  [[nodiscard]] Coding coding_for(const compression::Accepted& accepted) const;
  bool send_neighbour(askr::Request request, const compression::Accepted& accepted);
  bool send_kept(askr::Request request, const std::string& key, Coding coding);
  askr::Verdict encode(askr::Request request, Coding coding);
  askr::Verdict encode_whole(askr::Request request, Coding coding, const std::string& key, uint64_t length);
  void begin_job(askr::Request request, Waiting& waiting, std::string_view body);
  void replace_body(askr::Request request, Coding coding, const std::shared_ptr<const std::string>& encoded);
  static const askr_compress_encode kService;

  // --- settings
  uint64_t min_size_ = 0, max_file_size_ = 0;
  compression::Levels levels_;
  bool precompressed_ = true;
  std::vector<std::string> types_;

  compression::Neighbours neighbours_;
  compression::EncodedFiles files_{kEncodedFilesBytes};
  friend struct Waiting;
  compression::Jobs jobs_{[](int32_t (*step)(void*), void* context) {
    uint64_t work = 0;
    askr::api().loop->add_work(askr::api().host, step, context, &work);
    return work;
  }};
  askr::RequestSlot<Waiting> waiting_;
  Counters counters_;
};

// ---------------------------------------------------------------- hooks

askr::Verdict Compress::response_head(askr::Request request) {
  askr::Response response = request.response();
  const bool not_modified = response.status() == 304;
  // What most small answers get to see of this plugin.
  const auto length = response.body_length();
  const bool is_part = response.status() == 206;  // whose length says nothing
  if (!not_modified && !is_part && length && *length < min_size_) return askr::Verdict::next;
  // And what is plain for a client that wants nothing else, or has been encoded by somebody who said so.
  const std::string_view encoding = response.header("Content-Encoding");
  const bool is_settled = encoding.data() != nullptr || request.header("Accept-Encoding").data() == nullptr;
  if (!not_modified && is_settled && response.header("Vary") == "Accept-Encoding") return askr::Verdict::next;
  if (is_part) add_vary_to_part(request);
  if (!not_modified && !is_candidate(response)) return askr::Verdict::next;
  const compression::Accepted accepted = compression::parse_accept_encoding(request.header("Accept-Encoding"));
  const Coding coding = coding_for(accepted);
  if (not_modified) {
    if (request.target_kind() != ASKR_TARGET_OTHER) compression::match_not_modified(request, coding);
    return askr::Verdict::next;
  }
  if (send_neighbour(request, accepted)) return askr::Verdict::next;
  if (request.target_kind() == ASKR_TARGET_FILE && length && *length > max_file_size_) return askr::Verdict::next;
  compression::add_vary(response);
  // The length of what GET would send is not known: what would be done with it is not either.
  const bool guess = request.method() == "HEAD" && !length;
  if (coding == Coding::identity || guess || request.is_background()) return askr::Verdict::next;
  return encode(request, coding);
}

// A part of what would have varied if it had been sent whole says so as well (RFC 9110 section 15.3.7). Of one in
// several parts the type is not known any more.
void Compress::add_vary_to_part(askr::Request request) const {
  askr::Response response = request.response();
  const std::string_view type = response.header("Content-Type");
  const bool is_multipart = type.starts_with("multipart/byteranges");
  if (is_multipart || compression::is_compressible(type, types_)) compression::add_vary(response);
}

bool Compress::is_candidate(const askr::Response& response) const {
  const int status = response.status();
  if (status == 204 || status == 206) return false;
  return compression::is_compressible(response.header("Content-Type"), types_) && compression::may_transform(response);
}

Coding Compress::coding_for(const compression::Accepted& accepted) const {
  return accepted.best(levels_.brotli > 0, levels_.gzip > 0);
}

// ---------------------------------------------------------------- static files

bool Compress::send_neighbour(askr::Request request, const compression::Accepted& accepted) {
  askr::Response response = request.response();
  if (!precompressed_ || response.status() != 200 || response.from_worker()) return false;
  const std::string path(request.file_path());
  if (path.empty()) return false;
  const auto offer = neighbours_.look(path, askr::api().loop->now());
  if (!offer.brotli && !offer.gzip) return false;
  compression::add_vary(response);
  const Coding coding = accepted.best(offer.brotli, offer.gzip);
  if (coding == Coding::identity) return false;
  const compression::OpenNeighbour file = compression::Neighbours::open(path, coding);
  if (file.fd < 0) return false;
  response.clear_body();
  if (!response.append_file(file.fd, 0, file.size)) return false;
  response.set_header("ETag", file.etag);
  response.set_header("Last-Modified", http_date(file.modified));
  compression::mark_encoded(response, coding);
  counters_.responses.increment();
  // Those of the file itself have been looked at already; a client may have the neighbour.
  const bool has_other =
      request.header("If-Match").data() != nullptr || request.header("If-Unmodified-Since").data() != nullptr;
  if (!has_other) response.apply_conditions();
  counters_.bytes_out.increment(static_cast<int64_t>(file.size));
  return true;
}

bool Compress::send_kept(askr::Request request, const std::string& key, Coding coding) {
  const auto bytes = files_.find(key);
  if (bytes) replace_body(request, coding, bytes);
  return bytes != nullptr;
}

void Compress::replace_body(askr::Request request, Coding coding, const std::shared_ptr<const std::string>& encoded) {
  askr::Response response = request.response();
  response.clear_body();
  response.append_shared(encoded, *encoded);
  compression::mark_encoded(response, coding);
  counters_.responses.increment();
}

// ---------------------------------------------------------------- everything else

askr::Verdict Compress::encode(askr::Request request, Coding coding) {
  askr::Response response = request.response();
  std::string key;
  if (request.target_kind() == ASKR_TARGET_FILE && !response.from_worker() && !response.header("ETag").empty()) {
    // The ETag is made of all that tells versions of a file apart, and of the very file that is open.
    const int level = coding == Coding::brotli ? levels_.brotli : levels_.gzip;
    key.append(request.file_path()).append("\n").append(response.header("ETag"));
    key.append(compression::coding_name(coding)).append(std::to_string(level));
    if (send_kept(request, key, coding)) return askr::Verdict::next;
  }
  const auto length = response.body_length();
  const bool is_large = length && *length > compression::Jobs::kAtOnce;
  // HEAD says what GET says, and so the length as well.
  if (!key.empty() || is_large || (length && request.method() == "HEAD")) {
    return encode_whole(request, coding, key, *length);
  }
  auto encoder = compression::make_encoder(coding, levels_, length);
  if (!encoder) return askr::Verdict::next;
  if (!response.add_filter(std::make_unique<CompressFilter>(std::move(encoder), counters_))) return askr::Verdict::next;
  compression::mark_encoded(response, coding);
  counters_.responses.increment();
  return askr::Verdict::next;
}

askr::Verdict Compress::encode_whole(askr::Request request, Coding coding, const std::string& key, uint64_t length) {
  Waiting* waiting = waiting_.emplace(request, *this, key, coding);
  if (waiting == nullptr) return askr::Verdict::next;
  const auto callback = [](void* context, askr_request handle, askr_status status, askr_str body) {
    auto& waits = *static_cast<Waiting*>(context);
    askr::Request read(handle);
    if (status == ASKR_OK) {
      waits.plugin.begin_job(read, waits, askr::view(body));
    } else {
      (void)read.resume(askr::Verdict::next);
    }
  };
  const bool reads = static_cast<bool>(request.response().read_body(length, callback, waiting));
  return reads ? askr::Verdict::suspend : askr::Verdict::next;
}

void Compress::begin_job(askr::Request request, Waiting& waiting, std::string_view body) {
  const auto done = [this, request, &waiting, size = body.size()](const auto& encoded) mutable {
    waiting.ticket = 0;
    if (encoded) {
      counters_.bytes_in.increment(static_cast<int64_t>(size));
      counters_.bytes_out.increment(static_cast<int64_t>(encoded->size()));
      if (!waiting.key.empty()) files_.add(waiting.key, encoded);
      replace_body(request, waiting.coding, encoded);
    }
    (void)request.resume(askr::Verdict::next);
  };
  waiting.ticket = jobs_.start(waiting.coding, levels_, body, done);
}

Waiting::~Waiting() {
  if (ticket != 0) plugin.jobs_.cancel(ticket);
}

// ---------------------------------------------------------------- the service

static_assert(static_cast<int32_t>(Coding::gzip) == ASKR_CODING_GZIP);
static_assert(static_cast<int32_t>(Coding::brotli) == ASKR_CODING_BROTLI);

const askr_compress_encode Compress::kService = {
    sizeof(askr_compress_encode),
    [](void* self, askr_str field) -> int32_t {
      const auto& compress = *static_cast<Compress*>(self);
      return static_cast<int32_t>(compress.coding_for(compression::parse_accept_encoding(askr::view(field))));
    },
    [](void* self, askr_request request) -> int32_t {
      return static_cast<Compress*>(self)->is_candidate(askr::Response(request)) ? 1 : 0;
    },
    [](void* self) { return static_cast<Compress*>(self)->min_size_; },
    [](void* /*self*/, int32_t coding) { return askr::str(compression::coding_name(static_cast<Coding>(coding))); },
    [](void* self, int32_t coding, askr_str bytes, void (*take)(void*, askr_str), void* context) -> askr_status {
      auto& compress = *static_cast<Compress*>(self);
      if (coding != ASKR_CODING_GZIP && coding != ASKR_CODING_BROTLI) return ASKR_E_INVALID;
      auto encoder = compression::make_encoder(static_cast<Coding>(coding), compress.levels_, bytes.size);
      std::string encoded;
      if (!encoder || !encoder->write(askr::view(bytes), compression::Step::end, encoded)) return ASKR_E_NO_MEMORY;
      take(context, askr::str(encoded));
      return ASKR_OK;
    },
    [](void* self, int32_t coding, askr_str bytes, void (*done)(void*, askr_status, askr_str),
       void* context) -> askr_status {
      auto& compress = *static_cast<Compress*>(self);
      if (coding != ASKR_CODING_GZIP && coding != ASKR_CODING_BROTLI) return ASKR_E_INVALID;
      const auto tell = [done, context](const std::shared_ptr<const std::string>& encoded) {
        done(context, encoded ? ASKR_OK : ASKR_E_NO_MEMORY, encoded ? askr::str(*encoded) : askr_str{});
      };
      compress.jobs_.start(static_cast<Coding>(coding), compress.levels_, askr::view(bytes), tell);
      return ASKR_OK;
    }};

// ---------------------------------------------------------------- configuration and registration

askr::Result<> Compress::configure(const askr::Configuration& configuration) {
  min_size_ = configuration.size("compress.min_size");
  max_file_size_ = configuration.size("compress.max_file_size");
  levels_.brotli = static_cast<int>(configuration.number("compress.brotli_level"));
  levels_.gzip = static_cast<int>(configuration.number("compress.gzip_level"));
  precompressed_ = configuration.flag("compress.precompressed");
  configuration.for_each("compress.types", [this](std::string_view type) { types_.emplace_back(type); });
  return {};
}

askr::Result<> Compress::register_(askr::Registrar registrar) {
  const auto counter = [registrar](askr::Metric& metric, const char* name, const char* help) {
    return metric.add(registrar, ASKR_METRIC_COUNTER, name, help);
  };
  if (auto slot = waiting_.add(registrar); !slot) return slot;
  auto added = counter(counters_.responses, "askr_compress_responses_total", "Responses that left encoded");
  if (!added) return added;
  added = counter(counters_.bytes_in, "askr_compress_bytes_in_total", "Bytes that were compressed");
  if (!added) return added;
  added = counter(counters_.bytes_out, "askr_compress_bytes_out_total", "Bytes that came out of it");
  if (!added) return added;
  return registrar.provide(ASKR_COMPRESS_ENCODE, &kService, this);
}

}  // namespace

ASKR_PLUGIN(Compress)
