#include "base/log.hpp"

#include <fcntl.h>
#include <spdlog/logger.h>

#include <memory>
#include <utility>

#include "base/log_file.hpp"
#include "base/log_sink.hpp"

namespace askr::log {
namespace {

constexpr mode_t kMode = 0666;  // minus the umask
const std::atomic<uint32_t> never_reopened{0};

struct State {
  std::string path;
  std::string speaker;
  const std::atomic<uint32_t>* reopenings = &never_reopened;
  uint32_t seen = 0;  // of these
  spdlog::logger logger{"askr", std::make_shared<LogSink>()};
};

spdlog::level::level_enum to_spdlog(Level level) {
  switch (level) {
    case Level::debug:
      return spdlog::level::debug;
    case Level::info:
      return spdlog::level::info;
    case Level::warning:
      return spdlog::level::warn;
    case Level::error:
      break;
  }
  return spdlog::level::err;
}

void apply_pattern(State& state) {
  std::string speaker;
  for (char c : state.speaker) speaker += c == '%' ? std::string("%%") : std::string(1, c);
  if (!speaker.empty()) speaker += ": ";
  state.logger.set_pattern("%Y-%m-%d %H:%M:%S.%e %l " + speaker + "%v");
}

State& state() {
  static State& instance = []() -> State& {
    static State created;
    created.logger.set_level(spdlog::level::info);
    created.logger.flush_on(spdlog::level::trace);
    apply_pattern(created);
    return created;
  }();
  return instance;
}

Result<spdlog::sink_ptr> make_sink(const std::string& path) {
  if (path.empty()) return spdlog::sink_ptr(std::make_shared<LogSink>());
  return spdlog::sink_ptr(std::make_shared<LogSink>(ASKR_TRY(open_log_file("error log", path, kMode))));
}

Result<> attach(State& state, const std::string& path) {
  spdlog::sink_ptr sink = ASKR_TRY(make_sink(path));
  state.path = path;
  state.logger.sinks() = {std::move(sink)};
  apply_pattern(state);
  return ok();
}

// Control characters could forge a line or drive the reader's terminal.
bool is_control(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
}

std::string escape(std::string_view text) {
  std::string out;
  out.reserve(text.size() + 16);
  for (char c : text) {
    if (c == '\n') {
      out += "\\n";
    } else if (c == '\r') {
      out += "\\r";
    } else if (c == '\t' || !is_control(c)) {
      out += c;
    } else {
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

}  // namespace

Result<> open(const std::string& path, Level threshold) {
  State& current = state();
  ASKR_TRY(attach(current, path));
  current.logger.set_level(to_spdlog(threshold));
  return ok();
}

UniqueFd open_copy() {
  const std::string& path = state().path;
  if (path.empty()) return UniqueFd(::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0));
  auto file = open_log_file("error log", path, kMode);
  if (!file) return {};
  ::fcntl(file.value().get(), F_SETFL, O_APPEND);  // others write there, as they are used to
  return std::move(file).value();
}

void set_speaker(std::string_view name) {
  state().speaker = escape(name);
  apply_pattern(state());
}

Result<Level> parse_level(std::string_view name) {
  if (name == "debug") return Level::debug;
  if (name == "info") return Level::info;
  if (name == "warning") return Level::warning;
  if (name == "error") return Level::error;
  return usage_error(fmt::format("expected debug, info, warning or error, got \"{}\"", name));
}

Following::Following(const std::atomic<uint32_t>& reopenings) {
  state().reopenings = &reopenings;
  state().seen = reopenings.load();
}

Following::~Following() {
  state().reopenings = &never_reopened;
  state().seen = 0;
}

void reopen_if_asked() {
  State& current = state();
  const uint32_t asked = current.reopenings->load();
  if (asked == current.seen) return;
  current.seen = asked;
  if (current.path.empty()) return;
  // Without a new file the old one goes on: a line in the wrong place beats a lost one.
  if (auto reopened = attach(current, current.path); !reopened) {
    current.logger.error("{}; the old one goes on", escape(reopened.error().message));
  }
}

uint32_t reopenings() {
  return state().seen;
}

void write(Level level, std::string_view text) {
  reopen_if_asked();
  state().logger.log(to_spdlog(level), escape(text));
}

bool enabled(Level level) {
  return state().logger.should_log(to_spdlog(level));
}

}  // namespace askr::log
