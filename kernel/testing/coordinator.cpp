#include "testing/coordinator.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>

#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include "base/clock.hpp"
#include "base/json_text.hpp"
#include "php/crash.hpp"
#include "process/spawn.hpp"
#include "testing/strays.hpp"

namespace askr::testing {
namespace {

using nlohmann::json;

constexpr unsigned kMostDeaths = 50;  // of the warm process
constexpr int64_t kGrace = 500 * kMillisecond;

// The first line that says something, without the banner of the runner.
std::string telling_line(const std::string& text) {
  size_t at = 0;
  while (at < text.size()) {
    const size_t end = std::min(text.find('\n', at), text.size());
    std::string line = text.substr(at, end - at);
    at = end + 1;
    const bool banner = line.starts_with("PHPUnit ") && line.find(" by Sebastian") != std::string::npos;
    if (banner || line.find_first_not_of(" \t\r") == std::string::npos || line.starts_with("#!")) continue;
    return line;
  }
  return {};
}

TestResult make_error(const std::string& test, const std::string& file, const char* type, const char* message) {
  TestResult result;
  result.id = test;
  result.file = file;
  result.status = Status::error;
  result.type = type;
  result.message = message;
  return result;
}

}  // namespace

Coordinator::Coordinator(const TestOptions& options, Times& times, Lessons& lessons)
    : options_(options), times_(times), lessons_(lessons) {
  records_size_ = options.parallel * sizeof(exchange::ProcessRecord);
  void* memory = ::mmap(nullptr, records_size_, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory != MAP_FAILED) records_ = static_cast<exchange::ProcessRecord*>(memory);
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  sigset_t watched;
  sigemptyset(&watched);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&watched, signal);
  ::sigprocmask(SIG_BLOCK, &watched, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
  signals_.reset(::signalfd(-1, &watched, SFD_CLOEXEC | SFD_NONBLOCK));
}

Coordinator::~Coordinator() {
  stop_all();
  if (records_ != nullptr) ::munmap(records_, records_size_);
}

std::string Coordinator::settings() const {
  return json_text({{"root", options_.root}, {"paths", options_.paths}, {"classes", lessons_.classes()}});
}

Result<> Coordinator::start_warm() {
  if (records_ == nullptr) return system_error("no memory for the run");
  warm_ = ASKR_TRY(start_warm_process(options_, settings(), records_));
  warm_pidfd_ = process::open_pidfd(warm_.pid);
  ::fcntl(warm_.output.get(), F_SETFL, O_NONBLOCK);
  return ok();
}

Result<Plan> Coordinator::boot() {
  ASKR_TRY(start_warm());
  for (;;) {
    pollfd waits[] = {{warm_.events.fd(), POLLIN, 0}, {warm_.output.get(), POLLIN, 0}, {signals_.get(), POLLIN, 0}};
    ::poll(waits, 3, -1);
    if ((waits[2].revents & POLLIN) != 0) {
      interrupted_ = true;
      return Error{"interrupted", 130};
    }
    if ((waits[1].revents & (POLLIN | POLLHUP)) != 0) warm_output_ += warm_.read_output();
    const bool open = warm_.events.read_some();
    while (const auto text = warm_.events.next()) {
      const json event = json::parse(*text, nullptr, false);
      if (!event.is_object()) return usage_error("the runner has handed over a plan that cannot be read");
      const std::string what = event.value("event", "plan");
      if (what == "failed") return usage_error(event.value("message", ""));
      if (what == "fatal") {
        return usage_error(fmt::format("{} in {}:{}", telling_line(event.value("message", "")), event.value("file", ""),
                                       event.value("line", 0U)));
      }
      if (what == "plan" || what == "ready") return what == "ready" ? Plan{} : read_plan(*text);
    }
    if (!open) {
      const std::string why = telling_line(warm_output_);
      return usage_error(why.empty() ? "the runner ended before it came to any test" : why);
    }
  }
}

Result<> Coordinator::run(const Plan& plan, std::vector<Piece> pieces) {
  plan_ = plan;
  pending_.assign(std::make_move_iterator(pieces.begin()), std::make_move_iterator(pieces.end()));
  for (;;) {
    if (pending_.empty() && running_.empty() && suspects_.empty() && !retries_.empty()) std::swap(pending_, retries_);
    if (warm_.pid == 0 && !stopping_ && (!pending_.empty() || !suspects_.empty())) ASKR_TRY(boot());
    start_pieces();
    if (running_.empty()) break;
    wait();
  }
  return ok();
}

void Coordinator::start_pieces() {
  if (stopping_ || warm_.pid == 0) return;
  // A suspect runs alone.
  if (pending_.empty() && running_.empty() && !suspects_.empty()) {
    Piece piece = std::move(suspects_.front());
    suspects_.pop_front();
    hand_out(std::move(piece), 0);
    return;
  }
  for (unsigned slot = 0; slot < options_.parallel && !pending_.empty(); ++slot) {
    const bool busy =
        std::any_of(running_.begin(), running_.end(), [slot](const auto& run) { return run->slot() == slot; });
    if (busy) continue;
    Piece piece = std::move(pending_.front());
    pending_.pop_front();
    if (!hand_out(std::move(piece), slot)) return;
  }
}

bool Coordinator::hand_out(Piece piece, unsigned slot) {
  int output[2], channel[2];
  if (::pipe2(output, O_CLOEXEC) != 0) return false;
  UniqueFd output_end(output[1]);
  auto run = std::make_unique<PieceRun>(std::move(piece), slot);
  run->output.reset(output[0]);
  ::fcntl(output[0], F_SETFL, O_NONBLOCK);
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, channel) != 0) return false;
  UniqueFd channel_end(channel[1]);
  run->channel = Channel(UniqueFd(channel[0]));
  run->test_timeout = options_.timeout;
  run->learn = lessons_.wanted();
  records_[slot].note_size.store(0);
  run->channel.send(options_.runner.empty() ? run->piece().file : run->order());
  warm_.send({Order::What::output, slot, 0}, output_end.get());
  warm_.send({Order::What::fork, slot, 0}, channel_end.get());
  running_.push_back(std::move(run));
  return true;
}

