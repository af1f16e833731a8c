// cache: whole responses, answered without PHP (response_cache.hpp), and the key-value cache that PHP reaches through
// askr_cache_get() and its kin (kv_store.hpp). Each is on when it has slots. Here are the options, the PHP functions
// and the command of both.
#include <memory>
#include <optional>
#include <string>

#include "askr/sdk.hpp"
#include "clock.hpp"
#include "kv_store.hpp"
#include "response_cache.hpp"

namespace {

constexpr int64_t kLongestTtl = INT64_C(100) * 366 * 86400;

const askr_php& php() {
  return *askr::api().php;
}

int64_t now() {
  return cache::coarse_now();
}

// 0 is for ever; below it the time is over already, as for APCu and memcached.
int64_t expiry(int64_t ttl) {
  constexpr int64_t kForEver = 0;
  constexpr int64_t kLongAgo = 1;
  if (ttl <= 0) return ttl == 0 ? kForEver : kLongAgo;
  return now() + std::min(ttl, kLongestTtl) * cache::kSecond;
}

// Not more than one line a second from each process: somebody may be writing rubbish all the time.
void report(const std::string& line) {
  static int64_t quiet_until = 0;
  if (now() < quiet_until) return;
  quiet_until = now() + cache::kSecond;
  askr::log::error(line);
}

// A value goes straight into the string that PHP gets.
class PhpResult final : public cache::Destination {
 public:
  explicit PhpResult(askr_php_call* call) : call_(call) {}
  char* prepare(size_t size) override { return php().return_buffer(call_, size); }

 private:
  askr_php_call* call_;
};

class Cache : public askr::Plugin {
 public:
  // Compress sees the request first, and so the response last: what is stored is not encoded.
  static constexpr const char* kAfter[] = {"compress", nullptr};
  static constexpr askr::Info info{.id = "cache",
                                   .version = "0.1.0",
                                   .summary = "Responses without PHP, and a key-value cache for it",
                                   .activation = ASKR_ACTIVE_WHEN_SET,
                                   .after = kAfter,
                                   .abi_minimum = 4};
  static constexpr askr_option options[] = {
      askr::option::number("cache.response_slots", "--response-cache", "N",
                           "Responses to keep, 140 KB of memory each; 0 is off", "0", 0, 1'000'000,
                           ASKR_OPTION_ACTIVATES),
      askr::option::size("cache.max_body_size", "--cache-max-body-size", "SIZE",
                         "Responses with a larger body are not kept", "1M", 1, 1 << 30),
      askr::option::list("cache.ignore_cookies", "--cache-ignore-cookies", "NAME",
                         "Cookies that change no page; a star at the end stands for anything"),
      askr::option::list("cache.ignore_query", "--cache-ignore-query", "NAME",
                         "Parameters of the query that change no page; a star as above"),
      askr::option::path("cache.persist", "--cache-persist", "FILE", "Keep the responses over a restart in this file"),
      askr::option::number("cache.slots", "--cache-slots", "N",
                           "Entries of the key-value cache, 4 KB of memory each; 0 is off", "0", 0, 100'000'000,
                           ASKR_OPTION_ACTIVATES)};

  askr::Result<> configure(const askr::Configuration& configuration);
  askr::Result<> register_(askr::Registrar registrar);
  askr::Result<> shm_request(askr_shm_plan* plan);
  askr::Result<> shm_init();
  askr::Result<> process_start(const askr_process& process);
  void master_stop() { responses_.master_stop(); }

  askr::Verdict lookup(askr::Request request) { return responses_.lookup(request); }
  askr::Verdict response_head(askr::Request request) { return responses_.response_head(request); }
  askr::Verdict log(askr::Request request) {
    responses_.log(request);
    return askr::Verdict::next;
  }

 private:
  // Counters of the key-value store are chosen by process.
  void open() {
    if (slots_ == 0) return;
    store_ = std::make_unique<cache::KvStore>(askr::shm_region("kv"), slots_, *askr::api().shm, report);
  }

  // nullptr: the key-value cache is off.
  static cache::KvStore* store(void* self) { return static_cast<Cache*>(self)->store_.get(); }
  static std::string_view text(const askr_php_call* call, uint32_t index) {
    return askr::view(php().string_argument(call, index));
  }
  static askr_status answer(askr_php_call* call, bool value) {
    php().return_bool(call, value ? 1 : 0);
    return ASKR_OK;
  }

