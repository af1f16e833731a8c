// Shared memory, locks, wake-ups, metrics, a command and a PHP function that all speak of one number: `askr shared add
// N`, shared_add(N) and GET /shared change and show it; every gateway learns of a change.
#include <charconv>
#include <string>

#include "askr/sdk.hpp"

namespace {

struct Region {
  askr_lock lock;
  int64_t number;
};

class Shared : public askr::Plugin {
 public:
  static constexpr askr::Info info{.id = PLUGIN_ID, .version = "1.0.0", .summary = "One number for all processes"};

  askr::Result<> register_(askr::Registrar registrar) {
    if (auto added = registrar.add(kCommand); !added) return added;
    if (auto added = registrar.add(kFunction); !added) return added;
    return wakes_.add(registrar, ASKR_METRIC_COUNTER, "shared_wakes_total", "Gateways that were told of a change");
  }
  askr::Result<> shm_request(askr_shm_plan* plan) {
    return askr::check(askr::api().shm->request_region(plan, "number", sizeof(Region), 1), "region");
  }
  askr::Result<> shm_init() {
    region_ = static_cast<Region*>(askr::shm_region("number"));
    return region_ != nullptr ? askr::Result<>() : askr::Result<>(askr::Error{ASKR_E_FAILED, "no region"});
  }
  askr::Verdict route(askr::Request request) {
    if (request.path() != "/shared") return askr::Verdict::next;
    request.response().append(std::to_string(region_->number) + "\n");
    return askr::Verdict::done;
  }
  void on_wake() { wakes_.increment(); }

 private:
  int64_t add(int64_t by) {
    int64_t number = 0;
    {
      const askr::ShmLock lock(region_->lock);
      number = region_->number += by;
    }
    askr::api().wake->all_gateways(askr::api().host);
    return number;
  }
  static askr_status run(void* self, const askr_str* words, uint32_t count, askr_reply* reply) {
    int64_t by = 0;
    if (count != 2 || askr::view(words[0]) != "add") return ASKR_E_INVALID;
    const std::string_view text = askr::view(words[1]);
    if (std::from_chars(text.data(), text.data() + text.size(), by).ec != std::errc{}) return ASKR_E_INVALID;
    const std::string answer = std::to_string(static_cast<Shared*>(self)->add(by)) + "\n";
    reply->write(reply, askr::str(answer));
    return ASKR_OK;
  }
  static askr_status call(void* self, askr_php_call* call) {
    const auto& php = *askr::api().php;
    php.return_int(call, static_cast<Shared*>(self)->add(php.int_argument(call, 0)));
    return ASKR_OK;
  }

  static constexpr askr_command kCommand = {sizeof(askr_command), 0,  "shared", "shared add N",
                                            "Adds to the number", run};
  static constexpr askr_php_parameter kParameters[] = {{"by", ASKR_PHP_INT, 0, nullptr}};
  static constexpr askr_php_function kFunction = {
      sizeof(askr_php_function), ASKR_PHP_INT, "shared_add", kParameters, 1, sizeof(askr_php_parameter), call};

  Region* region_ = nullptr;
  askr::Metric wakes_;
};

}  // namespace

ASKR_PLUGIN(Shared)
