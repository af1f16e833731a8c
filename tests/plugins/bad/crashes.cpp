// Crashes the gateway, in its own code or in a library that it calls. What it does elsewhere is harmless.
#include <cstdlib>

#include "askr/sdk.hpp"

namespace {

class Crashes : public askr::Plugin {
 public:
  static constexpr askr::Info info{.id = PLUGIN_ID, .version = "1.0.0", .summary = "Crashes"};
  askr::Result<> register_(askr::Registrar registrar) {
    if (auto added = registrar.add(kNumber); !added) return added;
    return registrar.add(kCommand);
  }
  askr::Verdict request_begin(askr::Request /*request*/) {
    askr::log::warning("a worker begins");
    return askr::Verdict::next;
  }
  askr::Verdict request_end(askr::Request /*request*/) {
    askr::log::warning("a worker ends");
    return askr::Verdict::next;
  }
  askr::Verdict route(askr::Request request) {
    if (request.path() == "/crash") *nowhere_ = 1;
    if (request.path() == "/abort") std::abort();
    return askr::Verdict::next;
  }

 private:
  static askr_status number(void* /*self*/, askr_php_call* call) {
    askr::api().php->return_int(call, 1);
    return ASKR_OK;
  }
  static askr_status run(void* /*self*/, const askr_str* /*arguments*/, uint32_t /*count*/, askr_reply* reply) {
    reply->write(reply, askr::str("at your service\n"));
    return ASKR_OK;
  }
  static constexpr askr_php_function kNumber = {sizeof(askr_php_function),  ASKR_PHP_INT, "crashes_number", nullptr, 0,
                                                sizeof(askr_php_parameter), number};
  static constexpr askr_command kCommand = {sizeof(askr_command), 0, "crashes", "crashes", "Serves", run};

  volatile int* nowhere_ = reinterpret_cast<volatile int*>(64);
};

}  // namespace

ASKR_PLUGIN(Crashes)
