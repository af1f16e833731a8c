// The phases around a request: refuses clients by address, rewrites a request field, counts the requests of a
// connection, and says in the log what became of each request.
#include <string>
#include <vector>

#include "askr/sdk.hpp"

namespace {

class Doorman : public askr::Plugin {
 public:
  static constexpr askr::Info info{.id = PLUGIN_ID, .version = "1.0.0", .summary = "Watches the door"};
  static constexpr askr_option options[] = {
      askr::option::list("doorman.refuse", "--doorman-refuse", "ADDRESS", "Addresses to refuse"),
      askr::option::text("doorman.secret", "--doorman-secret", "TEXT", "Says nothing", "", ASKR_OPTION_SECRET)};

  askr::Result<> configure(const askr::Configuration& configuration) {
    configuration.for_each("doorman.refuse", [this](std::string_view address) { refused_.emplace_back(address); });
    return {};
  }
  askr::Result<> register_(askr::Registrar registrar) { return visits_.add(registrar); }

  askr::Verdict connection(const askr_connection_info& client) {
    for (const std::string& address : refused_) {
      if (askr::view(client.client_address) == address) return askr::Verdict::fail;
    }
    return askr::Verdict::next;
  }
  askr::Verdict request_head(askr::Request request) {
    request.set_header("X-Doorman", "let in " + std::string(request.client_address()));
    request.remove_header("X-Secret");
    int* visits = visits_.get(request);
    if (visits == nullptr) visits = visits_.emplace(request, 0);
    ++*visits;
    return askr::Verdict::next;
  }
  askr::Verdict response_head(askr::Request request) {
    request.response().set_header("X-Visit", std::to_string(*visits_.get(request)));
    request.response().remove_header("X-Powered-By");
    return askr::Verdict::next;
  }
  askr::Verdict log(askr::Request request) {
    const askr_times times = request.times();
    const bool in_order = times.accepted <= times.done && times.queued <= times.done;
    askr::log::info(std::string(request.method()) + " " + std::string(request.target()) + " " +
                    std::to_string(request.response().status()) + " " +
                    std::to_string(request.response().bytes_sent()) + (in_order ? " in order" : " out of order"));
    return askr::Verdict::next;
  }

 private:
  std::vector<std::string> refused_;
  askr::ConnectionSlot<int> visits_;
};

}  // namespace

ASKR_PLUGIN(Doorman)
