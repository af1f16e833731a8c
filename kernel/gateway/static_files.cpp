// Conditions are checked before ranges, and both against the very file whose bytes are sent (RFC 9110 section 13.2.2).
#include "gateway/static_files.hpp"

#include <spdlog/fmt/fmt.h>
#include <sys/random.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "gateway/error_pages.hpp"
#include "gateway/file_cache.hpp"
#include "http/conditional.hpp"
#include "http/mime_types.hpp"
#include "http/ranges.hpp"
#include "http/uri.hpp"
#include "pipeline/request_table.hpp"

namespace askr::gateway {
namespace {

using http::Method;
using http::RangeOutcome;
using http::RangeRequest;
using pipeline::BodyPart;
using pipeline::TargetKind;
using pipeline::Transaction;
using pipeline::Verdict;

int status_of_open(int error) {
  switch (error) {
    case EACCES:
    case EPERM:
      return 403;
    case ENOENT:
    case ENOTDIR:
    case ELOOP:
      return 404;
    case EMFILE:
    case ENFILE:
    case ENOMEM:
      return 503;
    default:
      return 500;
  }
}

Verdict refuse(Transaction& transaction, int status) {
  make_error_page(transaction, status);
  return Verdict::done;
}

// The encoded path and not the one of the request: that could begin with two slashes, and name another host.
Verdict redirect_to_slash(Transaction& transaction) {
  std::string location;
  http::append_encoded_path(transaction.path, location);
  location += '/';
  if (!transaction.head.query.empty()) location.append("?").append(transaction.head.query);
  make_error_page(transaction, 301);
  transaction.response.headers.add("Location", location);
  return Verdict::done;
}

BodyPart part_of(const OpenFile& file, const http::ByteRange& range) {
  if (!file.bytes) return {{}, file.file, nullptr, range.first, range.size};
  return {std::string_view(*file.bytes).substr(range.first, range.size), nullptr, file.bytes, 0, range.size};
}

uint64_t random_number() {
  uint64_t number = 0;
  if (::getrandom(&number, sizeof number, GRND_NONBLOCK) != sizeof number) number = static_cast<uint64_t>(wall_now());
  return number;
}

}  // namespace

struct StaticFiles::State {
  http::MimeTypes types = http::MimeTypes::load();
  FileCache cache;
  // What separates the parts of a multipart answer: unpredictable, so that no file can contain it on purpose.
  std::string boundary = fmt::format("askr-{:016x}{:016x}", random_number(), random_number());

  Verdict answer_file(Transaction& transaction);
  void send_whole(Transaction& transaction, const OpenFile& file);
  void send_ranges(Transaction& transaction, const OpenFile& file, const RangeRequest& request);
  void send_multipart(Transaction& transaction, const OpenFile& file, const RangeRequest& request);
};

StaticFiles::StaticFiles() : state_(std::make_unique<State>()) {}
StaticFiles::~StaticFiles() = default;

void StaticFiles::clear_cache() {
  state_->cache.clear();
}

void StaticFiles::install(pipeline::Pipeline& pipeline) {
  const auto hook = [](void* self, askr_request request) {
    return static_cast<askr_verdict>(static_cast<StaticFiles*>(self)->answer(*pipeline::request_table().find(request)));
  };
  pipeline.add(pipeline::Phase::route, {"static", hook, this, {}, {}});
}

Verdict StaticFiles::answer(Transaction& transaction) {
  const TargetKind kind = transaction.target.kind;
  if (kind == TargetKind::directory) return redirect_to_slash(transaction);
  if (kind != TargetKind::file) return Verdict::next;
  const Method method = transaction.head.method;
  if (method != Method::get && method != Method::head) {
    make_error_page(transaction, 405);
    transaction.response.headers.add("Allow", "GET, HEAD");
    return Verdict::done;
  }
  return state_->answer_file(transaction);
}

Verdict StaticFiles::State::answer_file(Transaction& transaction) {
  const auto [file, error] = cache.open(transaction.target.file_path, transaction.target.file_status);
  if (!file) {
    if (error != ENOENT) log::error("cannot open {}: {}", transaction.target.file_path, std::strerror(error));
    return refuse(transaction, status_of_open(error));
  }
  const http::RequestHead& head = transaction.head;
  const int64_t now = wall_now() / kSecond;
  const http::Validators validators{file->etag, file->modified};
  const http::Precondition condition = check_preconditions(head, validators, now);
  if (condition == http::Precondition::failed) return refuse(transaction, 412);

  http::HeaderList& fields = transaction.response.headers;
  fields.add("ETag", file->etag);
  fields.add("Last-Modified", file->last_modified);
  if (condition == http::Precondition::not_modified) {
    transaction.response.status = 304;
    return Verdict::done;
  }
  fields.add("Accept-Ranges", "bytes");

  RangeRequest request;
  if (head.method == Method::get) {
    const std::string_view range = head.header("range");
    if (!range.empty() && range_applies(head, validators, now)) request = http::parse_ranges(range, file->size);
  }
  switch (request.outcome) {
    case RangeOutcome::whole:
      send_whole(transaction, *file);
      break;
    case RangeOutcome::partial:
      send_ranges(transaction, *file, request);
      break;
    case RangeOutcome::unsatisfiable:
      make_error_page(transaction, 416);
      transaction.response.headers.add("Content-Range", fmt::format("bytes */{}", file->size));
      break;
  }
  return Verdict::done;
}

void StaticFiles::State::send_whole(Transaction& transaction, const OpenFile& file) {
  transaction.response.headers.add("Content-Type", types.type_of(transaction.target.file_path));
  if (file.size > 0) transaction.body.push_back(part_of(file, {0, file.size}));
}

void StaticFiles::State::send_ranges(Transaction& transaction, const OpenFile& file, const RangeRequest& request) {
  transaction.response.status = 206;
  if (request.ranges.size() > 1) {
    send_multipart(transaction, file, request);
    return;
  }
  const http::ByteRange& range = request.ranges.front();
  transaction.response.headers.add("Content-Type", types.type_of(transaction.target.file_path));
  transaction.response.headers.add("Content-Range", http::content_range(range, file.size));
  transaction.body.push_back(part_of(file, range));
}

// RFC 9110 section 14.6.
void StaticFiles::State::send_multipart(Transaction& transaction, const OpenFile& file, const RangeRequest& request) {
  transaction.response.headers.add("Content-Type", "multipart/byteranges; boundary=" + boundary);
  const std::string_view type = types.type_of(transaction.target.file_path);
  for (const http::ByteRange& range : request.ranges) {
    transaction.body.push_back(
        BodyPart::of_text(fmt::format("\r\n--{}\r\nContent-Type: {}\r\nContent-Range: {}\r\n\r\n", boundary, type,
                                      http::content_range(range, file.size))));
    transaction.body.push_back(part_of(file, range));
  }
  transaction.body.push_back(BodyPart::of_text("\r\n--" + boundary + "--\r\n"));
}

}  // namespace askr::gateway
