#include "testing/piece_run.hpp"

#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>

#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include "base/clock.hpp"
#include "base/json_text.hpp"
#include "php/crash.hpp"

namespace askr::testing {
namespace {

using nlohmann::json;

constexpr size_t kMostOutput = 256 << 10;  // of one test

Status status_of(const std::string& name) {
  for (const Status status : {Status::passed, Status::failed, Status::error, Status::skipped}) {
    if (name == status_name(status)) return status;
  }
  return Status::incomplete;
}

TestResult read_result(const json& event) {
  TestResult result;
  result.id = event.at("id").get<std::string>();
  result.file = event.value("file", "");
  result.line = event.value("line", 0U);
  result.status = status_of(event.at("status").get<std::string>());
  result.seconds = event.value("seconds", 0.0);
  result.assertions = event.value("assertions", 0U);
  result.type = event.value("type", "");
  result.message = event.value("message", "");
  result.trace = event.value("trace", "");
  result.output = event.value("output", "");
  result.issues = event.value("issues", std::vector<std::string>{});
  return result;
}

std::string place_of(const json& event) {
  if (!event.contains("file")) return {};
  return fmt::format(" in {}:{}", event.value("file", ""), event.value("line", 0U));
}

std::string note_of(const exchange::ProcessRecord& record) {
  const size_t size = std::min<size_t>(record.note_size.load(), exchange::kNoteSize);
  return {record.note, size};
}

std::string death_of(int status) {
  if (WIFSIGNALED(status)) {
    const char* name = ::sigabbrev_np(WTERMSIG(status));
    return fmt::format("killed by SIG{}", name != nullptr ? name : std::to_string(WTERMSIG(status)));
  }
  return fmt::format("the process ended with exit status {}", WEXITSTATUS(status));
}

}  // namespace

std::string PieceRun::order() const {
  return json_text({{"file", piece_.file}, {"only", piece_.only}, {"learn", learn}});
}

void PieceRun::begin() {
  state = State::running;
  started_ = monotonic_now();
  if (test_timeout > 0 && deadline == 0) deadline = started_ + test_timeout;
}

void PieceRun::read_output() {
  char buffer[16 << 10];
  for (;;) {
    const ssize_t size = ::read(output.get(), buffer, sizeof buffer);
    if (size < 0 && errno == EINTR) continue;
    if (size == 0) output.reset();
    if (size <= 0) return;
    text_.append(buffer, std::min(static_cast<size_t>(size), kMostOutput - std::min(kMostOutput, text_.size())));
  }
}

std::string PieceRun::take_output() {
  if (output) read_output();
  return std::exchange(text_, {});
}

void PieceRun::read(const OnResult& on_result) {
  if (channel.fd() < 0) return;
  const bool open = channel.read_some();
  while (const auto text = channel.next()) {
    try {
      on_event(*text, on_result);
    } catch (const json::exception&) {
      // A process that talks nonsense has been tampered with: what it leaves out is found missing at its end.
    }
  }
  if (!open) channel.close();
}

void PieceRun::start_test(const std::string& id, std::string file, unsigned line) {
  current_ = {};
  current_.id = id;
  current_.file = std::move(file);
  current_.line = line;
  started_ = monotonic_now();
  if (test_timeout > 0) deadline = started_ + test_timeout;
}

// It runs for the sake of another test, and its own result is known.
bool PieceRun::is_only_needed(const std::string& id) const {
  if (piece_.only.size() <= piece_.tests.size()) return false;
  return std::find(piece_.tests.begin(), piece_.tests.end(), id) == piece_.tests.end();
}

void PieceRun::emit(TestResult result, const OnResult& on_result) {
  last_ = result.id;
  if (current_.id == result.id) current_ = {};
  if (is_only_needed(result.id) || !heard_of_.insert(result.id).second) return;
  on_result(std::move(result));
}

void PieceRun::on_event(const std::string& text, const OnResult& on_result) {
  const json event = json::parse(text);
  const std::string what = event.at("event").get<std::string>();
  if (what == "start") {
    start_test(event.at("id").get<std::string>(), event.value("file", ""), event.value("line", 0U));
  } else if (what == "end") {
    TestResult result = read_result(event);
    result.output = take_output() + result.output;
    deadline = test_timeout > 0 ? monotonic_now() + test_timeout : 0;
    emit(std::move(result), on_result);
  } else if (what == "done") {
    done_ = true;
    classes_ = event.value("classes", std::vector<std::string>{});
  } else if (what == "fatal") {
    end_type_ = "fatal error";
    end_message_ = event.value("message", "") + place_of(event);
  } else if (what == "exit") {
    end_type_ = "exit";
    end_message_ = fmt::format("the test has called exit({}){}", event.value("code", 0), place_of(event));
  }
}

void PieceRun::judge(int status, const exchange::ProcessRecord& record, const OnResult& on_result) {
  deadline = 0;
  if (piece_.file == piece_.tests.front() && piece_.only.empty() && end_message_.empty() && !timed_out &&
      WIFEXITED(status) && left_behind == 0) {
    // A script of its own: its exit status is the verdict.
    TestResult result = std::exchange(current_, {});
    result.id = result.file = piece_.file;
    result.output = take_output();
    result.seconds = static_cast<double>(monotonic_now() - started_) / kSecond;
    if (WEXITSTATUS(status) != 0) {
      result.status = Status::failed;
      result.type = "exit";
      result.message = fmt::format("exit status {}", WEXITSTATUS(status));
    }
    emit(std::move(result), on_result);
    return;
  }
  const bool clean = done_ && WIFEXITED(status) && WEXITSTATUS(status) == 0 && !timed_out;
  if (clean && left_behind == 0) return;
  TestResult result = std::exchange(current_, {});
  if (result.id.empty()) {
    // Between two tests: it is the next one's, whose preparation has begun, or the last one's, which has left
    // something.
    for (const std::string& test : piece_.tests) {
      if (!heard_of_.contains(test)) {
        result.id = test;
        break;
      }
    }
    if (clean || result.id.empty()) result.id = last_.empty() ? piece_.tests.front() : last_;
    result.file = piece_.file;
  } else {
    result.seconds = static_cast<double>(monotonic_now() - started_) / kSecond;
  }
  result.output = take_output();
  result.status = Status::error;
  if (timed_out > 0) {
    result.type = "timeout";
    result.message = fmt::format("took longer than {} s", static_cast<double>(test_timeout) / kSecond);
    result.trace = note_of(record);
  } else if (clean) {
    result.type = "left behind";
    result.message = fmt::format("left {} process{} behind", left_behind, left_behind == 1 ? "" : "es");
  } else if (!end_message_.empty()) {
    result.type = end_type_;
    result.message = end_message_;
  } else {
    result.type = "crash";
    result.message = death_of(status);
    result.trace = note_of(record);
  }
  heard_of_.erase(result.id);  // it has the last word on this test
  emit(std::move(result), on_result);
}

Piece PieceRun::rest() const {
  Piece rest = piece_;
  rest.tests.clear();
  for (const std::string& test : piece_.tests) {
    if (!heard_of_.contains(test)) rest.tests.push_back(test);
  }
  rest.only = rest.tests;
  rest.expected = 0;
  return rest;
}

}  // namespace askr::testing