void Coordinator::wait() {
  std::vector<pollfd> waits = {{signals_.get(), POLLIN, 0},
                               {warm_.orders.get(), POLLIN, 0},
                               {warm_pidfd_.get(), POLLIN, 0},
                               {warm_.output.get(), POLLIN, 0}};
  int64_t deadline = 0;
  std::vector<PieceRun*> runs;
  for (const auto& run : running_) {
    runs.push_back(run.get());
    waits.push_back({run->channel.fd(), POLLIN, 0});
    waits.push_back({run->output.get(), POLLIN, 0});
    waits.push_back({run->state == PieceRun::State::running ? run->pidfd.get() : -1, POLLIN, 0});
    if (run->deadline > 0 && (deadline == 0 || run->deadline < deadline)) deadline = run->deadline;
  }
  int timeout = -1;
  if (deadline > 0) timeout = static_cast<int>(std::max<int64_t>(0, (deadline - monotonic_now()) / kMillisecond + 1));
  if (::poll(waits.data(), waits.size(), timeout) < 0) return;
  if (waits[0].revents != 0) {
    signalfd_siginfo taken{};
    while (::read(signals_.get(), &taken, sizeof taken) > 0) {
    }
    interrupted_ = stopping_ = true;
    stop_all();
    return;
  }
  if (waits[3].revents != 0) warm_.read_output();
  const auto on_result = [this](TestResult result) { collect(std::move(result)); };
  for (size_t at = 0; at < runs.size(); ++at) {
    const pollfd* wait = &waits[4 + 3 * at];
    if (wait[0].revents != 0) runs[at]->read(on_result);
    if (wait[1].revents != 0) runs[at]->read_output();
  }
  if (waits[1].revents != 0) on_answers();
  for (size_t at = 0; at < runs.size(); ++at) {
    if (waits[4 + 3 * at + 2].revents != 0 && runs[at]->state == PieceRun::State::running) on_process_end(*runs[at]);
  }
  if (waits[2].revents != 0) on_warm_death();
  look_at_deadlines();
}

