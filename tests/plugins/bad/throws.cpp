// Throws wherever it is called with a path that says so.
#include <stdexcept>

#include "askr/sdk.hpp"

namespace {

class Throws : public askr::Plugin {
 public:
  static constexpr askr::Info info{.id = PLUGIN_ID, .version = "1.0.0", .summary = "Throws"};
  askr::Verdict route(askr::Request request) {
    if (request.path() == "/throw") throw std::runtime_error("a tantrum");
    if (request.path() == "/throw-number") throw 42;  // NOLINT
    return askr::Verdict::next;
  }
  askr::Verdict response_head(askr::Request request) {
    if (request.query() == "throw") throw std::runtime_error("a late tantrum");
    return askr::Verdict::next;
  }
};

}  // namespace

ASKR_PLUGIN(Throws)
