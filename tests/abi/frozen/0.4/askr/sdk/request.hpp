// Request and Response: one exchange with a client, in a gateway. Both are handles of the size of a number: copy them.
#pragma once

#include <memory>
#include <optional>

#include "askr/sdk/core.hpp"

namespace askr {

enum class Verdict : askr_verdict {
  next = ASKR_NEXT,
  done = ASKR_DONE,
  suspend = ASKR_SUSPEND,
  fail = ASKR_FAIL,
};

class Request;

// Where a body filter writes to; valid during BodyFilter::data.
class Sink {
 public:
  explicit Sink(askr_sink* sink) : sink_(sink) {}
  Result<> emit(std::string_view bytes, uint32_t piece_flags) {
    return check(detail::api.response->emit(sink_, str(bytes), piece_flags), "the response was cut off");
  }

 private:
  askr_sink* sink_;
};

// Deleted by the server when the response is over; see askr_body_filter for what it is told.
class BodyFilter {
 public:
  BodyFilter() = default;
  BodyFilter(const BodyFilter&) = delete;
  BodyFilter& operator=(const BodyFilter&) = delete;
  virtual ~BodyFilter() = default;
  virtual Result<> data(Request request, std::string_view bytes, uint32_t piece_flags, Sink& out) = 0;
};

enum class Length : uint32_t { changes = 0, stays = 1 };

class Response {
 public:
  explicit Response(askr_request handle) : handle_(handle) {}

  [[nodiscard]] int status() const { return api().status(handle_); }
  void set_status(int status) { api().set_status(handle_, status); }
  // Valid until a field is changed; data() == nullptr when there is none.
  [[nodiscard]] std::string_view header(std::string_view name) const { return view(api().header(handle_, str(name))); }
  void set_header(std::string_view name, std::string_view value) { api().set_header(handle_, str(name), str(value)); }
  void add_header(std::string_view name, std::string_view value) { api().add_header(handle_, str(name), str(value)); }
  void remove_header(std::string_view name) { api().remove_header(handle_, str(name)); }
  // visit(name, value) for each field, in order; it must not change them.
  template <class Visitor>
  void for_each_header(Visitor&& visit) const {
    askr_str name;
    askr_str value;
    for (uint32_t i = 0; api().header_at(handle_, i, &name, &value) == ASKR_OK; ++i) visit(view(name), view(value));
  }

  [[nodiscard]] askr_body_kind body_kind() const { return static_cast<askr_body_kind>(api().body_kind(handle_)); }
  // nullopt: not known yet.
  [[nodiscard]] std::optional<uint64_t> body_length() const {
    const uint64_t length = api().body_length(handle_);
    return length == ASKR_LENGTH_UNKNOWN ? std::nullopt : std::optional(length);
  }
  [[nodiscard]] bool from_worker() const { return api().from_worker(handle_) != 0; }
  void clear_body() { api().clear_body(handle_); }
  void append(std::string_view bytes) { api().append_copy(handle_, str(bytes)); }
  // `keeper` owns the bytes and is let go when they are not needed any more.
  void append_shared(std::shared_ptr<const void> keeper, std::string_view bytes) {
    const auto release = [](void* context) { delete static_cast<std::shared_ptr<const void>*>(context); };
    api().append_shared(handle_, str(bytes), release, new std::shared_ptr<const void>(std::move(keeper)));
  }
  // The server closes the descriptor.
  Result<> append_file(int fd, uint64_t offset, uint64_t length) {
    return check(api().append_file(handle_, fd, offset, length), "the file cannot be sent");
  }
  Result<> add_filter(std::unique_ptr<BodyFilter> filter, Length length = Length::changes);
  // 304, 412, 206 or 416 where the request asks for it; see askr_response_api.apply_conditions.
  void apply_conditions() { api().apply_conditions(handle_); }

  // See askr_response_api.read_body.
  Result<> read_body(uint64_t limit, askr_body_callback callback, void* context) {
    return check(api().read_body(handle_, limit, callback, context), "the body cannot be read");
  }
  [[nodiscard]] uint64_t bytes_sent() const { return api().bytes_sent(handle_); }
  [[nodiscard]] std::string_view failure() const { return view(api().failure(handle_)); }

 private:
  static const askr_response_api& api() { return *detail::api.response; }
  askr_request handle_;
};

class Request {
 public:
  explicit Request(askr_request handle) : handle_(handle) {}

