// A whole plugin: answers GET /hello, counts the answers, and has one option.
//
//   cmake -B build && cmake --build build && askr plugin verify build/hello.so
//   askr serve --plugin-dir build --plugin hello --hello-greeting 'Good day'
#include <string>

#include "askr/sdk.hpp"

namespace {

class Hello : public askr::Plugin {
 public:
  static constexpr askr::Info info{.id = "hello", .version = "1.0.0", .summary = "Answers GET /hello"};
  static constexpr askr_option options[] = {
      askr::option::text("hello.greeting", "--hello-greeting", "TEXT", "What to say", "Hello"),
  };

  askr::Result<> configure(const askr::Configuration& configuration) {
    greeting_ = configuration.text("hello.greeting");
    return {};
  }

  askr::Result<> register_(askr::Registrar registrar) {
    return answers_.add(registrar, ASKR_METRIC_COUNTER, "hello_answers_total", "Greetings sent");
  }

  // The phase `route`: the path is known, nobody has answered yet.
  askr::Verdict route(askr::Request request) {
    if (request.path() != "/hello") return askr::Verdict::next;
    answers_.increment();
    askr::Response response = request.response();
    response.set_header("Content-Type", "text/plain; charset=utf-8");
    response.append(greeting_ + ", " + std::string(request.client_address()) + "\n");
    return askr::Verdict::done;
  }

 private:
  std::string greeting_;
  askr::Metric answers_;
};

}  // namespace

ASKR_PLUGIN(Hello)
