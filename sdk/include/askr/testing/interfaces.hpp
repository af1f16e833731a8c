// The interfaces of the SDK, as the fake host offers them. Included by host.hpp.
#pragma once

#include <unistd.h>

#include <charconv>
#include <csignal>

#include "askr/testing/host.hpp"

namespace askr::testing {

struct Interfaces {
  static Host& host() { return *Host::current(); }
  static Exchange* live(askr_request request) { return host().find_exchange(request); }
  static std::string_view view(askr_str text) { return {text.data, text.size}; }
  static askr_str str(const std::string& text) { return {text.data(), text.size()}; }

  // Copies a member out of a living exchange.
  template <auto member>
  static askr_str text(askr_request request) {
    Exchange* exchange = live(request);
    return exchange == nullptr ? askr_str{} : str(exchange->*member);
  }
  template <auto fields>
  static askr_str header(askr_request request, askr_str name) {
    Exchange* exchange = live(request);
    const std::string* value = exchange == nullptr ? nullptr : find(exchange->*fields, view(name));
    return value == nullptr ? askr_str{} : str(*value);
  }
  template <auto fields>
  static uint32_t header_count(askr_request request) {
    Exchange* exchange = live(request);
    return exchange == nullptr ? 0 : static_cast<uint32_t>((exchange->*fields).size());
  }
  template <auto fields>
  static askr_status header_at(askr_request request, uint32_t index, askr_str* name, askr_str* value) {
    Exchange* exchange = live(request);
    if (exchange == nullptr) return ASKR_E_STALE;
    if (index >= (exchange->*fields).size()) return ASKR_E_NOT_FOUND;
    *name = str((exchange->*fields)[index].first);
    *value = str((exchange->*fields)[index].second);
    return ASKR_OK;
  }
  template <auto fields>
  static askr_status set_header(askr_request request, askr_str name, askr_str value) {
    Exchange* exchange = live(request);
    if (exchange == nullptr) return ASKR_E_STALE;
    const std::string copy(view(value));
    erase(exchange->*fields, view(name));
    (exchange->*fields).emplace_back(view(name), copy);
    return ASKR_OK;
  }
  template <auto fields>
  static askr_status remove_header(askr_request request, askr_str name) {
    Exchange* exchange = live(request);
    if (exchange == nullptr) return ASKR_E_STALE;
    erase(exchange->*fields, view(name));
    return ASKR_OK;
  }

  static uint64_t length(const Exchange& exchange) {
    if (!exchange.from_worker) return exchange.own_body.size();
    if (!exchange.upstream.complete) return ASKR_LENGTH_UNKNOWN;
    uint64_t total = 0;
    for (const Piece& piece : exchange.upstream.pieces) total += piece.bytes.size();
    return total;
  }
  static askr_status append(askr_request request, std::string_view bytes) {
    Exchange* exchange = live(request);
    if (exchange == nullptr) return ASKR_E_STALE;
    if (exchange->from_worker) return ASKR_E_WRONG_STEP;
    exchange->own_body.append(bytes);
    return ASKR_OK;
  }

  // A default or value as a person writes it.
  static int64_t parse(uint32_t kind, const std::string& text) {
    if (kind == ASKR_OPTION_BOOL) return text == "true" || text == "1" ? 1 : 0;
    double number = 0;
    const auto end = std::from_chars(text.data(), text.data() + text.size(), number).ptr;
    const std::string unit(end, text.data() + text.size());
    static const std::map<std::string, double> kSizes = {{"K", 1024.0}, {"M", 1048576.0}, {"G", 1073741824.0}};
    static const std::map<std::string, double> kTimes = {{"us", 1e3}, {"ms", 1e6},   {"", 1e9},     {"s", 1e9},
                                                         {"m", 6e10}, {"h", 3.6e12}, {"d", 8.64e13}};
    if (kind == ASKR_OPTION_SIZE && kSizes.contains(unit)) number *= kSizes.at(unit);
    if (kind == ASKR_OPTION_DURATION && kTimes.contains(unit)) number *= kTimes.at(unit);
    return static_cast<int64_t>(number);
  }

  static const askr_php_function* function_named(const std::string& name) {
    for (const askr_php_function* function : host().functions_) {
      if (function->name == name) return function;
    }
    throw std::runtime_error("no PHP function " + name);
  }
  template <class T>
  static T argument(const askr_php_call* call, uint32_t index) {
    const T* value = index < call->arguments.size() ? std::get_if<T>(&call->arguments[index]) : nullptr;
    return value == nullptr ? T{} : *value;
  }