  [[nodiscard]] askr_request handle() const { return handle_; }
  [[nodiscard]] Response response() const { return Response(handle_); }

  [[nodiscard]] std::string_view method() const { return view(api().method(handle_)); }
  [[nodiscard]] std::string_view target() const { return view(api().target(handle_)); }
  [[nodiscard]] std::string_view path() const { return view(api().path(handle_)); }
  [[nodiscard]] std::string_view query() const { return view(api().query(handle_)); }
  [[nodiscard]] std::string_view host() const { return view(api().host(handle_)); }
  [[nodiscard]] std::string_view id() const { return view(api().id(handle_)); }
  [[nodiscard]] std::string_view client_address() const { return view(api().client_address(handle_)); }
  [[nodiscard]] std::string_view server_address() const { return view(api().server_address(handle_)); }
  [[nodiscard]] uint16_t server_port() const { return api().server_port(handle_); }
  [[nodiscard]] bool is_secure() const { return api().is_secure(handle_) != 0; }
  [[nodiscard]] int http_minor() const { return api().http_minor(handle_); }
  // data() == nullptr when there is none.
  [[nodiscard]] std::string_view header(std::string_view name) const { return view(api().header(handle_, str(name))); }
  template <class Visitor>
  void for_each_header(Visitor&& visit) const {
    askr_str name;
    askr_str value;
    for (uint32_t i = 0; api().header_at(handle_, i, &name, &value) == ASKR_OK; ++i) visit(view(name), view(value));
  }
  void set_header(std::string_view name, std::string_view value) { api().set_header(handle_, str(name), str(value)); }
  void remove_header(std::string_view name) { api().remove_header(handle_, str(name)); }
  [[nodiscard]] askr_target target_kind() const { return static_cast<askr_target>(api().target_kind(handle_)); }
  [[nodiscard]] std::string_view file_path() const { return view(api().file_path(handle_)); }
  Result<> read_body(uint64_t limit, askr_body_callback callback, void* context) {
    return check(api().read_body(handle_, limit, callback, context), "the body cannot be read");
  }
  [[nodiscard]] askr_times times() const {
    askr_times times{};
    times.size = sizeof times;
    api().times(handle_, &times);
    return times;
  }
  // See askr_request_api.want_whole.
  void want_whole() { api().want_whole(handle_); }
  // Runs it again without a client, see askr_pipeline.repeat.
  Result<> repeat() { return check(detail::api.pipeline->repeat(handle_), "the request cannot be repeated"); }
  [[nodiscard]] bool is_background() const { return api().is_background(handle_) != 0; }
  // Memory until the end of the request.
  void* allocate(size_t bytes) { return detail::api.slots->allocate(handle_, bytes); }
  // Ends a suspension; see askr_pipeline.resume.
  Result<> resume(Verdict verdict) {
    return check(detail::api.pipeline->resume(handle_, static_cast<askr_verdict>(verdict)), "the request has ended");
  }

 private:
  static const askr_request_api& api() { return *detail::api.request; }
  askr_request handle_;
};

namespace detail {

// One static table for all filters of a plugin: the virtual function decides.
template <Length length>
inline const askr_body_filter kFilter = {
    sizeof(askr_body_filter), static_cast<uint32_t>(length),
    [](void* state, askr_request request, askr_str bytes, uint32_t piece_flags, askr_sink* out) -> askr_status {
      Sink sink(out);
      try {
        auto result = static_cast<BodyFilter*>(state)->data(Request(request), view(bytes), piece_flags, sink);
        if (result) return ASKR_OK;
        log::error(result.error().message);
        return result.error().status;
      } catch (const std::exception& exception) {
        log::error(std::string("a body filter threw ") + exception.what());
      } catch (...) {
        log::error("a body filter threw");
      }
      return ASKR_E_FAILED;
    },
    [](void* state) { delete static_cast<BodyFilter*>(state); }};

}  // namespace detail

inline Result<> Response::add_filter(std::unique_ptr<BodyFilter> filter, Length length) {
  const askr_body_filter* table =
      length == Length::stays ? &detail::kFilter<Length::stays> : &detail::kFilter<Length::changes>;
  auto added = check(api().add_filter(handle_, table, filter.get()), "the body cannot be filtered");
  if (added) static_cast<void>(filter.release());  // the server's now
  return added;
}

}  // namespace askr
