// Conditions come before ranges, and both are checked against the very bytes that are sent (RFC 9110 section 13.2.2).
#include "gateway/conditions.hpp"

#include <fmt/core.h>
#include <sys/random.h>

#include <algorithm>
#include <utility>

#include "base/clock.hpp"
#include "gateway/error_pages.hpp"
#include "http/conditional.hpp"
#include "http/date.hpp"
#include "http/ranges.hpp"

namespace askr::gateway {
namespace {

using http::Method;
using http::RangeOutcome;
using http::RangeRequest;
using pipeline::BodyPart;
using pipeline::Transaction;

http::Validators validators_of(const http::HeaderList& fields, int64_t now) {
  http::Validators validators;
  validators.etag = fields.find("ETag");
  const std::string_view modified = fields.find("Last-Modified");
  if (!modified.empty()) validators.last_modified = http::parse_date(modified, now).value_or(0);
  return validators;
}

// What a 304 may say of the representation that it stands for is what identifies it (RFC 9110 section 15.4.5).
void become_not_modified(Transaction& transaction) {
  transaction.response.status = 304;
  transaction.body.clear();
  for (const char* field : {"Content-Type", "Content-Encoding", "Content-Language", "Accept-Ranges"}) {
    transaction.response.headers.remove(field);
  }
}

// The piece of the body that a range is, without copying it.
void append_slice(const std::vector<BodyPart>& body, http::ByteRange range, std::vector<BodyPart>& out) {
  for (const BodyPart& part : body) {
    if (range.size == 0) return;
    if (range.first >= part.length) {
      range.first -= part.length;
      continue;
    }
    BodyPart slice = part;
    slice.length = std::min(part.length - range.first, range.size);
    if (part.file == nullptr) {
      slice.bytes = part.bytes.substr(range.first, slice.length);
    } else {
      slice.offset += range.first;
    }
    range.size -= slice.length;
    range.first = 0;
    out.push_back(std::move(slice));
  }
}

uint64_t random_number() {
  uint64_t number = 0;
  if (::getrandom(&number, sizeof number, GRND_NONBLOCK) != sizeof number) number = static_cast<uint64_t>(wall_now());
  return number;
}

// What separates the parts of a multipart answer: unpredictable, so that no content can contain it on purpose.
const std::string& boundary() {
  static const std::string text = fmt::format("askr-{:016x}{:016x}", random_number(), random_number());
  return text;
}

// RFC 9110 section 14.6.
void become_multipart(Transaction& transaction, const RangeRequest& request, uint64_t size) {
  const std::string type(transaction.response.headers.find("Content-Type"));
  const std::string type_line = type.empty() ? std::string() : "Content-Type: " + type + "\r\n";
  std::vector<BodyPart> parts;
  for (const http::ByteRange& range : request.ranges) {
    parts.push_back(BodyPart::of_text(fmt::format("\r\n--{}\r\n{}Content-Range: {}\r\n\r\n", boundary(), type_line,
                                                  http::content_range(range, size))));
    append_slice(transaction.body, range, parts);
  }
  parts.push_back(BodyPart::of_text("\r\n--" + boundary() + "--\r\n"));
  transaction.body = std::move(parts);
  transaction.response.headers.set("Content-Type", "multipart/byteranges; boundary=" + boundary());
}

void become_partial(Transaction& transaction, const RangeRequest& request, uint64_t size) {
  transaction.response.status = 206;
  if (request.ranges.size() > 1) {
    become_multipart(transaction, request, size);
    return;
  }
  transaction.response.headers.set("Content-Range", http::content_range(request.ranges.front(), size));
  std::vector<BodyPart> parts;
  append_slice(transaction.body, request.ranges.front(), parts);
  transaction.body = std::move(parts);
}

}  // namespace

void apply_conditions(Transaction& transaction) {
  const http::RequestHead& head = transaction.head;
  const bool is_read = head.method == Method::get || head.method == Method::head;
  if (!is_read || transaction.response.status != 200 || !http::has_conditions(head)) return;
  const int64_t now = wall_now() / kSecond;
  const http::HeaderList& fields = transaction.response.headers;
  const http::Validators validators = validators_of(fields, now);
  const http::Precondition precondition = check_preconditions(head, validators, now);
  if (transaction.is_streaming) {  // of what is not complete nothing else can be said
    if (precondition == http::Precondition::not_modified) become_not_modified(transaction);
    return;
  }
  switch (precondition) {
    case http::Precondition::failed:
      make_error_page(transaction, 412);
      return;
    case http::Precondition::not_modified:
      become_not_modified(transaction);
      return;
    case http::Precondition::proceed:
      break;
  }
  const std::string_view range = head.header("range");
  if (range.empty() || head.method != Method::get || fields.find("Accept-Ranges") != "bytes" ||
      !range_applies(head, validators, now)) {
    return;
  }
  const uint64_t size = transaction.body_length();
  const RangeRequest request = http::parse_ranges(range, size);
  if (request.outcome == RangeOutcome::partial) {
    become_partial(transaction, request, size);
  } else if (request.outcome == RangeOutcome::unsatisfiable) {
    make_error_page(transaction, 416);
    transaction.response.headers.add("Content-Range", fmt::format("bytes */{}", size));
  }
}

}  // namespace askr::gateway
