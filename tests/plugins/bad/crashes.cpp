// Crashes the gateway, in its own code or in a library that it calls.
#include <cstdlib>
#include <cstring>

#include "askr/sdk.hpp"

namespace {

class Crashes : public askr::Plugin {
 public:
  static constexpr askr::Info info{.id = PLUGIN_ID, .version = "1.0.0", .summary = "Crashes"};
  askr::Verdict route(askr::Request request) {
    if (request.path() == "/crash") std::memset(nowhere_, 1, 4096);
    if (request.path() == "/abort") std::abort();
    return askr::Verdict::next;
  }

 private:
  void* volatile nowhere_ = nullptr;
};

}  // namespace

ASKR_PLUGIN(Crashes)