  static const void* find_interface(std::string_view name);
};

inline const void* Interfaces::find_interface(std::string_view name) {
  using I = Interfaces;
  static const askr_pipeline pipeline = {
      sizeof(askr_pipeline),
      [](askr_registrar*, uint32_t phase, askr_hook hook) -> askr_status {
        return I::host().hooks_.emplace(phase, hook).second ? ASKR_OK : ASKR_E_EXISTS;
      },
      [](askr_registrar*, askr_connection_hook hook) -> askr_status {
        return I::host().connection_hook_ = hook, ASKR_OK;
      },
      [](askr_registrar*, askr_request_body_hook hook) -> askr_status { return I::host().body_hook_ = hook, ASKR_OK; },
      [](askr_request request, askr_verdict verdict) -> askr_status {
        Exchange* exchange = I::live(request);
        if (exchange == nullptr || !exchange->suspended || exchange->resumed) return ASKR_E_STALE;
        exchange->resumed = verdict;
        return ASKR_OK;
      },
      [](askr_request request) -> askr_status {
        const Exchange* exchange = I::live(request);
        if (exchange == nullptr) return ASKR_E_STALE;
        if (exchange->method != "GET") return ASKR_E_INVALID;
        return I::host().repeated_.push_back(exchange->target), ASKR_OK;
      }};
  static const askr_request_api request = {
      sizeof(askr_request_api),
      I::text<&Exchange::method>,
      I::text<&Exchange::target>,
      I::text<&Exchange::path>,
      I::text<&Exchange::query>,
      I::text<&Exchange::host>,
      I::text<&Exchange::request_id>,
      I::text<&Exchange::client>,
      [](askr_request r) -> int32_t { return I::live(r) != nullptr && I::live(r)->secure ? 1 : 0; },
      [](askr_request r) -> int32_t { return I::live(r) == nullptr ? 0 : I::live(r)->minor_version; },
      I::header<&Exchange::headers>,
      I::header_count<&Exchange::headers>,
      I::header_at<&Exchange::headers>,
      I::set_header<&Exchange::headers>,
      I::remove_header<&Exchange::headers>,
      [](askr_request r) -> int32_t {
        const Exchange* exchange = I::live(r);
        if (exchange == nullptr || exchange->phase == ASKR_PHASE_REQUEST_HEAD) return ASKR_TARGET_UNRESOLVED;
        return exchange->upstream.file.empty() ? ASKR_TARGET_SCRIPT : ASKR_TARGET_FILE;
      },
      [](askr_request r) {
        const Exchange* exchange = I::live(r);
        return exchange == nullptr || exchange->upstream.file.empty() ? askr_str{} : I::str(exchange->upstream.file);
      },
      [](askr_request r, uint64_t limit, askr_body_callback callback, void* context) -> askr_status {
        Exchange* exchange = I::live(r);
        if (exchange == nullptr) return ASKR_E_STALE;
        if (exchange->body.size() > limit) return ASKR_E_TOO_LARGE;
        exchange->body_callback = callback;
        exchange->body_context = context;
        return ASKR_OK;
      },
      [](askr_request r, askr_times* times) -> askr_status {
        if (I::live(r) == nullptr) return ASKR_E_STALE;
        const int64_t now = I::host().now_;
        *times = {times->size, now, now, now, now, now};
        return ASKR_OK;
      },
      [](askr_request) -> int32_t { return 0; },
      I::text<&Exchange::server>,
      [](askr_request r) -> uint16_t { return I::live(r) == nullptr ? 0 : I::live(r)->port; },
      [](askr_request r) -> askr_status {
        if (I::live(r) == nullptr) return ASKR_E_STALE;
        return I::live(r)->wants_whole = true, ASKR_OK;
      }};
  static const askr_response_api response = {
      sizeof(askr_response_api),
      [](askr_request r) -> int32_t { return I::live(r) == nullptr ? 0 : I::live(r)->status; },
      [](askr_request r, int32_t status) -> askr_status {
        if (I::live(r) == nullptr) return ASKR_E_STALE;
        return I::live(r)->status = status, ASKR_OK;
      },
      I::header<&Exchange::response>,
      I::header_count<&Exchange::response>,
      I::header_at<&Exchange::response>,
      I::set_header<&Exchange::response>,
      [](askr_request r, askr_str name, askr_str value) -> askr_status {
        if (I::live(r) == nullptr) return ASKR_E_STALE;
        I::live(r)->response.emplace_back(I::view(name), I::view(value));
        return ASKR_OK;
      },
      I::remove_header<&Exchange::response>,
      [](askr_request r) -> int32_t {
        const Exchange* exchange = I::live(r);
        if (exchange == nullptr || (!exchange->from_worker && exchange->own_body.empty())) return ASKR_BODY_NONE;
        return exchange->from_worker ? ASKR_BODY_STREAM : ASKR_BODY_MEMORY;
      },
      [](askr_request r) -> uint64_t { return I::live(r) == nullptr ? 0 : I::length(*I::live(r)); },
      [](askr_request r) -> int32_t { return I::live(r) != nullptr && I::live(r)->from_worker ? 1 : 0; },
      [](askr_request r) -> askr_status {
        if (I::live(r) == nullptr) return ASKR_E_STALE;
        return I::live(r)->own_body.clear(), ASKR_OK;
      },
      [](askr_request r, askr_str bytes) -> askr_status { return I::append(r, I::view(bytes)); },
      [](askr_request r, askr_str bytes, void (*release)(void*), void* context) -> askr_status {
        const askr_status status = I::append(r, I::view(bytes));
        if (status != ASKR_OK) return release(context), status;
        I::live(r)->releases.emplace_back(release, context);
        return ASKR_OK;
      },
      [](askr_request r, int32_t fd, uint64_t offset, uint64_t bytes) -> askr_status {
        std::string content(bytes, '\0');
        const ssize_t got = ::pread(fd, content.data(), bytes, static_cast<off_t>(offset));
        ::close(fd);
        return got == static_cast<ssize_t>(bytes) ? I::append(r, content) : ASKR_E_INVALID;
      },
      [](askr_request r, const askr_body_filter* filter, void* state) -> askr_status {
        if (I::live(r) == nullptr) return ASKR_E_STALE;
        I::live(r)->filters.push_back({filter, state});
        return ASKR_OK;
      },
      [](askr_sink* out, askr_str bytes, uint32_t flags) -> askr_status { return out->emit(I::view(bytes), flags); },
      [](askr_request r) -> uint64_t { return I::live(r) == nullptr ? 0 : I::live(r)->answer.body.size(); },
      [](askr_request r) {
        static const std::string kWhy = "the response was cut off";
        return I::live(r) != nullptr && I::live(r)->answer.cut_off ? I::str(kWhy) : askr_str{};
      },
      [](askr_request r) -> askr_status {
        if (I::live(r) == nullptr) return ASKR_E_STALE;
        return I::live(r)->conditions_applied = true, ASKR_OK;
      },
      [](askr_request r, uint64_t limit, askr_body_callback callback, void* context) -> askr_status {
        Exchange* exchange = I::live(r);
        if (exchange == nullptr) return ASKR_E_STALE;
        if (exchange->phase != ASKR_PHASE_RESPONSE_HEAD) return ASKR_E_WRONG_STEP;
        exchange->response_callback = callback;
        exchange->response_context = context;
        exchange->response_limit = limit;
        return ASKR_OK;
      }};
  static const askr_slots slots = {
      sizeof(askr_slots),
      [](askr_registrar*, void (*destroy)(void*), uint32_t* slot) -> askr_status {
        *slot = static_cast<uint32_t>(I::host().request_slots_.size());
        return I::host().request_slots_.push_back(destroy), ASKR_OK;
      },
      [](askr_registrar*, void (*destroy)(void*), uint32_t* slot) -> askr_status {
        *slot = static_cast<uint32_t>(I::host().connection_slots_.size());
        return I::host().connection_slots_.push_back(destroy), ASKR_OK;
      },
      [](askr_request r, uint32_t slot) -> void* { return I::live(r) == nullptr ? nullptr : I::live(r)->slots[slot]; },
      [](askr_request r, uint32_t slot, void* value) -> askr_status {
        if (I::live(r) == nullptr) return ASKR_E_STALE;
        return I::live(r)->slots[slot] = value, ASKR_OK;
      },
      [](askr_request r, uint32_t slot) -> void* {
        return I::live(r) == nullptr ? nullptr : I::live(r)->connection_slots[slot];
      },
      [](askr_request r, uint32_t slot, void* value) -> askr_status {
        if (I::live(r) == nullptr) return ASKR_E_STALE;
        return I::live(r)->connection_slots[slot] = value, ASKR_OK;
      },
      [](askr_request r, size_t bytes) -> void* {
        if (I::live(r) == nullptr) return nullptr;
        return I::live(r)->memory.emplace_back(std::make_unique<char[]>(bytes)).get();
      }};
  static const askr_shm shm = {
      sizeof(askr_shm),
      [](askr_shm_plan*, const char* region, uint64_t bytes, uint32_t) -> askr_status {
        return I::host().add_region(region, bytes, ASKR_WRITERS_ALL);
      },
      [](const askr_host*, const char* region, uint64_t* bytes) -> void* {
        const auto found = I::host().regions_.find(region);
        if (found == I::host().regions_.end()) return nullptr;
        if (bytes != nullptr) *bytes = found->second.bytes;
        return found->second.memory;
      },
      // Processes of a test do not die while they hold a lock.
      [](askr_lock* lock) -> int32_t {
        uint32_t free = 0;
        while (!__atomic_compare_exchange_n(&lock->word, &free, 1U, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
          free = 0;
        return ASKR_LOCK_CLEAN;
      },
      [](askr_lock* lock) { __atomic_store_n(&lock->word, 0U, __ATOMIC_RELEASE); },
      [](int32_t pid) -> int32_t { return ::kill(pid, 0) == 0 ? 1 : 0; },
      [](askr_shm_plan*, const char* region, uint64_t bytes, uint32_t, uint32_t writers) -> askr_status {
        return writers > ASKR_WRITERS_ALL ? ASKR_E_INVALID : I::host().add_region(region, bytes, writers);
      },
      [](askr_lock* lock, uint64_t) -> int32_t {
        uint32_t free = 0;
        return __atomic_compare_exchange_n(&lock->word, &free, 1U, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)
                   ? ASKR_LOCK_CLEAN
                   : ASKR_LOCK_BUSY;
      },
      [](askr_lock*) -> int32_t { return 1; }};
  static const askr_wake wake = {
      sizeof(askr_wake),
      [](askr_registrar*, void (*callback)(void*)) -> askr_status { return I::host().on_wake_ = callback, ASKR_OK; },
      [](const askr_host*, uint32_t) -> askr_status { return ++I::host().wakes_, ASKR_OK; },
      [](const askr_host*) -> askr_status { return ++I::host().wakes_, ASKR_OK; }};
  static const askr_loop loop = {
      sizeof(askr_loop),
      [] { return I::host().now_; },
      [](const askr_host*, int64_t delay, void (*callback)(void*), void* context, uint64_t* timer) -> askr_status {
        const uint64_t id = ++I::host().last_id_;
        I::host().timers_[id] = {I::host().now_ + delay, callback, context};
        if (timer != nullptr) *timer = id;
        return ASKR_OK;
      },
      [](const askr_host*, uint64_t timer) -> askr_status {
        return I::host().timers_.erase(timer) > 0 ? ASKR_OK : ASKR_E_NOT_FOUND;
      },
      [](const askr_host*, int32_t, uint32_t, void (*)(void*, uint32_t), void*) -> askr_status {
        return ASKR_E_UNSUPPORTED;  // there is no loop to wait in: test descriptors with the real server
      },
      [](const askr_host*, int32_t) -> askr_status { return ASKR_E_NOT_FOUND; },
      [](const askr_host*, int32_t (*step)(void*), void* context, uint64_t* work) -> askr_status {
        const uint64_t id = ++I::host().last_id_;
        I::host().work_[id] = {step, context};
        if (work != nullptr) *work = id;
        return ASKR_OK;
      },
      [](const askr_host*, uint64_t work) -> askr_status {
        return I::host().work_.erase(work) > 0 ? ASKR_OK : ASKR_E_NOT_FOUND;
      }};
  static const askr_log log = {
      sizeof(askr_log), [](const askr_host*, uint32_t, askr_str line) { I::host().log_.emplace_back(I::view(line)); },
      [](uint32_t) -> int32_t { return 1; }};
  static const askr_metrics metrics = {
      sizeof(askr_metrics),
      [](askr_registrar*, uint32_t, const char* metric, const char*, uint32_t* id) -> askr_status {
        *id = static_cast<uint32_t>(I::host().metrics_.size());
        return I::host().metrics_.push_back({metric}), ASKR_OK;
      },
      [](uint32_t id, int64_t by) { I::host().metrics_.at(id).value += by; },
      [](uint32_t id, int64_t value) { I::host().metrics_.at(id).value = value; },
      [](uint32_t id) { return I::host().metrics_.at(id).value; }};
  static const askr_php php = {
      sizeof(askr_php),
      [](askr_registrar*, const askr_php_function* function) -> askr_status {
        return I::host().functions_.push_back(function), ASKR_OK;
      },
      [](const askr_php_call* call, uint32_t index) -> int32_t {
        return index < call->arguments.size() && call->arguments[index].index() != 0 ? 1 : 0;
      },
      [](const askr_php_call* call, uint32_t index) -> int64_t {
        return I::argument<int64_t>(call, index) + (I::argument<bool>(call, index) ? 1 : 0);
      },
      I::argument<double>,
      [](const askr_php_call* call, uint32_t index) {
        const auto* value =
            index < call->arguments.size() ? std::get_if<std::string>(&call->arguments[index]) : nullptr;
        return value == nullptr ? askr_str{} : I::str(*value);
      },
      [](askr_php_call* call, uint32_t index) -> askr_callable* {
        if (!I::host().in_request_) return nullptr;
        auto callable = std::make_unique<askr_callable>(askr_callable{I::argument<std::function<void()>>(call, index)});
        return I::host().callables_.emplace_back(std::move(callable)).get();
      },
      [](askr_php_call* call) { call->result = std::monostate{}; },
      [](askr_php_call* call, int32_t value) { call->result = value != 0; },
      [](askr_php_call* call, int64_t value) { call->result = value; },
      [](askr_php_call* call, double value) { call->result = value; },
      [](askr_php_call* call, askr_str value) { call->result = std::string(I::view(value)); },
      [](askr_php_call* call, size_t size) {
        call->buffers.emplace_back(size, '\0');
        return call->buffers.back().data();
      },
      [](askr_php_call*, askr_str message) { I::host().log_.push_back("warning: " + std::string(I::view(message))); },
      [](askr_callable* callable, int64_t, askr_outcome* outcome) -> askr_status {
        static std::string message;
        if (!I::host().ending_) return ASKR_E_WRONG_STEP;
        *outcome = {outcome->size, ASKR_OUTCOME_RETURNED, {}, {"test.php", 8}, 1};
        const auto set = [outcome](askr_outcome_kind kind, std::string text) {
          message = std::move(text);
          outcome->kind = kind;
          outcome->message = I::str(message);
        };
        try {
          callable->function();
        } catch (const Exit&) {
          set(ASKR_OUTCOME_EXITED, "");
        } catch (const FatalError& error) {
          set(ASKR_OUTCOME_FATAL, error.message);
        } catch (const TookTooLong&) {
          set(ASKR_OUTCOME_TIMED_OUT, "");
        } catch (const std::exception& exception) {
          set(ASKR_OUTCOME_THREW, std::string("Exception: ") + exception.what());
        }
        return ASKR_OK;
      },
      [](askr_callable* callable) {
        std::erase_if(I::host().callables_, [callable](const auto& kept) { return kept.get() == callable; });
      },
      [](int32_t) {},
      [] {
        static const std::string kId = "test-request";
        return I::host().in_request_ ? I::str(kId) : askr_str{};
      }};
  static const askr_commands commands = {sizeof(askr_commands),
                                         [](askr_registrar*, const askr_command* command) -> askr_status {
                                           return I::host().commands_.push_back(command), ASKR_OK;
                                         }};
  static const askr_services services = {
      sizeof(askr_services),
      [](askr_registrar*, const char* service, const void* functions, void* self) -> askr_status {
        return I::host().services_.emplace(service, std::pair(functions, self)).second ? ASKR_OK : ASKR_E_EXISTS;
      },
      [](const askr_host*, const char* service, void** self) -> const void* {
        const auto found = I::host().services_.find(service);
        if (found == I::host().services_.end()) return nullptr;
        *self = found->second.second;
        return found->second.first;
      }};
  static const askr_workers workers = {
      sizeof(askr_workers),
      [](askr_workers_state* state) -> askr_status {
        if (state->size < sizeof(askr_workers_state)) return ASKR_E_INVALID;
        return *state = I::host().workers_.state, ASKR_OK;
      },
      [](int64_t) { return I::host().workers_.idle; },
      [](const askr_host*, uint32_t target) -> askr_status {
        askr_workers_state& state = I::host().workers_.state;
        if (target < state.minimum || target > state.maximum) return ASKR_E_INVALID;
        return state.target = target, ASKR_OK;
      },
      [](askr_registrar*, void (*callback)(void*)) -> askr_status { return I::host().on_wait_ = callback, ASKR_OK; }};
  static const std::map<std::string_view, const void*> all = {
      {ASKR_PIPELINE, &pipeline}, {ASKR_REQUEST, &request}, {ASKR_RESPONSE, &response}, {ASKR_SLOTS, &slots},
      {ASKR_SHM, &shm},           {ASKR_WAKE, &wake},       {ASKR_LOOP, &loop},         {ASKR_LOG, &log},
      {ASKR_METRICS, &metrics},   {ASKR_PHP, &php},         {ASKR_COMMAND, &commands},  {ASKR_SERVICE, &services},
      {ASKR_WORKERS, &workers}};
  const auto found = all.find(name);
  return found == all.end() ? nullptr : found->second;
}

}  // namespace askr::testing
