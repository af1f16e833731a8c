#include "gateway/static_files.hpp"

#include <cerrno>
#include <cstring>
#include <utility>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "gateway/conditions.hpp"
#include "gateway/error_pages.hpp"
#include "gateway/file_cache.hpp"
#include "http/mime_types.hpp"
#include "http/uri.hpp"
#include "pipeline/request_table.hpp"

namespace askr::gateway {
namespace {

using http::Method;
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

BodyPart whole(const OpenFile& file) {
  if (!file.bytes) return {{}, file.file, nullptr, 0, file.size};
  return {*file.bytes, nullptr, file.bytes, 0, file.size};
}

}  // namespace

struct StaticFiles::State final : Timed {
  http::MimeTypes types = http::MimeTypes::load();
  FileCache cache;
  Timers* timers = nullptr;
  Timer timer{*this};  // armed while the cache may hold something

  Verdict answer_file(Transaction& transaction);
  void age(int64_t now);
  void on_timeout(Timeout /*kind*/) override { age(monotonic_now()); }
};

StaticFiles::StaticFiles() : state_(std::make_unique<State>()) {}
StaticFiles::~StaticFiles() = default;

void StaticFiles::age_with(Timers& timers) {
  state_->timers = &timers;
}

void StaticFiles::State::age(int64_t now) {
  const int64_t next = cache.forget_unused(now);
  if (next != 0) timers->arm(timer, Timeout::file_cache, next);
}

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
  const int64_t now = transaction.times.accepted;
  const auto [file, error] = cache.open(transaction.target.file_path, transaction.target.file_status, now);
  if (timers != nullptr && !timer.armed()) age(now);
  if (!file) {
    if (error != ENOENT) log::error("cannot open {}: {}", transaction.target.file_path, std::strerror(error));
    return refuse(transaction, status_of_open(error));
  }
  transaction.target.file_status = file->status;
  http::HeaderList& fields = transaction.response.headers;
  fields.add("ETag", file->etag);
  fields.add("Last-Modified", file->last_modified);
  fields.add("Accept-Ranges", "bytes");
  fields.add("Content-Type", types.type_of(transaction.target.file_path));
  if (file->size > 0) transaction.body.push_back(whole(*file));
  apply_conditions(transaction);
  return Verdict::done;
}

}  // namespace askr::gateway
