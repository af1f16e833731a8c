#include "base/log.hpp"

#include <spdlog/logger.h>

#include <memory>
#include <optional>
#include <utility>

#include "base/account.hpp"
#include "base/descriptor_shelf.hpp"
#include "base/log_file.hpp"
#include "base/log_sink.hpp"
#include "base/utf8.hpp"

namespace askr::log {
namespace {

constexpr mode_t kMode = 0640;  // minus the umask
const std::atomic<uint32_t> never_reopened{0};

struct State {
  std::string path;
  std::optional<Account> account;
  DescriptorShelf shelf;  // the file of `path`, for children
  bool is_child = false;
  std::string speaker;
  const std::atomic<uint32_t>* reopenings = &never_reopened;
  uint32_t seen = 0;  // of these
  std::shared_ptr<LogSink> sink = std::make_shared<LogSink>();
  spdlog::logger logger{"askr", sink};
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

void append_escaped(std::string_view bytes, char32_t code, std::string& out) {
  if (code == '\n') {
    out += "\\n";
  } else if (code == '\r') {
    out += "\\r";
  } else if (code == '\t' || !acts_on_reader(code)) {
    out += bytes;
  } else if (code < 0x80) {
    out += fmt::format("\\x{:02x}", static_cast<uint32_t>(code));
  } else {
    out += fmt::format("\\u{:04x}", static_cast<uint32_t>(code));
  }
}

std::string escape(std::string_view text) {
  std::string out;
  out.reserve(text.size() + 16);
  while (!text.empty()) {
    const Character character = first_character(text);
    if (character.size == 0) {
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(text.front()));
      text.remove_prefix(1);
    } else {
      append_escaped(text.substr(0, character.size), character.code, out);
      text.remove_prefix(character.size);
    }
  }
  return out;
}

void attach(State& state, std::shared_ptr<LogSink> sink) {
  state.sink = std::move(sink);
  state.logger.sinks() = {state.sink};
  apply_pattern(state);
}

void attach_file(State& state, UniqueFd file) {
  const std::string warning = warn_of_readers("error log", state.path, file.get());
  attach(state, std::make_shared<LogSink>(std::move(file)));
  if (!warning.empty()) state.logger.warn(escape(warning));
}

// The master opens a file, for itself and for its children.
Result<> open_for_all(State& state, const std::string& path, const Account* account) {
  UniqueFd file = ASKR_TRY(open_log_file("error log", path, kMode, account));
  DescriptorShelf shelf = ASKR_TRY(DescriptorShelf::create());
  ASKR_TRY(shelf.put(file.get()));
  state.shelf = std::move(shelf);
  state.path = path;
  state.account = account != nullptr ? std::optional(*account) : std::nullopt;
  attach_file(state, std::move(file));
  return ok();
}

// Without a new file the old one goes on: a line in the wrong place beats a lost one.
void reopen(State& state) {
  if (state.path.empty()) return;
  auto file = open_log_file("error log", state.path, kMode, state.account ? &*state.account : nullptr);
  auto shelved = file ? state.shelf.put(file.value().get()) : Result<>(file.error());
  if (shelved) {
    attach_file(state, std::move(file).value());
  } else {
    state.logger.error("{}; the old one goes on", escape(shelved.error().message));
  }
}

// False: the master is just putting it there.
bool take(State& state) {
  if (state.path.empty()) return true;
  UniqueFd file = state.shelf.copy();
  if (!file) return false;
  attach(state, std::make_shared<LogSink>(std::move(file)));
  return true;
}

}  // namespace

Result<> open(const std::string& path, Level threshold, const Account* account) {
  State& current = state();
  current.logger.set_level(to_spdlog(threshold));
  if (path.empty()) {
    current.path.clear();
    attach(current, std::make_shared<LogSink>());
  } else {
    ASKR_TRY(open_for_all(current, path, account));
  }
  return ok();
}

void pass_on(std::string_view line) {
  reopen_if_asked();
  state().sink->pass_on(escape(line));
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
  if (!current.is_child) {
    reopen(current);
  } else if (!take(current)) {
    return;
  }
  current.seen = asked;
}

void reopen_for_all(std::atomic<uint32_t>& reopenings) {
  State& current = state();
  reopen(current);
  current.seen = reopenings.fetch_add(1) + 1;
}

void settle_child() {
  state().is_child = true;
  state().shelf.lock();
}

void leave_standard_error() {
  state().sink->leave_standard_error();
}

uint32_t reopenings() {
  return state().seen;
}

void write(Level level, std::string_view text) {
  reopen_if_asked();
  state().logger.log(to_spdlog(level), escape(text));
}

void write_formatted(Level level, fmt::string_view format, fmt::format_args args) {
  write(level, fmt::vformat(format, args));
}

bool enabled(Level level) {
  return state().logger.should_log(to_spdlog(level));
}

}  // namespace askr::log
