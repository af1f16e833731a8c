// The ground of the C++ layer: strings, results, and the server's functions as this plugin has found them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "askr/abi/all.h"

namespace askr {

inline askr_str str(std::string_view text) {
  return {text.data(), text.size()};
}
// data() == nullptr when there is no such thing.
inline std::string_view view(askr_str text) {
  return {text.data, text.size};
}

struct Error {
  askr_status status = ASKR_E_FAILED;
  std::string message = {};  // one line; without a full stop
};

// A value, or why there is none. What the world can do to a plugin comes back as one of these.
template <class T = std::monostate>
class [[nodiscard]] Result {
 public:
  Result(T value) : content_(std::move(value)) {}
  Result(Error error) : content_(std::move(error)) {}
  Result()
    requires std::is_same_v<T, std::monostate>
      : content_(std::monostate{}) {}

  explicit operator bool() const { return content_.index() == 0; }
  T& value() & { return std::get<0>(content_); }
  T&& value() && { return std::get<0>(std::move(content_)); }
  [[nodiscard]] const Error& error() const { return std::get<1>(content_); }

 private:
  std::variant<T, Error> content_;
};

inline Result<> check(askr_status status, std::string_view what) {
  if (status == ASKR_OK) return {};
  return Error{status, std::string(what)};
}

namespace detail {

// The interfaces that the server has, NULL for those it lacks. Filled in once, by `load`; one copy per plugin, because
// everything in a plugin is hidden.
struct Api {
  const askr_host* host = nullptr;
  const askr_pipeline* pipeline = nullptr;
  const askr_request_api* request = nullptr;
  const askr_response_api* response = nullptr;
  const askr_slots* slots = nullptr;
  const askr_shm* shm = nullptr;
  const askr_wake* wake = nullptr;
  const askr_loop* loop = nullptr;
  const askr_log* log = nullptr;
  const askr_metrics* metrics = nullptr;
  const askr_php* php = nullptr;
  const askr_commands* commands = nullptr;
  const askr_services* services = nullptr;
  const askr_workers* workers = nullptr;
};
inline Api api;

template <class Interface>
void find(const askr_host* host, const char* name, const Interface*& found) {
  found = static_cast<const Interface*>(host->get_interface(host, name));
}

inline void connect(const askr_host* host) {
  api.host = host;
  find(host, ASKR_PIPELINE, api.pipeline);
  find(host, ASKR_REQUEST, api.request);
  find(host, ASKR_RESPONSE, api.response);
  find(host, ASKR_SLOTS, api.slots);
  find(host, ASKR_SHM, api.shm);
  find(host, ASKR_WAKE, api.wake);
  find(host, ASKR_LOOP, api.loop);
  find(host, ASKR_LOG, api.log);
  find(host, ASKR_METRICS, api.metrics);
  find(host, ASKR_PHP, api.php);
  find(host, ASKR_COMMAND, api.commands);
  find(host, ASKR_SERVICE, api.services);
  find(host, ASKR_WORKERS, api.workers);
}

}  // namespace detail

// What has no class of its own in this layer: askr::api().loop->set_timer(askr::api().host, ...).
inline const detail::Api& api() {
  return detail::api;
}

// Lines of the error log; the server puts the plugin's id before them.
namespace log {

inline void write(askr_log_level level, std::string_view line) {
  detail::api.log->write(detail::api.host, level, str(line));
}
inline void debug(std::string_view line) {
  write(ASKR_LOG_DEBUG, line);
}
inline void info(std::string_view line) {
  write(ASKR_LOG_INFO, line);
}
inline void warning(std::string_view line) {
  write(ASKR_LOG_WARNING, line);
}
inline void error(std::string_view line) {
  write(ASKR_LOG_ERROR, line);
}
inline bool is_on(askr_log_level level) {
  return detail::api.log->is_on(level) != 0;
}

}  // namespace log

}  // namespace askr
