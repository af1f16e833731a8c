// Hooks every phase and does nothing: what hooks cost by themselves.
#include "askr/sdk.hpp"

namespace {

class Noop : public askr::Plugin {
 public:
  static constexpr askr::Info info{.id = PLUGIN_ID, .version = "1.0.0", .summary = "Hooks every phase"};
  askr::Verdict connection(const askr_connection_info& /*client*/) { return askr::Verdict::next; }
  askr::Verdict request_head(askr::Request /*request*/) { return askr::Verdict::next; }
  askr::Verdict route(askr::Request /*request*/) { return askr::Verdict::next; }
  askr::Verdict lookup(askr::Request /*request*/) { return askr::Verdict::next; }
  askr::Verdict request_body(askr::Request /*request*/, std::string_view /*piece*/, bool /*last*/) {
    return askr::Verdict::next;
  }
  askr::Verdict request_begin(askr::Request /*request*/) { return askr::Verdict::next; }
  askr::Verdict request_end(askr::Request /*request*/) { return askr::Verdict::next; }
  askr::Verdict response_head(askr::Request /*request*/) { return askr::Verdict::next; }
  askr::Verdict log(askr::Request /*request*/) { return askr::Verdict::next; }
};

}  // namespace

ASKR_PLUGIN(Noop)
