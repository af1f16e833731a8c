// How the fake host runs a plugin. Included by host.hpp.
#pragma once

#include <unistd.h>

#include <csignal>
#include <sstream>

#include "askr/testing/interfaces.hpp"

namespace askr::testing {

inline void Host::step(const char* name, askr_status status) {
  if (status != ASKR_OK) throw std::runtime_error(std::string(name) + " failed: " + error_);
}

inline Host::Host(const askr_descriptor& descriptor, const Options& options, askr_role role, const Workers& workers)
    : descriptor_(descriptor), workers_(workers) {
  current() = this;
  interface_ = {sizeof(askr_host),
                ASKR_ABI_MAJOR,
                ASKR_ABI_MINOR,
                "test",
                [](const askr_host*, const char* name) { return Interfaces::find_interface(name); },
                [](const askr_host*, askr_str why) { current()->error_.assign(why.data, why.size); }};
  configuration_ = {
      sizeof(askr_configuration),
      [](const askr_configuration*, const char* path) { return Interfaces::str(current()->texts_[path]); },
      [](const askr_configuration*, const char* path) { return current()->numbers_[path]; },
      [](const askr_configuration*, const char* path) { return static_cast<uint32_t>(current()->lists_[path].size()); },
      [](const askr_configuration*, const char* path, uint32_t index) {
        return Interfaces::str(current()->lists_[path].at(index));
      }};
  read_options(options);
  const askr_callbacks& callbacks = *descriptor.callbacks;
  askr_registrar registrar;
  askr_shm_plan plan;
  const askr_process process{sizeof(askr_process), static_cast<uint32_t>(role), 0, 1, 1, 1};
  step("load", callbacks.load(&interface_, &self_));
  if (callbacks.configure != nullptr) step("configure", callbacks.configure(self_, &configuration_));
  if (callbacks.register_ != nullptr) step("register", callbacks.register_(self_, &registrar));
  if (callbacks.shm_request != nullptr) step("shm_request", callbacks.shm_request(self_, &plan));
  if (callbacks.shm_init != nullptr) step("shm_init", callbacks.shm_init(self_));
  if (callbacks.master_start != nullptr) step("master_start", callbacks.master_start(self_));
  protect_regions(role);
  if (callbacks.process_start != nullptr) step("process_start", callbacks.process_start(self_, &process));
}

inline Host::~Host() {
  while (!exchanges_.empty()) client_leaves(exchanges_.begin()->first);
  const askr_callbacks& callbacks = *descriptor_.callbacks;
  drain();
  if (callbacks.process_stop != nullptr) callbacks.process_stop(self_);
  protect_regions(ASKR_ROLE_MASTER);
  if (callbacks.master_stop != nullptr) callbacks.master_stop(self_);
  for (const auto& [name, region] : regions_) ::munmap(region.memory, region.bytes);
  current() = nullptr;
}

inline askr_status Host::add_region(const char* name, uint64_t bytes, uint32_t writers) {
  void* memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return ASKR_E_NO_MEMORY;
  return regions_.emplace(name, Region{memory, bytes, writers}).second ? ASKR_OK : ASKR_E_EXISTS;
}

// As in the server: what a process of that kind does not write to is read-only in it.
inline void Host::protect_regions(askr_role role) {
  const uint32_t self = role == ASKR_ROLE_GATEWAY ? ASKR_WRITERS_GATEWAYS : ASKR_WRITERS_WORKERS;
  for (const auto& [name, region] : regions_) {
    const bool writes = role == ASKR_ROLE_MASTER || (region.writers & self) != 0;
    ::mprotect(region.memory, region.bytes, writes ? PROT_READ | PROT_WRITE : PROT_READ);
  }
}

inline void Host::read_options(const Options& options) {
  Options left = options;
  for (uint32_t i = 0; i < descriptor_.option_count; ++i) {
    const askr_option& option = descriptor_.options[i];
    const auto given = left.find(option.path);
    const std::string text = given != left.end()              ? given->second
                             : option.default_text == nullptr ? ""
                                                              : option.default_text;
    if (given != left.end()) left.erase(given);
    texts_[option.path] = text;
    if (option.kind == ASKR_OPTION_LIST) {
      std::istringstream items(text);
      for (std::string item; std::getline(items, item, ',');) lists_[option.path].push_back(item);
    } else if (option.kind != ASKR_OPTION_TEXT && option.kind != ASKR_OPTION_PATH &&
               option.kind != ASKR_OPTION_CHOICE) {
      numbers_[option.path] = Interfaces::parse(option.kind, text);
    }
  }
  if (!left.empty()) throw std::runtime_error("no option " + left.begin()->first);
}

// ---------------------------------------------------------------- requests

inline Exchange* Host::find_exchange(askr_request request) {
  const auto found = exchanges_.find(request.id);
  if (found != exchanges_.end()) return found->second.get();
  ++stale_calls_;
  return nullptr;
}

inline Answer Host::send(const std::string& method, const std::string& target, const Fields& headers,
                         const std::string& body, const Upstream& upstream) {
  auto exchange = std::make_unique<Exchange>();
  const uint64_t id = exchange->id = exchange->answer.id = ++last_id_;
  static_cast<Arrival&>(*exchange) = arrival;
  exchange->method = method;
  exchange->target = target;
  exchange->path = target.substr(0, target.find('?'));
  exchange->query = target.find('?') == std::string::npos ? "" : target.substr(target.find('?') + 1);
  exchange->headers = headers;
  exchange->body = body;
  exchange->upstream = upstream;
  Exchange& running = *exchange;
  exchanges_[id] = std::move(exchange);
  run(running);
  settle();
  while (!work_.empty() && exchanges_.contains(id)) turn();
  if (auto answer = finished(id)) return *answer;
  Answer waiting;
  waiting.id = id;
  waiting.suspended = true;
  return waiting;
}

// True: go on with the next phase.
inline bool Host::run_phase(Exchange& exchange, uint32_t phase) {
  exchange.phase = phase;
  const auto hook = hooks_.find(phase);
  askr_verdict verdict = ASKR_NEXT;
  if (exchange.resumed) {
    verdict = *std::exchange(exchange.resumed, std::nullopt);
    exchange.suspended = false;
  } else if (hook != hooks_.end()) {
    verdict = hook->second(self_, {exchange.id});
  }
  if (verdict == ASKR_NEXT) return true;
  if (verdict == ASKR_SUSPEND) {
    exchange.suspended = true;
    if (exchange.body_callback != nullptr) {
      std::exchange(exchange.body_callback, nullptr)(exchange.body_context, {exchange.id}, ASKR_OK,
                                                     {exchange.body.data(), exchange.body.size()});
    }
    return false;
  }
  exchange.answered = true;
  if (verdict != ASKR_DONE) {
    exchange.status = 500;
    exchange.own_body = "error";
  }
  answer(exchange);
  return false;
}

inline void Host::run(Exchange& exchange) {
  for (const uint32_t phase : {ASKR_PHASE_REQUEST_HEAD, ASKR_PHASE_ROUTE, ASKR_PHASE_LOOKUP}) {
    if (phase < exchange.phase) continue;
    if (!run_phase(exchange, phase)) return;
    exchange.phase = phase + 1;
  }
  if (body_hook_ != nullptr && !exchange.body.empty()) {
    const askr_verdict verdict = body_hook_(self_, {exchange.id}, {exchange.body.data(), exchange.body.size()}, 1);
    if (verdict != ASKR_NEXT) {
      exchange.answered = true;
      if (verdict != ASKR_DONE) exchange.status = 500;
      answer(exchange);
      return;
    }
  }
  exchange.status = exchange.upstream.status;
  exchange.response = exchange.upstream.headers;
  exchange.from_worker = exchange.upstream.file.empty();
  exchange.answer.reached_php = exchange.from_worker;
  if (!exchange.from_worker) {
    for (const Piece& piece : exchange.upstream.pieces) exchange.own_body += piece.bytes;
  }
  answer(exchange);
}

inline void Host::answer(Exchange& exchange) {
  const auto hook = hooks_.find(ASKR_PHASE_RESPONSE_HEAD);
  exchange.phase = ASKR_PHASE_RESPONSE_HEAD;
  const askr_verdict verdict = hook == hooks_.end() ? ASKR_NEXT : hook->second(self_, {exchange.id});
  if (verdict == ASKR_SUSPEND) {
    exchange.suspended = true;
    if (exchange.response_callback != nullptr) read_response(exchange);
    return;
  }
  if (verdict != ASKR_NEXT) exchange.resumed = ASKR_FAIL;
  finish(exchange);
}

inline void Host::read_response(Exchange& exchange) {
  std::string whole = exchange.own_body;
  if (exchange.from_worker) {
    for (const Piece& piece : exchange.upstream.pieces) whole += piece.bytes;
  }
  askr_status status = whole.size() > exchange.response_limit ? ASKR_E_TOO_LARGE : ASKR_OK;
  if (exchange.from_worker && exchange.upstream.cut_short) status = ASKR_E_FAILED;
  if (status == ASKR_OK) {
    exchange.own_body = whole;
    exchange.from_worker = false;
  } else {
    whole.clear();
  }
  exchange.response_callback(exchange.response_context, {exchange.id}, status, {whole.data(), whole.size()});
}

// Behind response_head.
inline void Host::finish(Exchange& exchange) {
  exchange.suspended = false;
  if (std::exchange(exchange.resumed, std::nullopt).value_or(ASKR_NEXT) != ASKR_NEXT) {
    exchange.status = 500;
    exchange.from_worker = false;
    exchange.own_body = "error";
    exchange.filters.clear();
  }
  const bool bodiless = exchange.method == "HEAD" || exchange.status == 204 || exchange.status == 304;
  if (!bodiless) send_body(exchange);
  exchange.answer.status = exchange.status;
  exchange.answer.headers = exchange.response;
  exchange.answer.wanted_whole = exchange.wants_whole;
  exchange.answer.conditions_applied = exchange.conditions_applied;
  exchange.phase = ASKR_PHASE_LOG;
  if (const auto log = hooks_.find(ASKR_PHASE_LOG); log != hooks_.end()) log->second(self_, {exchange.id});
  answers_[exchange.id] = exchange.answer;
  destroy(exchange);
}

inline void Host::send_body(Exchange& exchange) {
  std::vector<Piece> pieces = exchange.upstream.pieces;
  if (!exchange.from_worker) pieces = {{exchange.own_body}};
  if (exchange.from_worker && exchange.upstream.complete && !exchange.upstream.cut_short) {
    std::string whole;
    for (const Piece& piece : pieces) whole += piece.bytes;
    pieces = {{whole}};
  }
  exchange.answer.pieces.emplace_back();
  for (size_t i = 0; i < pieces.size() && !exchange.answer.cut_off; ++i) {
    const bool last = i + 1 == pieces.size() && !exchange.upstream.cut_short;
    uint32_t flags = 0;
    if (last) flags |= ASKR_PIECE_LAST;
    if (pieces[i].flushed) flags |= ASKR_PIECE_FLUSH;
    if (pass_on(exchange, 0, pieces[i].bytes, flags) != ASKR_OK) exchange.answer.cut_off = true;
    if (pieces[i].flushed) exchange.answer.pieces.emplace_back();
  }
  exchange.answer.cut_off = exchange.answer.cut_off || exchange.upstream.cut_short;
  if (exchange.answer.pieces.back().empty()) exchange.answer.pieces.pop_back();
}

inline askr_status Host::pass_on(Exchange& exchange, size_t filter, std::string_view bytes, uint32_t flags) {
  if (filter == exchange.filters.size()) {
    exchange.answer.body.append(bytes);
    exchange.answer.pieces.back().append(bytes);
    return ASKR_OK;
  }
  askr_sink sink{[this, &exchange, filter](std::string_view out, uint32_t out_flags) {
    return pass_on(exchange, filter + 1, out, out_flags);
  }};
  const Filter& attached = exchange.filters[filter];
  return attached.table->data(attached.state, {exchange.id}, {bytes.data(), bytes.size()}, flags, &sink);
}

// The handle is stale before anything is destroyed, as in the server.
inline void Host::destroy(Exchange& exchange) {
  const std::unique_ptr<Exchange> gone = std::move(exchanges_[exchange.id]);
  exchanges_.erase(gone->id);
  for (const Filter& filter : gone->filters) {
    if (filter.table->destroy != nullptr) filter.table->destroy(filter.state);
  }
  for (const auto& [slot, value] : gone->slots) {
    if (value != nullptr && request_slots_[slot] != nullptr) request_slots_[slot](value);
  }
  for (const auto& [slot, value] : gone->connection_slots) {
    if (value != nullptr && connection_slots_[slot] != nullptr) connection_slots_[slot](value);
  }
  for (const auto& [release, context] : gone->releases) release(context);
}

inline void Host::settle() {
  std::vector<Exchange*> due;
  for (const auto& [id, exchange] : exchanges_) {
    if (exchange->resumed) due.push_back(exchange.get());
  }
  for (Exchange* exchange : due) {
    if (exchange->phase == ASKR_PHASE_RESPONSE_HEAD) {
      finish(*exchange);
    } else {
      run(*exchange);
    }
  }
}

inline std::optional<Answer> Host::finished(uint64_t id) {
  const auto found = answers_.find(id);
  if (found == answers_.end()) return std::nullopt;
  Answer answer = std::move(found->second);
  answers_.erase(found);
  return answer;
}

inline void Host::client_leaves(uint64_t id) {
  Exchange& exchange = *exchanges_.at(id);
  exchange.answer.cut_off = true;
  if (const auto log = hooks_.find(ASKR_PHASE_LOG); log != hooks_.end()) log->second(self_, {id});
  destroy(exchange);
}

inline bool Host::connects(const std::string& address) {
  if (connection_hook_ == nullptr) return true;
  const askr_connection_info client{sizeof(askr_connection_info), 4711, 0, Interfaces::str(address)};
  return connection_hook_(self_, &client) == ASKR_NEXT;
}

// ---------------------------------------------------------------- everything else

inline void Host::pass(int64_t nanoseconds) {
  now_ += nanoseconds;
  for (bool fired = true; fired;) {
    fired = false;
    for (const auto& [id, timer] : timers_) {
      if (timer.deadline > now_) continue;
      const Timer due = timer;
      timers_.erase(id);
      due.callback(due.context);
      fired = true;
      break;
    }
  }
  settle();
}

inline void Host::turn() {
  std::vector<uint64_t> due;
  for (const auto& [id, work] : work_) due.push_back(id);
  for (const uint64_t id : due) {
    const auto found = work_.find(id);
    if (found == work_.end()) continue;
    const auto [step, context] = found->second;
    ++steps_;
    if (step(context) == 0) work_.erase(id);
  }
  settle();
}

inline void Host::wake() {
  if (on_wake_ != nullptr) on_wake_(self_);
  settle();
}

inline void Host::drain() {
  if (descriptor_.callbacks->drain != nullptr) descriptor_.callbacks->drain(self_);
}

inline void Host::wait() {
  if (on_wait_ != nullptr) on_wait_(self_);
}

inline std::pair<askr_status, std::string> Host::command(const std::string& name,
                                                         const std::vector<std::string>& arguments) {
  struct Reply {
    askr_reply interface;
    std::string text;
  } reply{{sizeof(askr_reply),
           [](askr_reply* self, askr_str text) { reinterpret_cast<Reply*>(self)->text.append(text.data, text.size); }},
          {}};
  std::vector<askr_str> words;
  for (const std::string& argument : arguments) words.push_back(Interfaces::str(argument));
  for (const askr_command* command : commands_) {
    if (command->name != name) continue;
    const askr_status status = command->run(self_, words.data(), static_cast<uint32_t>(words.size()), &reply.interface);
    return {status, reply.text};
  }
  return {ASKR_E_NOT_FOUND, ""};
}

inline void Host::begin_request() {
  in_request_ = true;
  if (const auto hook = hooks_.find(ASKR_PHASE_REQUEST_BEGIN); hook != hooks_.end()) hook->second(self_, {++last_id_});
}

inline Value Host::call(const std::string& function, std::vector<Value> arguments) {
  askr_php_call call{std::move(arguments), {}, {}};
  const askr_status status = Interfaces::function_named(function)->call(self_, &call);
  if (status != ASKR_OK) throw std::runtime_error(function + "() failed with " + std::to_string(status));
  if (!call.buffers.empty()) call.result = call.buffers.back();
  return call.result;
}

inline void Host::end_request() {
  ending_ = true;
  if (const auto hook = hooks_.find(ASKR_PHASE_REQUEST_END); hook != hooks_.end()) hook->second(self_, {last_id_});
  ending_ = in_request_ = false;
}

inline bool Host::logged(std::string_view part) const {
  return std::any_of(log_.begin(), log_.end(),
                     [part](const std::string& line) { return line.find(part) != std::string::npos; });
}

inline int64_t Host::metric(std::string_view name) const {
  for (const Metric& metric : metrics_) {
    if (metric.name == name) return metric.value;
  }
  throw std::runtime_error("no metric " + std::string(name));
}

}  // namespace askr::testing