PieceRun* Coordinator::find(pid_t pid) {
  for (const auto& run : running_) {
    if (run->pid == pid) return run.get();
  }
  return nullptr;
}

void Coordinator::on_answers() {
  Answer answer{};
  while (::recv(warm_.orders.get(), &answer, sizeof answer, MSG_DONTWAIT) == sizeof answer) {
    if (answer.what == Answer::What::reaped) {
      if (PieceRun* run = find(answer.pid)) reap(*run, answer.status);
      continue;
    }
    for (const auto& run : running_) {
      if (run->slot() != answer.slot || run->state != PieceRun::State::forking) continue;
      if (answer.pid <= 0) {
        const PieceRun* lost = run.get();
        lose(lost->piece(), "there could be no process for it");
        std::erase_if(running_, [lost](const auto& each) { return each.get() == lost; });
        break;
      }
      run->pid = answer.pid;
      run->pidfd = process::open_pidfd(answer.pid);
      run->begin();
    }
  }
}

// What the process has started and outlived is a child of ours now: by its group it is known, or by its environment.
void Coordinator::kill_group(PieceRun& run) {
  const std::string token = fmt::format("UNIQUE_TEST_TOKEN={}_{}", run.slot() + 1, run.pid);
  for (const pid_t child : own_children()) {
    if (child == warm_.pid || (::getpgid(child) != run.pid && !has_variable(child, token))) continue;
    if (is_running(child)) ++run.left_behind;
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
  }
  // As long as nobody has taken note of its end, its number is still that of its group.
  ::kill(-run.pid, SIGKILL);
}

void Coordinator::on_process_end(PieceRun& run) {
  kill_group(run);
  run.state = PieceRun::State::reaping;
  if (warm_.pid == 0 || !warm_.send({Order::What::reap, run.slot(), run.pid})) {
    int status = 0;
    ::waitpid(run.pid, &status, 0);  // it is ours since its parent has died
    reap(run, status);
  }
}

void Coordinator::reap(PieceRun& run, int status) {
  const auto on_result = [this](TestResult result) { collect(std::move(result)); };
  run.read(on_result);
  if (run.output) run.read_output();
  run.judge(status, records_[run.slot()], on_result);
  if (run.learn) lessons_.add(run.classes());
  Piece rest = run.rest();
  const bool came_on = rest.tests.size() < run.piece().tests.size();
  if (!rest.tests.empty() && came_on && !stopping_) {
    rest.only = without_bad(needed_for(plan_, rest.file, rest.tests));
    pending_.push_front(rest);
  }
  if (!rest.tests.empty() && !came_on && !stopping_) {
    lose(rest, "the process ended without a word about this test");
  }
  std::erase_if(running_, [&run](const auto& each) { return each.get() == &run; });
}

void Coordinator::lose(const Piece& piece, const char* why) {
  for (const std::string& test : piece.tests) collect(make_error(test, piece.file, "lost", why));
}

// What has failed once is not run again for the sake of others.
std::vector<std::string> Coordinator::without_bad(std::vector<std::string> tests) const {
  std::erase_if(tests, [this](const std::string& test) {
    const auto known = result_at_.find(test);
    return known != result_at_.end() && results_[known->second].is_bad();
  });
  return tests;
}

