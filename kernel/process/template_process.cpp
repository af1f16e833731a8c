#include "process/template_process.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <csignal>
#include <cstring>

#include "base/descriptor_message.hpp"
#include "base/log.hpp"
#include "exchange/worker_port.hpp"
#include "php/fork_point.hpp"
#include "process/last_resort.hpp"
#include "process/sidecar_process.hpp"
#include "process/spawn.hpp"
#include "process/title.hpp"

#include <fmt/core.h>

namespace askr::process {
namespace {

// For the signal handler of a worker.
exchange::ProcessRecord* own_record = nullptr;
exchange::Sleep* own_sleep = nullptr;

// The master has died: finish what is queued, then stop. Nobody enforces the limit of a request any more.
void on_orphaned(int /*signal*/) {
  start_last_resort();
  own_record->orphaned.store(exchange::kRetireWhenIdle);
  own_sleep->parked.store(0);
}

void send(int socket, TemplateMessage message, std::string_view text = {}) {
  text = text.substr(0, kTemplateTextMax);
  message.text_size = static_cast<uint32_t>(text.size());
  std::string bytes(reinterpret_cast<const char*>(&message), sizeof message);
  bytes += text;
  if (::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL) < 0) ::_exit(0);  // the master has gone
}

class TemplateProcess final : public php::ForkPoint {
 public:
  TemplateProcess(TemplateOptions& options, php::RuntimeFacts facts) : options_(options), facts_(std::move(facts)) {}

  php::Forked serve(const std::vector<std::string>& warnings) override;
  // In a worker or sidecar.
  [[nodiscard]] bool has_forked() const { return forked_; }
  // The application has forked this process from a worker.
  [[nodiscard]] bool is_copy() const { return port_ != nullptr && port_->is_copy(); }
  // In a worker: it was forked for rehearsals, and one has failed.
  [[nodiscard]] bool rehearsed_badly() const { return port_ != nullptr && port_->rehearsal_failed(); }

 private:
  php::Forked become(const ForkRequest& request, const UniqueFd& output);
  php::Forked become_worker(const ForkRequest& request);

  TemplateOptions& options_;
  php::RuntimeFacts facts_;
  std::unique_ptr<exchange::WorkerPort> port_;
  bool forked_ = false;
};

php::Forked TemplateProcess::serve(const std::vector<std::string>& warnings) {
  facts_.warnings.insert(facts_.warnings.end(), warnings.begin(), warnings.end());
  const int socket = options_.socket.get();
  send(socket, {TemplateMessage::ready, 0, 0, 0}, encode_facts(facts_));
  ForkRequest request{};
  for (;;) {
    const ReceivedMessage message = receive_message(socket, &request, sizeof request, 0);
    if (message.size < 0 && errno == EINTR) continue;
    if (message.size != sizeof request) ::_exit(0);  // the master wants no more workers, or has gone
    log::reopen_if_asked();
    if (request.as == ForkAs::nobody) continue;
    const pid_t pid = fork_sibling();
    if (pid == 0) return become(request, message.descriptor);
    const auto kind = request.as == ForkAs::worker ? TemplateMessage::forked : TemplateMessage::forked_sidecar;
    send(socket, {kind, request.position, pid, 0});
  }
}

php::Forked TemplateProcess::become(const ForkRequest& request, const UniqueFd& output) {
  forked_ = true;
  options_.socket.reset();
  return request.as == ForkAs::worker ? become_worker(request) : become_sidecar(options_, request, output.get());
}

php::Forked TemplateProcess::become_worker(const ForkRequest& request) {
  const uint32_t position = request.position;
  own_record = &options_.exchange.workers()[position];
  own_sleep = &options_.exchange.sleep(options_.exchange.index_of(*own_record));
  own_record->own_pid.store(::getpid());
  prepare_last_resort(options_.patience_without_master);
  handle_signal(SIGRTMIN + 1, on_orphaned);
  settle_child(options_.master, SIGRTMIN + 1);
  options_.exchange.enter(exchange::Role::worker, position);
  set_title(fmt::format("askr: worker {}", position));
  log::set_speaker(fmt::format("worker {}", position));
  port_ = std::make_unique<exchange::WorkerPort>(options_.exchange, position, options_.generation);
  const auto first = options_.rehearsals.begin() + request.first_rehearsal;
  port_->set_rehearsals({first, first + request.rehearsals});
  start_plugins(options_, position);
  return {.port = port_.get()};
}

}  // namespace

void start_plugins(const TemplateOptions& options, uint32_t index) {
  const exchange::ExchangeOptions& sizes = options.exchange.options();
  const askr_process process{sizeof(askr_process), ASKR_ROLE_WORKER, index,
                             options.generation,   sizes.gateways,   sizes.workers_of_generation()};
  if (auto started = options.plugins.start_process(process); !started) {
    log::error("{}", started.error().message);
    ::_exit(1);
  }
}

void run_template(TemplateOptions options) {
  settle_child(options.master, SIGKILL);
  options.exchange.enter(exchange::Role::template_);
  log::settle_child();
  // Meant for the master. And PHP learns of a broken pipe where it writes.
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGPIPE}) disregard_signal(signal);
  set_title(fmt::format("askr: template (generation {})", options.generation));
  log::set_speaker("template");

  const auto fail = [&options](const Error& error) {
    send(options.socket.get(), {TemplateMessage::failed, 0, 0, 0, error.exit_code}, error.message);
    ::_exit(1);
  };
  auto facts = php::start_runtime(options.runtime);
  if (!facts) fail(facts.error());
  TemplateProcess process(options, std::move(facts.value()));
  const auto code = php::run_template(process);
  if (!process.has_forked()) fail(code.error());
  if (process.is_copy()) ::_exit(0);
  options.plugins.stop_process();
  // No destructors and no module shutdown: they belong to the template.
  ::_exit(process.rehearsed_badly() ? php::kRehearsalFailed : code.value());
}

std::string encode_facts(const php::RuntimeFacts& facts) {
  std::string text =
      fmt::format("{}\n{}\n{:d}{:d}{:d}\n{}\n", facts.php_version, facts.sapi_name, facts.opcache_installed,
                  facts.opcache_enabled, facts.jit_enabled, facts.preloaded_classes);
  for (const std::string& warning : facts.warnings) text += warning + "\n";
  return text;
}

php::RuntimeFacts decode_facts(std::string_view text) {
  const auto line = [&text] {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view found = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    return std::string(found);
  };
  php::RuntimeFacts facts;
  facts.php_version = line();
  facts.sapi_name = line();
  const std::string flags = line();
  facts.opcache_installed = flags.size() == 3 && flags[0] == '1';
  facts.opcache_enabled = flags.size() == 3 && flags[1] == '1';
  facts.jit_enabled = flags.size() == 3 && flags[2] == '1';
  const std::string classes = line();
  std::from_chars(classes.data(), classes.data() + classes.size(), facts.preloaded_classes);
  while (!text.empty()) facts.warnings.push_back(line());
  return facts;
}

}  // namespace askr::process
