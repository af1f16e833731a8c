// Sleeps in the event loop.
#include <unistd.h>

#include "askr/sdk.hpp"

namespace {

class Blocks : public askr::Plugin {
 public:
  static constexpr askr::Info info{.id = PLUGIN_ID, .version = "1.0.0", .summary = "Blocks the event loop"};
  askr::Verdict route(askr::Request request) {
    if (request.path() == "/block") {
      for (int i = 0; i < 40; ++i) ::usleep(10'000);  // signals end a sleep
    }
    return askr::Verdict::next;
  }
};

}  // namespace

ASKR_PLUGIN(Blocks)
