#include "testing/warm.hpp"

#include <fcntl.h>
#include <linux/close_range.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>

#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include "base/descriptor_message.hpp"
#include "base/json_text.hpp"
#include "base/log.hpp"
#include "php/runtime.hpp"
#include "php/test_run.hpp"
#include "process/spawn.hpp"
#include "process/title.hpp"

namespace askr::testing {
namespace {

constexpr int kBadRunner = 2;

class Warm final : public php::TestFork {
 public:
  Warm(const TestOptions& options, int orders, Channel events, exchange::ProcessRecord* records)
      : options_(options), orders_(orders), events_(std::move(events)), records_(records) {}

  php::TestPiece serve(std::string_view plan) override;
  // A copy that a test has forked says nothing: it would talk into the words of its parent.
  void report(std::string_view event) override {
    if (::getpid() == owner_) events_.send(event);
  }

 private:
  void answer(const Answer& answer) const { ::send(orders_, &answer, sizeof answer, MSG_NOSIGNAL); }
  void fork_piece(const Order& order, UniqueFd channel);
  php::TestPiece become(const Order& order, UniqueFd channel);
  void reap(const Order& order) const;

  const TestOptions& options_;
  int orders_;
  Channel events_;
  exchange::ProcessRecord* records_;
  UniqueFd output_;
  UniqueFd own_channel_;  // in a forked process
  bool forked_ = false;
  pid_t owner_ = ::getpid();
};

php::TestPiece Warm::serve(std::string_view plan) {
  if (options_.runner.empty()) {
    events_.send(R"({"event":"ready"})");
  } else {
    events_.send(plan);
  }
  for (;;) {
    Order order{};
    ReceivedMessage message = receive_message(orders_, &order, sizeof order, 0);
    if (message.size < 0 && errno == EINTR) continue;
    if (message.size != sizeof order) ::_exit(0);  // nobody is there any more
    switch (order.what) {
      case Order::What::output:
        output_ = std::move(message.descriptor);
        break;
      case Order::What::fork:
        fork_piece(order, std::move(message.descriptor));
        if (forked_) return become(order, std::move(own_channel_));
        break;
      case Order::What::reap:
        reap(order);
        break;
      case Order::What::finish:
        return {};
    }
  }
}

void Warm::fork_piece(const Order& order, UniqueFd channel) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    forked_ = true;
    own_channel_ = std::move(channel);
    return;
  }
  if (pid > 0) ::setpgid(pid, pid);  // here and there: who comes first does it
  output_.reset();
  answer({Answer::What::forked, order.slot, pid, 0});
}

void Warm::reap(const Order& order) const {
  int status = 0;
  while (::waitpid(order.pid, &status, 0) < 0 && errno == EINTR) {
  }
  answer({Answer::What::reaped, order.slot, order.pid, status});
}

void set_token(uint32_t slot) {
  const std::string token = std::to_string(slot + 1);
  ::setenv("TEST_TOKEN", token.c_str(), 1);
  ::setenv("UNIQUE_TEST_TOKEN", fmt::format("{}_{}", token, ::getpid()).c_str(), 1);
}

php::TestPiece Warm::become(const Order& order, UniqueFd channel) {
  owner_ = ::getpid();
  ::setpgid(0, 0);
  ::close(orders_);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGPIPE, SIGALRM})
    ::signal(signal, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::dup2(output_.get(), STDOUT_FILENO);
  ::dup2(output_.get(), STDERR_FILENO);
  output_.reset();
  events_ = Channel(std::move(channel));
  set_token(order.slot);
  process::set_title(fmt::format("askr: test process {}", order.slot + 1));
  const auto text = events_.receive();
  if (!text) ::_exit(0);
  php::TestPiece piece{.forked = true, .record = records_ + order.slot};
  if (options_.runner.empty()) {
    piece.script = *text;
  } else {
    piece.text = *text;
  }
  return piece;
}

// PHP's own program reads other files than a server's PHP.
void prefer_configuration_of_command_line() {
  const std::string folder = fmt::format("/etc/php/{}", ASKR_PHP_SERIES) + "/cli";
  std::error_code failed;
  if (!std::filesystem::is_directory(folder, failed)) return;
  ::setenv("PHPRC", folder.c_str(), 0);
  ::setenv("PHP_INI_SCAN_DIR", (folder + "/conf.d").c_str(), 0);
}