  static askr_status get(void* self, askr_php_call* call);
  static askr_status set(void* self, askr_php_call* call);
  static askr_status add(void* self, askr_php_call* call);
  static askr_status remove(void* self, askr_php_call* call);
  static askr_status touch(void* self, askr_php_call* call);
  static askr_status increment(void* self, askr_php_call* call);
  static askr_status flush(void* self, askr_php_call* call);
  static askr_status forget_tag(void* self, askr_php_call* call);
  static askr_status run(void* self, const askr_str* words, uint32_t count, askr_reply* reply);
  void flush_all();
  [[nodiscard]] std::string describe() const;

  static const askr_php_parameter kKeyValueTtl[];
  static const askr_php_parameter kKeyTtl[];
  static const askr_php_parameter kKeyDeltaTtl[];
  static const askr_php_parameter kTag[];
  static const askr_php_function kFunctions[];
  static const askr_command kCommand;

  uint64_t slots_ = 0;
  std::unique_ptr<cache::KvStore> store_;
  cache::ResponseCache responses_;
};

// ---------------------------------------------------------------- PHP functions

askr_status Cache::get(void* self, askr_php_call* call) {
  PhpResult result(call);
  if (!store(self) || !store(self)->get(text(call, 0), now(), result)) php().return_null(call);
  return ASKR_OK;
}

askr_status Cache::set(void* self, askr_php_call* call) {
  return answer(
      call, store(self) && store(self)->set(text(call, 0), text(call, 1), expiry(php().int_argument(call, 2)), now()));
}

askr_status Cache::add(void* self, askr_php_call* call) {
  return answer(
      call, store(self) && store(self)->add(text(call, 0), text(call, 1), expiry(php().int_argument(call, 2)), now()));
}

askr_status Cache::remove(void* self, askr_php_call* call) {
  return answer(call, store(self) && store(self)->remove(text(call, 0), now()));
}

askr_status Cache::touch(void* self, askr_php_call* call) {
  return answer(call, store(self) && store(self)->touch(text(call, 0), expiry(php().int_argument(call, 1)), now()));
}

askr_status Cache::increment(void* self, askr_php_call* call) {
  const int64_t delta = php().is_given(call, 1) != 0 ? php().int_argument(call, 1) : 1;
  std::optional<int64_t> number;
  if (store(self)) number = store(self)->increment(text(call, 0), delta, expiry(php().int_argument(call, 2)), now());
  php().return_int(call, number.value_or(0));
  return ASKR_OK;
}

askr_status Cache::flush(void* self, askr_php_call* /*call*/) {
  static_cast<Cache*>(self)->flush_all();
  return ASKR_OK;
}

askr_status Cache::forget_tag(void* self, askr_php_call* call) {
  auto& responses = static_cast<Cache*>(self)->responses_;
  if (responses.is_on()) responses.forget_tag(text(call, 0));
  return ASKR_OK;
}

void Cache::flush_all() {
  if (store_) store_->flush();
  if (responses_.is_on()) responses_.flush();
}

const askr_php_parameter Cache::kKeyValueTtl[] = {
    {"key", ASKR_PHP_STRING, 0, nullptr}, {"value", ASKR_PHP_STRING, 0, nullptr}, {"ttl", ASKR_PHP_INT, 0, "0"}};
const askr_php_parameter Cache::kKeyTtl[] = {{"key", ASKR_PHP_STRING, 0, nullptr}, {"ttl", ASKR_PHP_INT, 0, "0"}};
const askr_php_parameter Cache::kKeyDeltaTtl[] = {
    {"key", ASKR_PHP_STRING, 0, nullptr}, {"delta", ASKR_PHP_INT, 0, "1"}, {"ttl", ASKR_PHP_INT, 0, "0"}};

const askr_php_parameter Cache::kTag[] = {{"tag", ASKR_PHP_STRING, 0, nullptr}};

constexpr uint32_t kFunctionSize = sizeof(askr_php_function);
constexpr uint32_t kParameterSize = sizeof(askr_php_parameter);
constexpr uint32_t kMaybeText = ASKR_PHP_STRING | ASKR_PHP_NULLABLE;

const askr_php_function Cache::kFunctions[] = {
    {kFunctionSize, kMaybeText, "askr_cache_get", kKeyTtl, 1, kParameterSize, get},
    {kFunctionSize, ASKR_PHP_BOOL, "askr_cache_set", kKeyValueTtl, 3, kParameterSize, set},
    {kFunctionSize, ASKR_PHP_BOOL, "askr_cache_add", kKeyValueTtl, 3, kParameterSize, add},
    {kFunctionSize, ASKR_PHP_BOOL, "askr_cache_delete", kKeyTtl, 1, kParameterSize, remove},
    {kFunctionSize, ASKR_PHP_BOOL, "askr_cache_touch", kKeyTtl, 2, kParameterSize, touch},
    {kFunctionSize, ASKR_PHP_INT, "askr_cache_increment", kKeyDeltaTtl, 3, kParameterSize, increment},
    {kFunctionSize, ASKR_PHP_VOID, "askr_cache_flush", nullptr, 0, kParameterSize, flush},
    {kFunctionSize, ASKR_PHP_VOID, "askr_cache_forget_tag", kTag, 1, kParameterSize, forget_tag}};

// ---------------------------------------------------------------- the command

std::string Cache::describe() const {
  std::string text;
  const auto line = [&text](std::string_view name, uint64_t value) {
    text.append("  ").append(name).append(12 - name.size(), ' ').append(std::to_string(value)).append("\n");
  };
  if (responses_.is_on()) {
    const cache::ResponseStats stats = responses_.stats();
    text += "responses\n";
    line("items", stats.responses);
    line("bytes", stats.bytes);
    line("capacity", stats.capacity);
    line("hits", static_cast<uint64_t>(responses_.metrics.hits.value()));
    line("misses", static_cast<uint64_t>(responses_.metrics.misses.value()));
    line("stale", static_cast<uint64_t>(responses_.metrics.stale.value()));
    line("stores", stats.stores);
    line("evictions", stats.evictions);
    line("expired", stats.expired);
    line("refused", static_cast<uint64_t>(responses_.metrics.refused.value()));
    line("recovered", stats.recovered);
    line("mended", stats.mended);
  }
  if (!store_) return text;
  const cache::KvStats stats = store_->stats(now());
  text += "key-value\n";
  line("items", stats.items);
  line("bytes", stats.bytes);
  line("hits", stats.hits);
  line("misses", stats.misses);
  line("stores", stats.stores);
  line("evictions", stats.evictions);
  line("expired", stats.expired);
  line("refused", stats.refused);
  line("recovered", stats.recovered);
  line("mended", stats.mended);
  return text;
}

askr_status Cache::run(void* self, const askr_str* words, uint32_t count, askr_reply* reply) {
  auto& cache = *static_cast<Cache*>(self);
  const std::string_view verb = count > 0 ? askr::view(words[0]) : std::string_view();
  if (verb == "forget-tag" && count == 2) {
    if (cache.responses_.is_on()) {
      cache.responses_.forget_tag(askr::view(words[1]));
      return ASKR_OK;
    }
    reply->write(reply, askr::str("the response cache is off: --response-cache N turns it on\n"));
    return ASKR_E_FAILED;
  }
  if (count != 1 || (verb != "flush" && verb != "stats")) return ASKR_E_INVALID;
  if (verb == "flush") {
    cache.flush_all();
  } else {
    const std::string text = cache.describe();
    reply->write(reply, askr::str(text));
  }
  return ASKR_OK;
}

const askr_command Cache::kCommand = {
    sizeof(askr_command), 0, "cache", "cache stats | flush | forget-tag NAME", "The caches of a running server", run};

// ---------------------------------------------------------------- life

askr::Result<> Cache::configure(const askr::Configuration& configuration) {
  slots_ = static_cast<uint64_t>(configuration.number("cache.slots"));
  cache::ResponseOptions& options = responses_.options;
  options.slots = static_cast<uint64_t>(configuration.number("cache.response_slots"));
  options.largest_body = configuration.size("cache.max_body_size");
  options.persist = configuration.text("cache.persist");
  configuration.for_each("cache.ignore_cookies",
                         [&](std::string_view name) { options.key.ignored_cookies.emplace_back(name); });
  configuration.for_each("cache.ignore_query",
                         [&](std::string_view name) { options.key.ignored_parameters.emplace_back(name); });
  return {};
}

askr::Result<> Cache::shm_request(askr_shm_plan* plan) {
  if (slots_ > 0) {
    const uint64_t bytes = cache::KvStore::bytes(slots_);
    auto asked = askr::check(askr::api().shm->request_region(plan, "kv", bytes, 1), "the key-value store");
    if (!asked) return asked;
  }
  return responses_.shm_request(plan);
}

askr::Result<> Cache::shm_init() {
  if (slots_ > 0) cache::KvStore::format(askr::shm_region("kv"), slots_, *askr::api().shm);
  open();
  responses_.shm_init();
  return {};
}

askr::Result<> Cache::process_start(const askr_process& process) {
  open();
  responses_.process_start(process);
  return {};
}

askr::Result<> Cache::register_(askr::Registrar registrar) {
  for (const askr_php_function& function : kFunctions) {
    if (auto added = registrar.add(function); !added) return added;
  }
  if (auto added = responses_.register_(registrar); !added) return added;
  return registrar.add(kCommand);
}

}  // namespace

ASKR_PLUGIN(Cache)
