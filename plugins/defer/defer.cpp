// defer: askr_defer(callable) runs the callable when the response is with the gateway, before the worker takes its next
// request.
//
// A worker runs one request at a time, so what a request has deferred is a list in the plugin itself. Callbacks run in
// the order in which they were deferred; one that defers another puts it at the end. Whatever happens in one of them is
// logged and does not touch the next. Rejected: a queue shared by all workers. Closures cannot leave their process, and
// who needs work to survive it wants a queue with storage behind it.
#include <deque>
#include <string>

#include "askr/sdk.hpp"

namespace {

class Defer : public askr::Plugin {
 public:
  static constexpr askr::Info info{.id = "defer",
                                   .version = "0.1.0",
                                   .summary = "askr_defer(): work after the response",
                                   .activation = ASKR_ACTIVE_ALWAYS};
  static constexpr askr_option options[] = {
      askr::option::number("defer.max_callbacks", "--defer-max-callbacks", "N", "Callbacks that one request may defer",
                           "100", 1, 100000),
      askr::option::duration("defer.timeout", "--defer-timeout", "T",
                             "How long one callback may run; 0s is without limit", "30s", 0,
                             86400 * INT64_C(1000000000))};

  askr::Result<> configure(const askr::Configuration& configuration) {
    max_callbacks_ = static_cast<size_t>(configuration.number("defer.max_callbacks"));
    timeout_ = configuration.duration("defer.timeout");
    return {};
  }
  askr::Result<> register_(askr::Registrar registrar);
  askr::Verdict request_end(askr::Request request);

 private:
  static askr_status call(void* self, askr_php_call* call);
  bool add(askr_php_call* call);
  void run(askr_callable* callback);
  void report(const askr_outcome& outcome);

  static const askr_php_parameter kParameters[];
  static const askr_php_function kFunction;

  // --- settings
  size_t max_callbacks_ = 0;
  int64_t timeout_ = 0;  // nanoseconds

  // --- of the running request
  std::deque<askr_callable*> waiting_;
  size_t accepted_ = 0;
  size_t dropped_ = 0;

  askr::Metric callbacks_, failures_, timeouts_, drops_;
};

const askr_php_parameter Defer::kParameters[] = {{"fn", ASKR_PHP_CALLABLE, 0, nullptr}};
const askr_php_function Defer::kFunction = {sizeof(askr_php_function),  ASKR_PHP_BOOL, "askr_defer", kParameters, 1,
                                            sizeof(askr_php_parameter), Defer::call};

const askr_php& php() {
  return *askr::api().php;
}

std::string text(askr_str value) {
  return std::string(askr::view(value));
}

// ---------------------------------------------------------------- in a request

askr_status Defer::call(void* self, askr_php_call* call) {
  php().return_bool(call, static_cast<Defer*>(self)->add(call) ? 1 : 0);
  return ASKR_OK;
}

bool Defer::add(askr_php_call* call) {
  if (accepted_ == max_callbacks_) {
    ++dropped_;
    return false;
  }
  askr_callable* callback = php().keep_callable(call, 0);
  if (callback == nullptr) return false;  // no request runs: there is no response to wait for
  ++accepted_;
  waiting_.push_back(callback);
  return true;
}

// ---------------------------------------------------------------- after the response

askr::Verdict Defer::request_end(askr::Request /*request*/) {
  if (accepted_ == 0) return askr::Verdict::next;
  php().set_deferred(1);
  while (!waiting_.empty()) {
    askr_callable* callback = waiting_.front();
    waiting_.pop_front();
    run(callback);
    php().release(callback);
  }
  php().set_deferred(0);
  if (dropped_ > 0) {
    drops_.increment(static_cast<int64_t>(dropped_));
    askr::log::error(std::to_string(dropped_) + " callbacks were not taken: more than defer.max_callbacks (request " +
                     text(php().request_id()) + ")");
  }
  accepted_ = dropped_ = 0;
  return askr::Verdict::next;
}

void Defer::run(askr_callable* callback) {
  askr_outcome outcome{};
  outcome.size = sizeof outcome;
  if (php().invoke(callback, timeout_, &outcome) != ASKR_OK) return;
  callbacks_.increment();
  if (outcome.kind != ASKR_OUTCOME_RETURNED && outcome.kind != ASKR_OUTCOME_EXITED) report(outcome);
}

void Defer::report(const askr_outcome& outcome) {
  failures_.increment();
  std::string what = text(outcome.message) + " in " + text(outcome.file) + ":" + std::to_string(outcome.line);
  if (outcome.kind == ASKR_OUTCOME_TIMED_OUT) {
    timeouts_.increment();
    what = "took longer than defer.timeout";
  }
  askr::log::error("a deferred callback failed: " + what + " (request " + text(php().request_id()) + ")");
}

// ---------------------------------------------------------------- registration

askr::Result<> Defer::register_(askr::Registrar registrar) {
  const auto counter = [registrar](askr::Metric& metric, const char* name, const char* help) {
    return metric.add(registrar, ASKR_METRIC_COUNTER, name, help);
  };
  if (auto added = counter(callbacks_, "askr_defer_callbacks_total", "Deferred callbacks that have run"); !added)
    return added;
  if (auto added = counter(failures_, "askr_defer_failures_total", "Those that failed"); !added) return added;
  if (auto added = counter(timeouts_, "askr_defer_timeouts_total", "Those that took too long"); !added) return added;
  if (auto added = counter(drops_, "askr_defer_dropped_total", "Those that were not taken"); !added) return added;
  return registrar.add(kFunction);
}

}  // namespace

ASKR_PLUGIN(Defer)
