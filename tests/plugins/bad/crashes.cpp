// Crashes the gateway, in its own code or in a library that it calls.
#include <cstdlib>

#include "askr/sdk.hpp"

namespace {

class Crashes : public askr::Plugin {
 public:
  static constexpr askr::Info info{.id = PLUGIN_ID, .version = "1.0.0", .summary = "Crashes"};
  askr::Verdict route(askr::Request request) {
    if (request.path() == "/crash") *nowhere_ = 1;
    if (request.path() == "/abort") std::abort();
    return askr::Verdict::next;
  }

 private:
  volatile int* nowhere_ = reinterpret_cast<volatile int*>(64);
};

}  // namespace

ASKR_PLUGIN(Crashes)
