// Suspends requests and forgets them; also suspends where that is not possible.
#include "askr/sdk.hpp"

namespace {

class NeverResumes : public askr::Plugin {
 public:
  static constexpr askr::Info info{.id = PLUGIN_ID, .version = "1.0.0", .summary = "Forgets requests"};
  askr::Verdict lookup(askr::Request request) {
    return request.path() == "/forget" ? askr::Verdict::suspend : askr::Verdict::next;
  }
  askr::Verdict response_head(askr::Request request) {
    return request.query() == "suspend" ? askr::Verdict::suspend : askr::Verdict::next;
  }
};

}  // namespace

ASKR_PLUGIN(NeverResumes)
