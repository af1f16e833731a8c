// llhttp finds where things begin and end; what it finds is kept as offsets and judged here.
//
// While a head is read, llhttp's callbacks only note positions. When it is complete, the bytes between those positions
// must be exactly the ones that the grammar asks for: one space, "HTTP/", ": " and CR LF. So folded lines, bare line
// feeds, white space before a colon and request lines of other protocols are refused however lenient the parser below
// is. The rules about single fields are in head_rules.cpp.
//
// Two things are wider than llhttp's grammar: a method is any token (RFC 9110 section 9.1), and a target may hold bytes
// above ASCII, as people type them and nginx takes them. llhttp is fed something that it knows in their place.
//
// Bodies of known length are counted without a parser. Chunked ones go through llhttp for their payload, and through
// ChunkLines for everything else.
//
// All answers depend on the bytes alone and not on how they were split into reads (tests/fuzz checks that).
#include "http/request_parser.hpp"

#include <llhttp.h>

#include <algorithm>
#include <cassert>
#include <cstring>
#include <utility>
#include <vector>

#include "http/chunk_lines.hpp"
#include "http/head_rules.hpp"

namespace askr::http {
namespace {

// Blank lines before a request that old clients send after a body (RFC 9112 section 2.2).
constexpr size_t kMaxBlankLines = 4;
constexpr size_t kMaxChunkExtensions = 1024;  // bytes per chunk
constexpr size_t kVersionSize = 3;            // "1.1"
constexpr size_t kMaxMethodSize = 64;
// What llhttp is fed: for a method that it does not know, and for each byte above ASCII.
constexpr std::string_view kKnownMethod = "POST ";
constexpr std::string_view kPlainBytes = "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";

struct Span {
  uint32_t begin = 0, end = 0;
  [[nodiscard]] std::string_view in(const char* base) const { return {base + begin, end - begin}; }
  [[nodiscard]] bool empty() const { return begin == end; }
};

struct Field {
  Span name, value;
};

enum class Stage : uint8_t { head, counted_body, chunked_body, complete, failed };

struct KnownMethod {
  std::string_view text;
  Method method;
};
constexpr KnownMethod kMethods[] = {{"GET", Method::get},    {"POST", Method::post},      {"HEAD", Method::head},
                                    {"PUT", Method::put},    {"DELETE", Method::delete_}, {"OPTIONS", Method::options},
                                    {"PATCH", Method::patch}};

Method method_of(std::string_view text) {
  for (const KnownMethod& known : kMethods) {
    if (known.text == text) return known.method;
  }
  return Method::other;
}

// The preface of HTTP/2, which llhttp recognizes.
bool is_preface(std::string_view method) {
  return method == "PRI";
}

bool is_above_ascii(char c) {
  return static_cast<unsigned char>(c) >= 0x80;
}

// "HTTP/3.7" and not "HTTP/1.1x": well-formed, but not a version we speak.
bool is_foreign_version_before(const char* base, const char* end) {
  if (end - base < 3 || !is_digit(end[-3]) || end[-2] != '.' || !is_digit(end[-1])) return false;
  return end[-3] != '1' || end[-1] > '1';
}

}  // namespace

struct RequestParser::State {
  llhttp_t parser;
  ParserLimits limits;

  // --- the head: offsets from the caller's base
  std::vector<Field> fields;
  const char* base = nullptr;   // of the running call
  const char* piece = nullptr;  // what llhttp is being fed
  uint32_t piece_offset = 0;    // what that stands for, from the base
  Span method, target, version;
  Method kind = Method::other;  // of the method
  uint32_t start = 0;           // of the request line, behind blank lines
  uint32_t seen = 0;            // looked at
  uint32_t fed = 0;             // what llhttp has seen of that: no method before it is complete
  enum class Part : uint8_t { method, target, rest };
  Part part = Part::method;

