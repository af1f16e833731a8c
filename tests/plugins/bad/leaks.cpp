// Leaves timers and descriptors behind when its gateway stops, and PHP callables when a request ends.
#include <unistd.h>

#include "askr/sdk.hpp"

namespace {

class Leaks : public askr::Plugin {
 public:
  static constexpr askr::Info info{.id = PLUGIN_ID, .version = "1.0.0", .summary = "Leaves things behind"};
  askr::Result<> register_(askr::Registrar registrar) { return registrar.add(kFunction); }
  askr::Result<> process_start(const askr_process& process) {
    if (process.role != ASKR_ROLE_GATEWAY) return {};
    constexpr int64_t kHour = INT64_C(3'600'000'000'000);
    const auto& loop = *askr::api().loop;
    for (int i = 0; i < 2; ++i)
      loop.set_timer(
          askr::api().host, kHour, [](void*) {}, nullptr, nullptr);
    int ends[2];
    if (::pipe(ends) != 0) return askr::Error{ASKR_E_FAILED, "no pipe"};
    return askr::check(loop.watch(
                           askr::api().host, ends[0], ASKR_READABLE, [](void*, uint32_t) {}, nullptr),
                       "cannot watch");
  }

 private:
  static askr_status keep(void* /*self*/, askr_php_call* call) {
    askr::api().php->keep_callable(call, 0);
    return ASKR_OK;
  }
  static constexpr askr_php_parameter kParameters[] = {{"fn", ASKR_PHP_CALLABLE, 0, nullptr}};
  static constexpr askr_php_function kFunction = {
      sizeof(askr_php_function), ASKR_PHP_VOID, "leak_callable", kParameters, 1, sizeof(askr_php_parameter), keep};
};

}  // namespace

ASKR_PLUGIN(Leaks)
