// Keeps the handle of a request and uses it when that has ended.
#include <string>

#include "askr/sdk.hpp"

namespace {

class Stale : public askr::Plugin {
 public:
  static constexpr askr::Info info{.id = PLUGIN_ID, .version = "1.0.0", .summary = "Uses requests that have ended"};
  askr::Verdict route(askr::Request request) {
    if (request.path() == "/keep") kept_ = request.handle();
    if (request.path() != "/use") return askr::Verdict::next;
    askr::Request old(kept_);
    old.response().set_header("X-Stale", "1");
    const bool resumed = static_cast<bool>(old.resume(askr::Verdict::next));
    const bool silent = old.path().data() == nullptr && askr::api().slots->allocate(kept_, 16) == nullptr;
    request.response().append(silent && !resumed ? "nothing happened\n" : "something happened\n");
    return askr::Verdict::done;
  }

 private:
  askr_request kept_{};
};

}  // namespace

ASKR_PLUGIN(Stale)
