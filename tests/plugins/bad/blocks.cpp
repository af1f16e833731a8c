// Sleeps in the event loop; or works there, for a time that is not too long; or for ever.
#include <time.h>
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
    if (request.path() == "/spin") {
      for (volatile bool forever = true; forever;) continue;
    }
    if (request.path() == "/work") {
      const int64_t begun = processor_time();
      while (processor_time() - begun < 40'000'000) continue;
    }
    return askr::Verdict::next;
  }

 private:
  static int64_t processor_time() {
    timespec time{};
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return time.tv_sec * INT64_C(1'000'000'000) + time.tv_nsec;
  }
};

}  // namespace

ASKR_PLUGIN(Blocks)
