// Throws wherever it is called with a path that says so, and from plain callbacks.
#include <stdexcept>

#include "askr/sdk.hpp"

namespace {

class Throws : public askr::Plugin {
 public:
  askr::Result<> register_(askr::Registrar registrar) {
    if (auto added = registrar.add(kFunction); !added) return added;
    return registrar.add(kCommand);
  }
  static constexpr askr::Info info{.id = PLUGIN_ID, .version = "1.0.0", .summary = "Throws"};
  askr::Verdict route(askr::Request request) {
    if (request.path() == "/throw") throw std::runtime_error("a tantrum");
    if (request.path() == "/throw-number") throw 42;  // NOLINT
    const auto tantrum = [](void*) { throw std::runtime_error("a timed tantrum"); };
    if (request.path() == "/timer") askr::api().loop->set_timer(askr::api().host, 0, tantrum, nullptr, nullptr);
    if (request.path() == "/body") return read(request);
    if (request.path() == "/hasty") (void)read(request);  // without the suspension that it needs
    return askr::Verdict::next;
  }
  askr::Verdict response_head(askr::Request request) {
    if (request.query() == "throw") throw std::runtime_error("a late tantrum");
    return askr::Verdict::next;
  }

 private:
  static askr::Verdict read(askr::Request request) {
    const auto tantrum = [](void*, askr_request, askr_status, askr_str) { throw std::runtime_error("a fed tantrum"); };
    return request.read_body(1000, tantrum, nullptr) ? askr::Verdict::suspend : askr::Verdict::fail;
  }
  static askr_status call(void* /*self*/, askr_php_call* /*call*/) { throw std::runtime_error("a called tantrum"); }
  static askr_status run(void* /*self*/, const askr_str* /*words*/, uint32_t /*count*/, askr_reply* /*reply*/) {
    throw std::runtime_error("an ordered tantrum");
  }
  static constexpr askr_php_function kFunction = {
      sizeof(askr_php_function), ASKR_PHP_VOID, "throw_tantrum", nullptr, 0, 0, call};
  static constexpr askr_command kCommand = {sizeof(askr_command), 0, "tantrum", "tantrum", "Throws", run};
};

}  // namespace

ASKR_PLUGIN(Throws)