  // --- the body
  uint64_t remaining = 0;
  ChunkLines lines;
  const char* lines_from = nullptr;  // of the running call: what `lines` has not seen
  uint32_t extension_bytes = 0;
  uint32_t trailers = 0;
  BodySink sink = nullptr;
  void* sink_context = nullptr;

  Stage stage = Stage::head;
  Refusal refusal;

  int refuse(int status, const char* reason) {
    refusal = {status, reason};
    return HPE_USER;
  }
  void extend(Span& span, const char* at, size_t size) const {
    const auto begin = piece_offset + static_cast<uint32_t>(at - piece);
    if (span.empty()) span.begin = begin;
    span.end = begin + static_cast<uint32_t>(size);
  }

  Refusal skip_blank_lines(size_t available);
  Refusal explain_head_error(llhttp_errno_t error) const;
  Refusal explain_limit() const;
  Refusal read_method(size_t end);
  llhttp_errno_t feed(std::string_view bytes, size_t offset);
  llhttp_errno_t feed_target(size_t end);
  llhttp_errno_t feed_up_to(size_t end);
  Refusal build(size_t end, RequestHead& head);
  [[nodiscard]] bool has_exact_lines(size_t end) const;
  void choose_body(const RequestHead& head);
  Refusal watch_lines(const char* end);
  ParseStep count_body(const char* data, size_t size);
  ParseStep decode_chunks(const char* data, size_t size);
  ParseStep fail(const Refusal& why, size_t consumed);

  // --- what llhttp calls; trailers come the same way as the fields of the head and are only counted
  static State& of(llhttp_t* parser) { return *static_cast<State*>(parser->data); }
  static int on_url(llhttp_t* parser, const char* at, size_t size) {
    State& state = of(parser);
    state.extend(state.target, at, size);
    return 0;
  }
  static int on_version(llhttp_t* parser, const char* at, size_t size) {
    State& state = of(parser);
    state.extend(state.version, at, size);
    return 0;
  }
  static int on_field_name(llhttp_t* parser, const char* at, size_t size) {
    State& state = of(parser);
    if (state.stage != Stage::head) return 0;
    // A value, even an empty one, has closed the field before.
    if (state.fields.empty() || state.fields.back().value.begin != 0) state.fields.emplace_back();
    state.extend(state.fields.back().name, at, size);
    return 0;
  }
  static int on_field_name_complete(llhttp_t* parser) {
    State& state = of(parser);
    const size_t count = state.stage == Stage::head ? state.fields.size() : ++state.trailers;
    if (count > state.limits.max_headers) return state.refuse(431, "too many fields");
    if (state.stage != Stage::head) return 0;
    if (state.fields.empty() || state.fields.back().name.empty()) return state.refuse(400, "field without a name");
    Field& field = state.fields.back();
    field.value = {field.name.end + 1, field.name.end + 1};
    return 0;
  }
  static int on_field_value(llhttp_t* parser, const char* at, size_t size) {
    State& state = of(parser);
    // For an empty value the position is that of the next line.
    if (state.stage != Stage::head || size == 0) return 0;
    Span& value = state.fields.back().value;
    if (!value.empty() && value.end != state.piece_offset + (at - state.piece)) return state.refuse(400, "folded line");
    state.extend(value, at, size);
    return 0;
  }
  static int on_headers_complete(llhttp_t* parser) {
    parser->upgrade = 0;  // whether to change protocols is not the parser's decision
    return HPE_PAUSED;
  }
  static int on_body(llhttp_t* parser, const char* at, size_t size) {
    State& state = of(parser);
    if (const Refusal bad = state.watch_lines(at); bad.status != 0) return state.refuse(bad.status, bad.reason);
    state.lines.restart();
    state.lines_from = at + size;
    state.sink(state.sink_context, at, size);
    return 0;
  }
  static int on_chunk_header(llhttp_t* parser) {
    of(parser).extension_bytes = 0;
    return 0;
  }
  static int on_chunk_extension(llhttp_t* parser, const char* /*at*/, size_t size) {
    State& state = of(parser);
    state.extension_bytes += static_cast<uint32_t>(size);
    if (state.extension_bytes > kMaxChunkExtensions) return state.refuse(400, "chunk extensions are too long");
    return 0;
  }
  static int on_message_complete(llhttp_t* /*parser*/) { return HPE_PAUSED; }

