// cache: the key-value cache that PHP reaches through askr_cache_get() and its kin, shared by all workers. The store
// itself is in kv_store.hpp; here are the PHP functions, the command and the options.
#include <ctime>
#include <memory>
#include <string>

#include "askr/sdk.hpp"
#include "kv_store.hpp"

namespace {

constexpr int64_t kSecond = 1'000'000'000;
constexpr int64_t kLongestTtl = INT64_C(100) * 366 * 86400;

const askr_php& php() {
  return *askr::api().php;
}

// Coarse: a few milliseconds are nothing to a lifetime in seconds, and it costs a quarter.
int64_t now() {
  timespec time{};
  ::clock_gettime(CLOCK_MONOTONIC_COARSE, &time);
  return time.tv_sec * kSecond + time.tv_nsec;
}

// 0 and below is for ever.
int64_t expiry(int64_t ttl) {
  return ttl <= 0 ? 0 : now() + std::min(ttl, kLongestTtl) * kSecond;
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
  static constexpr askr::Info info{.id = "cache",
                                   .version = "0.1.0",
                                   .summary = "A key-value cache that all workers share",
                                   .activation = ASKR_ACTIVE_WHEN_SET};
  static constexpr askr_option options[] = {askr::option::number(
      "cache.slots", "--cache-slots", "N", "Entries of the key-value cache, 4 KB of memory each; 0 is off", "0", 0,
      100'000'000, ASKR_OPTION_ACTIVATES)};

  askr::Result<> configure(const askr::Configuration& configuration) {
    slots_ = static_cast<uint64_t>(configuration.number("cache.slots"));
    return {};
  }
  askr::Result<> register_(askr::Registrar registrar);
  askr::Result<> shm_request(askr_shm_plan* plan) {
    const uint64_t bytes = cache::KvStore::bytes(slots_);
    return askr::check(askr::api().shm->request_region(plan, "kv", bytes, 1), "the key-value store");
  }
  askr::Result<> shm_init() {
    cache::KvStore::format(askr::shm_region("kv"), slots_, *askr::api().shm);
    return open();
  }
  // Counters are chosen by process.
  askr::Result<> process_start(const askr_process& /*process*/) { return open(); }

 private:
  askr::Result<> open() {
    store_ = std::make_unique<cache::KvStore>(askr::shm_region("kv"), *askr::api().shm);
    return {};
  }

  static cache::KvStore& store(void* self) { return *static_cast<Cache*>(self)->store_; }
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
  static askr_status run(void* self, const askr_str* words, uint32_t count, askr_reply* reply);
  [[nodiscard]] std::string describe() const;

  static const askr_php_parameter kKeyValueTtl[];
  static const askr_php_parameter kKeyTtl[];
  static const askr_php_parameter kKeyDeltaTtl[];
  static const askr_php_function kFunctions[];
  static const askr_command kCommand;

  uint64_t slots_ = 0;
  std::unique_ptr<cache::KvStore> store_;
};

// ---------------------------------------------------------------- PHP functions

askr_status Cache::get(void* self, askr_php_call* call) {
  PhpResult result(call);
  if (!store(self).get(text(call, 0), now(), result)) php().return_null(call);
  return ASKR_OK;
}

askr_status Cache::set(void* self, askr_php_call* call) {
  return answer(call, store(self).set(text(call, 0), text(call, 1), expiry(php().int_argument(call, 2)), now()));
}

askr_status Cache::add(void* self, askr_php_call* call) {
  return answer(call, store(self).add(text(call, 0), text(call, 1), expiry(php().int_argument(call, 2)), now()));
}

askr_status Cache::remove(void* self, askr_php_call* call) {
  return answer(call, store(self).remove(text(call, 0), now()));
}

askr_status Cache::touch(void* self, askr_php_call* call) {
  return answer(call, store(self).touch(text(call, 0), expiry(php().int_argument(call, 1)), now()));
}

askr_status Cache::increment(void* self, askr_php_call* call) {
  const int64_t delta = php().is_given(call, 1) != 0 ? php().int_argument(call, 1) : 1;
  const auto number = store(self).increment(text(call, 0), delta, expiry(php().int_argument(call, 2)), now());
  php().return_int(call, number.value_or(0));
  return ASKR_OK;
}

askr_status Cache::flush(void* self, askr_php_call* /*call*/) {
  store(self).flush();
  return ASKR_OK;
}

const askr_php_parameter Cache::kKeyValueTtl[] = {
    {"key", ASKR_PHP_STRING, 0, nullptr}, {"value", ASKR_PHP_STRING, 0, nullptr}, {"ttl", ASKR_PHP_INT, 0, "0"}};
const askr_php_parameter Cache::kKeyTtl[] = {{"key", ASKR_PHP_STRING, 0, nullptr}, {"ttl", ASKR_PHP_INT, 0, "0"}};
const askr_php_parameter Cache::kKeyDeltaTtl[] = {
    {"key", ASKR_PHP_STRING, 0, nullptr}, {"delta", ASKR_PHP_INT, 0, "1"}, {"ttl", ASKR_PHP_INT, 0, "0"}};

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
    {kFunctionSize, ASKR_PHP_VOID, "askr_cache_flush", nullptr, 0, kParameterSize, flush}};

// ---------------------------------------------------------------- the command

std::string Cache::describe() const {
  const cache::KvStats stats = store_->stats(now());
  const auto line = [](const char* name, uint64_t value) {
    return std::string(name) + std::string(12 - std::char_traits<char>::length(name), ' ') + std::to_string(value) +
           "\n";
  };
  return line("items", stats.items) + line("bytes", stats.bytes) + line("hits", stats.hits) +
         line("misses", stats.misses) + line("stores", stats.stores) + line("evictions", stats.evictions) +
         line("expired", stats.expired) + line("refused", stats.refused) + line("recovered", stats.recovered);
}

askr_status Cache::run(void* self, const askr_str* words, uint32_t count, askr_reply* reply) {
  const std::string_view verb = count == 1 ? askr::view(words[0]) : std::string_view();
  if (verb == "flush") {
    store(self).flush();
    return ASKR_OK;
  }
  if (verb != "stats") return ASKR_E_INVALID;
  const std::string text = static_cast<Cache*>(self)->describe();
  reply->write(reply, askr::str(text));
  return ASKR_OK;
}

const askr_command Cache::kCommand = {
    sizeof(askr_command), 0, "cache", "cache stats | flush", "The key-value cache of a running server", run};

// ---------------------------------------------------------------- registration

askr::Result<> Cache::register_(askr::Registrar registrar) {
  for (const askr_php_function& function : kFunctions) {
    if (auto added = registrar.add(function); !added) return added;
  }
  return registrar.add(kCommand);
}

}  // namespace

ASKR_PLUGIN(Cache)