class VariableKept {
 public:
  explicit VariableKept(const char* name) : name_(name) {
    if (const char* value = ::getenv(name)) value_ = value, had_ = true;
  }
  void restore() const { had_ ? ::setenv(name_, value_.c_str(), 1) : ::unsetenv(name_); }

 private:
  const char* name_;
  std::string value_;
  bool had_ = false;
};

// What the program php is built with, and code that is kept from one run to the next.
std::vector<std::string> ini_lines(const TestOptions& options) {
  std::vector<std::string> lines = {"html_errors=0",        "implicit_flush=1",   "max_execution_time=0",
                                    "register_argc_argv=1", "output_buffering=0", "display_errors=1"};
  const std::string folder = options.cache + "/opcache";
  std::error_code failed;
  std::filesystem::create_directories(folder, failed);
  for (const char* line : {"opcache.enable=1", "opcache.enable_cli=1", "opcache.jit_buffer_size=0",
                           "opcache.validate_timestamps=1", "opcache.revalidate_freq=0"}) {
    lines.emplace_back(line);
  }
  if (!failed) lines.emplace_back("opcache.file_cache=\"" + folder + "\"");
  lines.insert(lines.end(), options.ini.begin(), options.ini.end());
  return lines;
}

void report_failure(const Channel& events, const std::string& message) {
  events.send(json_text({{"event", "failed"}, {"message", message}}));
}

[[noreturn]] void run(const TestOptions& options, const std::string& settings, int orders, Channel events,
                      exchange::ProcessRecord* records) {
  process::set_title("askr: test, warm process");
  if (::chdir(options.root.c_str()) != 0) {
    report_failure(events, "cannot enter " + options.root);
    ::_exit(kBadRunner);
  }
  const VariableKept rc("PHPRC");
  const VariableKept scan("PHP_INI_SCAN_DIR");
  prefer_configuration_of_command_line();
  php::RuntimeOptions runtime;
  runtime.root = options.root;
  runtime.command_line = true;
  runtime.ini = ini_lines(options);
  const auto facts = php::start_runtime(runtime);
  rc.restore();
  scan.restore();
  if (!facts) {
    report_failure(events, facts.error().message);
    ::_exit(kBadRunner);
  }
  Warm warm(options, orders, std::move(events), records);
  const php::TestRunOptions run_options{options.runner, options.runner_arguments, settings};
  ::_exit(php::run_tests(warm, run_options));
}

}  // namespace

bool WarmProcess::send(const Order& order, int descriptor) const {
  return send_message(orders.get(), {reinterpret_cast<const char*>(&order), sizeof order}, descriptor, MSG_NOSIGNAL);
}

std::string WarmProcess::read_output() {
  std::string text;
  char buffer[4096];
  ssize_t size = -1;
  while (output && (size = ::read(output.get(), buffer, sizeof buffer)) > 0) {
    text.append(buffer, static_cast<size_t>(size));
  }
  if (size == 0) output.reset();
  return text;
}

Result<WarmProcess> start_warm_process(const TestOptions& options, const std::string& settings,
                                       exchange::ProcessRecord* records) {
  int orders[2], events[2], output[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, orders) != 0) return system_error("socketpair");
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, events) != 0) return system_error("socketpair");
  if (::pipe2(output, O_CLOEXEC) != 0) return system_error("pipe");
  const pid_t coordinator = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) return system_error("fork");
  if (pid == 0) {
    process::settle_child(coordinator, SIGKILL);
    ::setpgid(0, 0);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGPIPE}) {
      process::disregard_signal(signal);
    }
    ::dup2(output[1], STDOUT_FILENO);
    ::dup2(output[1], STDERR_FILENO);
    ::dup2(::open("/dev/null", O_RDONLY | O_CLOEXEC), STDIN_FILENO);
    // Nothing else of the coordinator's: its ends of other channels would keep them open.
    const int own_orders = ::fcntl(orders[1], F_DUPFD_CLOEXEC, 200);
    const int own_events = ::fcntl(events[1], F_DUPFD_CLOEXEC, 201);
    ::close_range(STDERR_FILENO + 1, 199, 0);
    ::close_range(static_cast<unsigned>(own_events) + 1, ~0U, 0);
    run(options, settings, own_orders, Channel(UniqueFd(own_events)), records);
  }
  ::setpgid(pid, pid);
  ::close(orders[1]);
  ::close(events[1]);
  ::close(output[1]);
  return WarmProcess{pid, UniqueFd(orders[0]), Channel(UniqueFd(events[0])), UniqueFd(output[0])};
}

}  // namespace askr::testing