  static const llhttp_settings_t* settings() {
    static const llhttp_settings_t table = [] {
      llhttp_settings_t made;
      llhttp_settings_init(&made);
      made.on_url = on_url;
      made.on_version = on_version;
      made.on_header_field = on_field_name;
      made.on_header_field_complete = on_field_name_complete;
      made.on_header_value = on_field_value;
      made.on_headers_complete = on_headers_complete;
      made.on_body = on_body;
      made.on_chunk_header = on_chunk_header;
      made.on_chunk_extension_name = on_chunk_extension;
      made.on_chunk_extension_value = on_chunk_extension;
      made.on_message_complete = on_message_complete;
      return made;
    }();
    return &table;
  }
};

RequestParser::RequestParser(const ParserLimits& limits) : state_(std::make_unique<State>()) {
  static_assert(sizeof(State) <= 300, "an idle connection is meant to be cheap");
  state_->limits = limits;
  begin();
}

RequestParser::~RequestParser() = default;

void RequestParser::begin() {
  State& state = *state_;
  llhttp_init(&state.parser, HTTP_REQUEST, State::settings());
  state.parser.data = &state;
  state.fields.clear();
  state.method = state.target = state.version = {};
  state.start = state.seen = state.fed = 0;
  state.part = State::Part::method;
  state.stage = Stage::head;
  state.refusal = {};
}

// ---------------------------------------------------------------- the head

ParseStep RequestParser::parse_head(const char* base, size_t old_size, size_t new_size, RequestHead& head) {
  State& state = *state_;
  if (state.stage == Stage::failed) return state.fail(state.refusal, 0);
  assert(state.stage == Stage::head);
  const size_t available = old_size + new_size;
  state.base = base;
  if (state.seen == 0) {
    const Refusal bad = state.skip_blank_lines(available);
    if (bad.status != 0) return state.fail(bad, new_size);
    if (state.start < available && base[state.start] == '\r') return {ParseStatus::need_more, new_size};
    state.method = {state.start, state.start};
  }
  const size_t limit = state.start + state.limits.max_head_size;
  const size_t from = std::max<size_t>(state.seen, state.start);
  const size_t to = std::min(available, limit);
  if (from >= to) return {ParseStatus::need_more, new_size};

  state.seen = static_cast<uint32_t>(from);
  if (state.part == State::Part::method) {
    if (const Refusal bad = state.read_method(to); bad.status != 0) return state.fail(bad, new_size);
  }
  const llhttp_errno_t error = state.feed_up_to(to);
  if (error == HPE_OK) {
    if (to == limit) return state.fail(state.explain_limit(), new_size);
    return {ParseStatus::need_more, new_size};
  }
  if (error != HPE_PAUSED) return state.fail(state.explain_head_error(error), new_size);
  const auto end = static_cast<size_t>(llhttp_get_error_pos(&state.parser) - base);
  if (const Refusal bad = state.build(end, head); bad.status != 0) return state.fail(bad, end - old_size);
  state.choose_body(head);
  return {ParseStatus::complete, end - old_size};
}

Refusal RequestParser::State::skip_blank_lines(size_t available) {
  while (start < available && (base[start] == '\r' || base[start] == '\n')) {
    if (base[start] == '\n') return {400, "a line ends without CR"};
    if (start + 1 == available) return {};
    if (base[start + 1] != '\n') return {400, "a CR without LF"};
    start += 2;
    if (start > 2 * kMaxBlankLines) return {400, "too many blank lines"};
  }
  return {};
}

Refusal RequestParser::State::explain_head_error(llhttp_errno_t error) const {
  const char* position = llhttp_get_error_pos(&parser);
  if (refusal.status != 0) return refusal;
  switch (error) {
    case HPE_INVALID_VERSION:
      if (is_foreign_version_before(base, position)) return {505, "unknown HTTP version"};
      break;
    case HPE_PAUSED_H2_UPGRADE:
      return {505, "HTTP/2 without TLS"};
    default:
      break;
  }
  return {400, llhttp_get_error_reason(&parser)};
}

// What does not look like a method is not HTTP; one that is longer than any is 501 (RFC 9112 section 3). Without a
// refusal it may be incomplete.
Refusal RequestParser::State::read_method(size_t end) {
  while (seen < end && is_token_char(base[seen])) ++seen;
  method.end = seen;
  if (method.end - method.begin > kMaxMethodSize) return {501, "the method is too long"};
  if (seen == end) return {};
  if (base[seen] != ' ' || method.empty()) return {400, "this is not HTTP"};
  ++seen;
  const std::string_view text = method.in(base);
  fed = start;
  kind = method_of(text);
  if (kind == Method::other && text == "CONNECT") return {501, "CONNECT is for proxies"};
  if (kind == Method::other && !is_preface(text)) {
    feed(kKnownMethod, start);
    fed = seen;
  }
  part = Part::target;
  return {};
}

llhttp_errno_t RequestParser::State::feed(std::string_view bytes, size_t offset) {
  piece = bytes.data();
  piece_offset = static_cast<uint32_t>(offset);
  return llhttp_execute(&parser, bytes.data(), bytes.size());
}

// The part of the target before `end`, which is that of the target or where a byte above ASCII stands.
llhttp_errno_t RequestParser::State::feed_target(size_t end) {
  llhttp_errno_t error = HPE_OK;
  while (error == HPE_OK && fed < end) {
    const char* from = base + fed;
    const bool is_plain = !is_above_ascii(*from);
    const char* to = std::find_if(from, base + end, [is_plain](char c) { return is_above_ascii(c) == is_plain; });
    auto size = static_cast<size_t>(to - from);
    if (!is_plain) size = std::min(size, kPlainBytes.size());
    error = feed({is_plain ? from : kPlainBytes.data(), size}, fed);
    fed += static_cast<uint32_t>(size);
  }
  return error;
}

// All that is there, up to `end`, once the method is complete. Where nothing has to be replaced, in one piece.
llhttp_errno_t RequestParser::State::feed_up_to(size_t end) {
  if (part == Part::target) {
    bool is_plain = true;
    const auto ends_target = [](char c) { return c == ' ' || c == '\r' || c == '\n'; };
    for (; seen < end && !ends_target(base[seen]); ++seen) is_plain = is_plain && !is_above_ascii(base[seen]);
    if (!is_plain) {
      const llhttp_errno_t error = feed_target(seen);
      if (error != HPE_OK) return error;
    }
    if (seen < end) part = Part::rest;
  }
  seen = static_cast<uint32_t>(end);
  if (part == Part::method) return HPE_OK;
  const size_t from = std::exchange(fed, seen);
  return from < end ? feed({base + from, end - from}, from) : HPE_OK;
}

Refusal RequestParser::State::explain_limit() const {
  // No field has begun and the version is not reached: all of it was request line.
  if (version.empty()) return {414, "the request line is too long"};
  return {431, "the head is too large"};
}

// True when nothing stands between the noted positions but what has to.
bool RequestParser::State::has_exact_lines(size_t end) const {
  const auto is_at = [this](size_t position, std::string_view text) {
    return std::memcmp(base + position, text.data(), text.size()) == 0;
  };
  if (target.empty() || version.end - version.begin != kVersionSize) return false;
  if (target.begin != method.end + 1 || base[method.end] != ' ') return false;
  if (version.begin != target.end + 6 || !is_at(target.end, " HTTP/")) return false;

  size_t line_end = version.end;
  for (const Field& field : fields) {
    if (!is_at(line_end, "\r\n") || field.name.begin != line_end + 2) return false;
    if (base[field.name.end] != ':') return false;
    for (size_t i = field.name.end + 1; i < field.value.begin; ++i) {
      if (base[i] != ' ' && base[i] != '\t') return false;
    }
    line_end = field.value.end;
    // What llhttp leaves out of a value that ends with white space, or has nothing else.
    while (base[line_end] == ' ' || base[line_end] == '\t') ++line_end;
  }
  return line_end + 4 == end && is_at(line_end, "\r\n\r\n");
}

Refusal RequestParser::State::build(size_t end, RequestHead& head) {
  head.clear();
  // Only an HTTP/0.9 request line has no version.
  if (version.empty()) return {400, "no HTTP version"};
  if (!has_exact_lines(end)) return {400, "malformed line in the head"};
  if (llhttp_get_http_major(&parser) != 1) return {505, "unknown HTTP version"};
  head.minor_version = llhttp_get_http_minor(&parser);
  head.method_text = method.in(base);
  head.method = kind;
  head.target = target.in(base);
  head.headers.reserve(fields.size());
  for (const Field& field : fields) head.headers.push_back({field.name.in(base), trim(field.value.in(base))});
  return apply_head_rules(head);
}

void RequestParser::State::choose_body(const RequestHead& head) {
  if (head.chunked) {
    stage = Stage::chunked_body;
    lines.begin(limits.max_head_size);
    extension_bytes = trailers = 0;
    llhttp_resume(&parser);
    return;
  }
  remaining = head.content_length;
  stage = remaining > 0 ? Stage::counted_body : Stage::complete;
}

// ---------------------------------------------------------------- the body

ParseStep RequestParser::parse_body(const char* data, size_t size, BodySink sink, void* context) {
  State& state = *state_;
  state.sink = sink;
  state.sink_context = context;
  switch (state.stage) {
    case Stage::counted_body:
      return state.count_body(data, size);
    case Stage::chunked_body:
      return state.decode_chunks(data, size);
    case Stage::failed:
      return state.fail(state.refusal, 0);
    case Stage::head:
    case Stage::complete:
      break;
  }
  assert(state.stage == Stage::complete);
  return {ParseStatus::complete, 0};
}

ParseStep RequestParser::State::count_body(const char* data, size_t size) {
  const auto taken = static_cast<size_t>(std::min<uint64_t>(size, remaining));
  if (taken > 0) sink(sink_context, data, taken);
  remaining -= taken;
  if (remaining > 0) return {ParseStatus::need_more, taken};
  stage = Stage::complete;
  return {ParseStatus::complete, taken};
}

ParseStep RequestParser::State::decode_chunks(const char* data, size_t size) {
  lines_from = data;
  const llhttp_errno_t error = llhttp_execute(&parser, data, size);
  const char* end = error == HPE_OK ? data + size : llhttp_get_error_pos(&parser);
  const auto consumed = static_cast<size_t>(end - data);
  if (refusal.status != 0) return fail(refusal, consumed);
  if (const Refusal bad = watch_lines(end); bad.status != 0) return fail(bad, consumed);
  if (error == HPE_OK) return {ParseStatus::need_more, size};
  if (error != HPE_PAUSED) return fail({400, llhttp_get_error_reason(&parser)}, consumed);
  stage = Stage::complete;
  return {ParseStatus::complete, consumed};
}

Refusal RequestParser::State::watch_lines(const char* end) {
  const char* from = std::exchange(lines_from, end);
  if (from >= end) return {};
  switch (lines.add(from, end)) {
    case ChunkLines::Verdict::fine:
      return {};
    case ChunkLines::Verdict::bad_line_end:
      return {400, "a line of the chunked body does not end with CR LF"};
    case ChunkLines::Verdict::too_long:
      return {431, "the trailer fields are too large"};
  }
  return {};
}

ParseStep RequestParser::State::fail(const Refusal& why, size_t consumed) {
  refusal = why;
  stage = Stage::failed;
  return {ParseStatus::error, consumed, why.status, why.reason};
}

}  // namespace askr::http
