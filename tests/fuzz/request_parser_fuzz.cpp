// A stream of requests, given whole and in pieces of changing sizes. Whatever the bytes: both ways come to the same
// end, and a head that was taken has nothing in it that somebody behind us could read in another way.
//
// The first byte of the input chooses the sizes, the rest is what the client sends.
#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "http/head_rules.hpp"
#include "http/request_parser.hpp"
#include "require.hpp"

namespace {

using namespace askr::http;

constexpr ParserLimits kLimits{2048, 16};

struct Outcome {
  std::vector<std::string> messages;  // one text for each complete head and body
  int error_status = 0;
  size_t consumed = 0;
  bool operator==(const Outcome&) const = default;
};

// Piece sizes from a simple sequence, or one piece for everything.
class Splitter {
 public:
  explicit Splitter(uint8_t seed) : state_(seed) {}
  size_t next(size_t available) {
    if (state_ == 0) return available;
    state_ = state_ * 1103515245 + 12345;
    return std::min<size_t>(available, 1 + (state_ >> 16) % 23);
  }

 private:
  uint32_t state_;
};

bool has_line_break_or_nul(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) { return c == '\r' || c == '\n' || c == '\0'; });
}

unsigned count(const RequestHead& head, std::string_view name) {
  return static_cast<unsigned>(std::count_if(head.headers.begin(), head.headers.end(), [name](const Header& field) {
    return equals_ignoring_case(field.name, name);
  }));
}

void check_head(const RequestHead& head) {
  ASKR_REQUIRE(!head.method_text.empty() &&
               std::all_of(head.method_text.begin(), head.method_text.end(), is_token_char));
  ASKR_REQUIRE(head.minor_version <= 1);
  ASKR_REQUIRE(head.target == "*" || head.target.front() == '/');
  ASKR_REQUIRE(head.target.find_first_of(" \t#") == std::string_view::npos && !has_line_break_or_nul(head.target));
  ASKR_REQUIRE(head.target.starts_with(head.raw_path));
  ASKR_REQUIRE(head.host.empty() ? head.minor_version == 0 : is_valid_host(head.host));
  ASKR_REQUIRE(head.headers.size() <= kLimits.max_headers);
  for (const Header& field : head.headers) {
    ASKR_REQUIRE(!field.name.empty() && std::all_of(field.name.begin(), field.name.end(), is_token_char));
    ASKR_REQUIRE(!has_line_break_or_nul(field.value));
    ASKR_REQUIRE(trim(field.value) == field.value);
  }
  ASKR_REQUIRE(count(head, "host") <= 1 && (head.minor_version == 0 || count(head, "host") == 1));
  ASKR_REQUIRE(count(head, "content-length") == (head.has_content_length ? 1 : 0));
  ASKR_REQUIRE(count(head, "transfer-encoding") == (head.chunked ? 1 : 0));
  ASKR_REQUIRE(!(head.chunked && head.has_content_length));
}

std::string describe(const RequestHead& head) {
  std::string text(head.method_text);
  text.append(" ").append(head.target).append(" ").append(head.host);
  text += head.keep_alive ? " keep" : " close";
  for (const Header& field : head.headers) text.append("|").append(field.name).append("=").append(field.value);
  return text;
}

Outcome run(std::string_view input, Splitter splitter) {
  RequestParser parser(kLimits);
  RequestHead head;
  Outcome outcome;
  std::string head_bytes;
  std::string body;
  bool in_body = false;
  const auto add = [](void* to, const char* data, size_t size) { static_cast<std::string*>(to)->append(data, size); };
  while (!input.empty()) {
    // A buffer of its own for each piece, so that the sanitizer sees every byte read beyond it.
    const std::string piece(input.substr(0, splitter.next(input.size())));
    ParseStep step;
    if (in_body) {
      step = parser.parse_body(piece.data(), piece.size(), add, &body);
    } else {
      std::string moved = head_bytes + piece;
      moved.shrink_to_fit();
      const size_t old_size = head_bytes.size();
      head_bytes = std::move(moved);
      step = parser.parse_head(head_bytes.data(), old_size, piece.size(), head);
    }
    ASKR_REQUIRE(step.consumed <= piece.size());
    if (step.status == ParseStatus::error) {
      outcome.error_status = step.error_status;
      ASKR_REQUIRE(step.error_status >= 400 && step.error_status <= 505 && *step.reason != '\0');
      return outcome;
    }
    ASKR_REQUIRE(step.status == ParseStatus::complete || step.consumed == piece.size());
    outcome.consumed += step.consumed;
    input.remove_prefix(step.consumed);
    if (step.status == ParseStatus::need_more) continue;

    if (!in_body) {
      check_head(head);
      outcome.messages.push_back(describe(head));
      in_body = head.chunked || head.content_length > 0;
      if (in_body) continue;
    }
    outcome.messages.push_back(body);
    in_body = false;
    body.clear();
    head_bytes.clear();
    parser.begin();
  }
  return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view input(reinterpret_cast<const char*>(data) + 1, size - 1);
  const Outcome whole = run(input, Splitter(0));
  const Outcome split = run(input, Splitter(data[0] == 0 ? 1 : data[0]));
  ASKR_REQUIRE(whole.messages == split.messages);
  ASKR_REQUIRE(whole.error_status == split.error_status);
  if (whole.error_status == 0) ASKR_REQUIRE(whole.consumed == split.consumed);
  return 0;
}