// Somebody has killed the warm process. Pieces that run go on, as children of ours; one of them was it.
void Coordinator::on_warm_death() {
  end_warm();
  ++deaths_;
  std::vector<std::unique_ptr<PieceRun>> runs = std::exchange(running_, {});
  const bool alone = runs.size() == 1 && runs.front()->piece().suspect;
  for (auto& run : runs) {
    end_process(run->pid);
    run->read([this](TestResult result) { collect(std::move(result)); });
    Piece piece = run->piece();
    if (!alone && deaths_ < kMostDeaths) {
      piece.suspect = true;
      suspects_.push_back(std::move(piece));
      continue;
    }
    // One by one: the tests in front of it pass another time, and what is left of the piece goes on.
    if (piece.tests.size() > 1 && deaths_ < kMostDeaths) {
      for (const std::string& test : piece.tests) {
        Piece one = piece;
        one.tests = {test};
        one.only = needed_for(plan_, one.file, one.tests);
        suspects_.push_back(std::move(one));
      }
      continue;
    }
    collect(make_error(piece.tests.front(), piece.file, "killed its parent", "the test has killed its parent process"));
  }
  end_strays(warm_.pid);
}

void Coordinator::look_at_deadlines() {
  const int64_t now = monotonic_now();
  for (const auto& run : running_) {
    if (run->deadline == 0 || now < run->deadline || run->pid <= 0) continue;
    // First it is asked where it is, then it is killed.
    if (run->timed_out++ == 0) {
      ::kill(run->pid, php::over_time_signal());
    } else {
      ::kill(-run->pid, SIGKILL);
      ::kill(run->pid, SIGKILL);
    }
    run->deadline = now + kGrace;
  }
}

// The file it was found in, which is not always the one that its method is written in.
std::string Coordinator::file_of(const TestResult& result) const {
  for (const PlannedFile& file : plan_.files) {
    for (const PlannedClass& each : file.classes) {
      for (const PlannedTest& test : each.tests) {
        if (test.id == result.id) return file.path;
      }
    }
  }
  return result.file;
}

void Coordinator::collect(TestResult result) {
  const bool bad = result.is_bad();
  const unsigned tries = tries_[result.id]++;
  const bool again = bad && tries < options_.retry && !stopping_;
  result.flaky = !bad && tries > 0 && options_.retry > 0;
  if (again) {
    Piece piece;
    piece.file = file_of(result);
    piece.tests = {result.id};
    piece.only = needed_for(plan_, piece.file, piece.tests);
    piece.attempt = tries + 1;
    retries_.push_back(std::move(piece));
  } else {
    for (Reporter* reporter : reporters_) reporter->add(result);
  }
  times_.note(result.id, result.seconds, bad);
  const auto [at, is_new] = result_at_.try_emplace(result.id, results_.size());
  if (is_new) {
    results_.push_back(std::move(result));
  } else if (!(results_[at->second].is_bad() && options_.repeat > 1)) {
    results_[at->second] = std::move(result);
  }
  if (bad && !again && options_.stop_on_failure && !stopping_) {
    stopping_ = true;
    forget_waiting();
    for (const auto& run : running_) {
      if (run->pid > 0) ::kill(-run->pid, SIGKILL);
    }
  }
}

void Coordinator::forget_waiting() {
  pending_.clear();
  suspects_.clear();
  retries_.clear();
}

void Coordinator::end_warm() {
  end_process(warm_.pid);
  warm_ = {};
  warm_pidfd_.reset();
}

// The warm process first: what it was the parent of is ours then.
void Coordinator::stop_all() {
  forget_waiting();
  end_warm();
  for (const auto& run : running_) end_process(run->pid);
  running_.clear();
  end_strays(warm_.pid);
}

void Coordinator::finish() {
  if (warm_.pid == 0) return;
  warm_.send({Order::What::finish, 0, 0});
  const int64_t deadline = monotonic_now() + 60 * kSecond;
  while (monotonic_now() < deadline) {
    pollfd waits[] = {{warm_pidfd_.get(), POLLIN, 0}, {warm_.output.get(), POLLIN, 0}, {signals_.get(), POLLIN, 0}};
    ::poll(waits, 3, 1000);
    warm_.read_output();
    if (waits[0].revents != 0 || waits[2].revents != 0) break;
  }
  end_warm();
  end_strays(warm_.pid);
}

}  // namespace askr::testing
