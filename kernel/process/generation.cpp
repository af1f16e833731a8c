#include "process/generation.hpp"

#include <fmt/core.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <map>
#include <utility>

#include "base/log.hpp"
#include "php/crash.hpp"
#include "process/rehearsals.hpp"

namespace askr::process {
namespace {

// From the first signal, which makes a worker leave its backtrace, to the one it cannot ignore.
constexpr int64_t kKillGrace = 500 * kMillisecond;

std::string absolute(const std::string& path) {
  char resolved[PATH_MAX];
  return ::realpath(path.c_str(), resolved) != nullptr ? resolved : std::string();
}

}  // namespace

Generation::Generation(GenerationHost& host, uint32_t number, Events events)
    : host_(host),
      number_(number),
      events_(std::move(events)),
      sidecars_(
          host, number,
          [this](const ForkRequest& request, int output) { return template_ready_ && request_fork(request, output); },
          [this] {
            if ((retiring_ || over_) && empty()) events_.emptied(*this);
          }) {}

Generation::~Generation() {
  *alive_ = false;
  if (socket_) host_.loop.remove(socket_.get());
}

Result<> Generation::start(Share share, Rehearsals rehearsals) {
  share_ = share;
  must_pass_ = rehearsals;
  root_ = absolute(host_.settings.server.root);
  if (root_.empty()) return system_error("document root " + host_.settings.server.root);
  if (!std::filesystem::is_directory(root_)) return Error{"document root " + root_ + ": not a folder"};
  for (const std::string& script : {host_.settings.worker.script, host_.settings.worker.preload_script,
                                    host_.settings.queue.script, host_.settings.scheduler.script}) {
    if (!script.empty() && absolute(script).empty()) return system_error(script);
  }
  rehearsals_ = ASKR_TRY(encode_rehearsals(host_.settings, root_));
  if (host_.settings.worker.preload_classes) ASKR_TRY(begin_learning());
  return start_template();
}

void Generation::expand() {
  share_ = Share::all;
  announced_ = false;
  spawn_missing();
  check_ready();
}

unsigned Generation::target() const {
  if (share_ == Share::one_worker) return 1;
  const unsigned wanted = host_.exchange.worker_target();
  return rewind_policy_.pays() ? wanted : wanted * host_.settings.server.spares;
}

Answers Generation::answers() const {
  Answers all = ended_;
  for (const auto& worker : workers_) {
    const exchange::ProcessRecord& record = host_.exchange.records()[worker->identity().record];
    all.requests += record.requests.load(std::memory_order_relaxed);
    all.errors += record.errors.load(std::memory_order_relaxed);
  }
  return all;
}

php::RuntimeOptions Generation::runtime_options() const {
  const config::Settings& settings = host_.settings;
  php::RuntimeOptions options;
  options.root = root_;
  options.worker_script = settings.worker_mode() ? absolute(settings.worker.script) : "";
  options.files = settings.worker.files;
  options.app_base = settings.worker.app_base;
  options.clear_env = settings.worker.clear_env;
  options.ini = settings.worker.ini;
  options.keep_extensions = settings.worker.keep_extensions;
  options.max_body_size = settings.server.body_limit();
  options.upload_dir = host_.uploads.path();
  options.max_requests = settings.server.max_requests;
  options.max_growth = settings.server.max_worker_rss;
  options.boot_in_template = settings.boots_in_template();
  options.isolate = settings.isolates();
  options.rewind = settings.rewinds();
  options.cow_strict = settings.worker.cow_strict;
  options.paranoid = settings.worker.paranoid;
  options.behind_proxy = !settings.server.trusted_proxies.empty();
  options.preload_script = absolute(settings.worker.preload_script);
  options.front = settings.server.front;
  options.classes = classes_;
  options.class_list = class_list_.get();
  options.plugins = plugin_parts();
  return options;
}

php::PluginParts Generation::plugin_parts() const {
  php::PluginParts parts;
  parts.taken_out = &host_.exchange.global().dropped_plugins;
  std::map<std::string, uint64_t> bits;
  for (const auto& plugin : host_.plugins.plugins()) {
    const uint64_t bit = bits[std::string(plugin->id())] = 1ULL << plugin->index;
    for (const askr_php_function* function : plugin->functions) {
      parts.functions.push_back({std::string(plugin->id()), bit, function, plugin->self});
    }
  }
  pipeline::Pipeline pipeline;
  host_.plugins.install(pipeline);
  if (auto sealed = pipeline.seal(); !sealed) log::error("{}", sealed.error().message);  // the gateways say so first
  for (const pipeline::Hook& hook : pipeline.hooks(pipeline::Phase::request_begin)) {
    parts.request_begin.push_back({hook.plugin, bits[hook.plugin], hook.function, hook.self});
  }
  for (const pipeline::Hook& hook : pipeline.hooks(pipeline::Phase::request_end)) {
    parts.request_end.push_back({hook.plugin, bits[hook.plugin], hook.function, hook.self});
  }
  return parts;
}

Result<> Generation::start_template() {
  int pair[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
    return system_error("cannot make a socket pair");
  UniqueFd ours(pair[0]);
  UniqueFd theirs(pair[1]);
  const unsigned first = host_.exchange.first_template_record();
  template_record_ = first + number_ % exchange::kTemplateRecords;

  const pid_t master = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) return system_error("cannot fork the template");
  if (pid == 0) {
    ours.reset();
    socket_.reset();
    host_.close_in_child();
    become(host_.account);
    run_template({host_.exchange,
                  master,
                  number_,
                  runtime_options(),
                  rehearsals_,
                  std::move(theirs),
                  host_.plugins,
                  {absolute(host_.settings.queue.script), absolute(host_.settings.scheduler.script),
                   host_.settings.server.shutdown_timeout},
                  host_.settings.server.request_timeout + host_.settings.server.shutdown_timeout});
  }
  exchange::Assignment& assignment = host_.exchange.assignments()[template_record_];
  assignment.role = exchange::Role::template_;
  assignment.pid = pid;
  assignment.index = 0;
  assignment.generation = number_;
  assignment.started = monotonic_now();
  host_.exchange.records()[template_record_].state = exchange::ProcessState::starting;
  if (socket_) host_.loop.remove(socket_.get());
  socket_ = std::move(ours);
  template_ready_ = false;
  ASKR_TRY(host_.loop.add(socket_.get(), EPOLLIN, *this));
  template_ =
      std::make_unique<Child>(host_.loop, pid, ChildIdentity{exchange::Role::template_, template_record_, number_},
                              [this](Child& /*child*/, int status) { on_template_exit(status); });
  if (serves_) limit_template_boot();
  return ok();
}

void Generation::on_ready(uint32_t /*events*/) {
  std::array<char, sizeof(TemplateMessage) + kTemplateTextMax> buffer;
  for (;;) {
    const ssize_t got = ::recv(socket_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (got == 0) {  // its end is told by the pidfd
      host_.loop.remove(socket_.get());
      return;
    }
    if (got < static_cast<ssize_t>(sizeof(TemplateMessage))) return;
    TemplateMessage message;
    std::memcpy(&message, buffer.data(), sizeof message);
    const std::string_view text(buffer.data() + sizeof message, static_cast<size_t>(got) - sizeof message);
    switch (message.kind) {
      case TemplateMessage::ready:
        on_template_ready(text);
        break;
      case TemplateMessage::failed:
        template_failure_ = text;
        starts_anew_ = preload_nothing(template_failure_);
        if (!starts_anew_ && !serves_) give_up({template_failure_, message.exit_code});
        return;
      case TemplateMessage::forked:
        adopt_worker(message.position, message.pid);
        break;
      case TemplateMessage::forked_sidecar:
        sidecars_.adopt(message.position, message.pid);
        break;
    }
  }
}

void Generation::on_template_ready(std::string_view text) {
  facts_ = decode_facts(text);
  if (classes_ == php::ClassList::preload && facts_.preloaded_classes == 0) {
    facts_.warnings.emplace_back(
        "worker.preload_classes: the pages of reload.warm_urls load no class that can be preloaded");
  }
  template_ready_ = true;
  template_policy_.on_ready();
  template_failure_.clear();
  host_.exchange.records()[template_record_].state = exchange::ProcessState::idle;
  spawn_missing();
  sidecars_.on_template_ready();
}

void Generation::on_template_exit(int status) {
  on_ready(EPOLLIN);  // last words
  host_.exchange.assignments()[template_record_].pid = 0;
  host_.exchange.assignments()[template_record_].role = exchange::Role::none;
  template_.reset();
  if (socket_) host_.loop.remove(socket_.get());
  socket_.reset();
  settle_unanswered_forks();
  const bool was_ready = std::exchange(template_ready_, false);
  sidecars_.on_template_exit();
  if (retiring_ || over_) {
    if (empty()) events_.emptied(*this);
    return;
  }
  if (!was_ready && preload_nothing("the template " + describe_status(status))) starts_anew_ = true;
  if (std::exchange(starts_anew_, false)) {
    start_template_again();
    return;
  }
  std::string end = describe_status(status);
  if (!ready_) {
    give_up({fmt::format("the template {} before the application was ready", end)});
    return;
  }
  if (!template_failure_.empty()) end += ": " + std::exchange(template_failure_, {});
  replace_template(was_ready, end);
}

void Generation::start_template_again() {
  auto started = start_template();
  if (started) return;
  if (serves_) {
    replace_template(false, "cannot be started: " + started.error().message);
  } else {
    give_up(started.error());
  }
}

void Generation::replace_template(bool was_ready, const std::string& end) {
  const int64_t delay = template_policy_.on_death(was_ready);
  if (delay < 0) {
    give_up({"the template died " + std::to_string(RespawnPolicy::kGiveUp) + " times in a row before it was ready"});
    return;
  }
  if (was_ready) {
    log::error("the template {}; starting another one, {}", end, who_goes_on());
  } else if (template_policy_.is_worth_a_line(monotonic_now())) {
    log::error("the template {}; trying again in {:.1f} s, {}", end, static_cast<double>(delay) / kSecond,
               who_goes_on());
  }
  host_.alarms.at(monotonic_now() + delay, [this, alive = alive_] {
    if (*alive && !retiring_ && !over_) start_template_again();
  });
}

// Before it serves, who has asked for it sees to that.
void Generation::limit_template_boot() {
  const int64_t limit = host_.settings.reload.boot_timeout;
  host_.alarms.at(monotonic_now() + limit, [this, alive = alive_, limit, pid = template_->pid()] {
    if (!*alive || template_ready_ || !template_ || template_->pid() != pid) return;
    template_failure_ =
        fmt::format("it has not booted within {:g} s (reload.boot_timeout)", static_cast<double>(limit) / kSecond);
    template_->signal(SIGKILL);
  });
}

std::string_view Generation::who_goes_on() const {
  if (known_ready_.empty()) return "NO WORKER IS LEFT: requests wait for one, and get 503 after server.queue_timeout";
  return "running workers go on";
}

void Generation::give_up(const Error& why) {
  if (over_) return;
  over_ = true;
  events_.failed(*this, why);
}

void Generation::serve() {
  serves_ = true;
  policy_.persist();
  template_policy_.persist();
  host_.exchange.global().forks_each = rewind_policy_.pays() ? 0 : 1;
  sidecars_.start();
}

void Generation::retire() {
  retiring_ = true;
  for (const auto& worker : workers_) {
    retire_worker(worker->identity().record);
  }
  sidecars_.end(Sidecars::Ending::reload);
  // The template ends at the end of its input, after answering what it was asked before.
  if (socket_) ::shutdown(socket_.get(), SHUT_WR);
}

void Generation::kill() {
  retiring_ = killed_ = true;
  for (const auto& worker : workers_) worker->signal(SIGKILL);
  if (template_) template_->signal(SIGKILL);
  sidecars_.kill();
}

// One that boots a script reads it later, and one whose socket is full reopens at the next message anyway.
void Generation::reopen_log() {
  if (socket_) request_fork({.position = 0, .as = ForkAs::nobody});
}

void Generation::end_overdue(unsigned record_index) {
  const auto found = std::find_if(workers_.begin(), workers_.end(), [record_index](const auto& worker) {
    return worker->identity().record == record_index;
  });
  if (found == workers_.end()) return;
  (*found)->signal(php::over_time_signal());
  const int64_t started =
      host_.exchange.assignments()[record_index].started;  // no other one in that place has the same
  host_.alarms.at(monotonic_now() + kKillGrace, [this, alive = alive_, record_index, started] {
    if (!*alive || host_.exchange.assignments()[record_index].started != started) return;
    for (const auto& worker : workers_) {
      if (worker->identity().record == record_index) worker->signal(SIGKILL);
    }
  });
}

}  // namespace askr::process
