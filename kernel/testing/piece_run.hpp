// One piece that runs: what the coordinator knows of its process, and what it makes of what comes from there.
#pragma once

#include <sys/types.h>

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "base/fd.hpp"
#include "exchange/process_table.hpp"
#include "testing/channel.hpp"
#include "testing/plan.hpp"
#include "testing/result.hpp"

namespace askr::testing {

class PieceRun {
 public:
  enum class State : uint8_t { forking, running, reaping };

  PieceRun(Piece piece, unsigned slot) : piece_(std::move(piece)), slot_(slot) {}

  // Its process is there.
  void begin();

  // What the forked process gets to know.
  [[nodiscard]] std::string order() const;

  // Takes what has come. `on_result` gets each test that has ended.
  using OnResult = std::function<void(TestResult)>;
  void read(const OnResult& on_result);
  void read_output();

  // The process has ended with `status`: the result of the test it was at, if it did not come to its end.
  void judge(int status, const exchange::ProcessRecord& record, const OnResult& on_result);
  // What has not been heard of; a piece without tests means nothing is left.
  [[nodiscard]] Piece rest() const;

  [[nodiscard]] const Piece& piece() const { return piece_; }
  [[nodiscard]] unsigned slot() const { return slot_; }
  // With `learn`: of libraries, that it has loaded.
  [[nodiscard]] const std::vector<std::string>& classes() const { return classes_; }

  State state = State::forking;
  pid_t pid = 0;
  UniqueFd pidfd;
  UniqueFd output;
  Channel channel;
  bool learn = false;        // it tells which classes it has loaded
  int64_t deadline = 0;      // of the test that runs, 0: none
  int64_t test_timeout = 0;  // ns
  int timed_out = 0;         // how often it was told
  size_t left_behind = 0;    // processes that outlived it

 private:
  void on_event(const std::string& text, const OnResult& on_result);
  void start_test(const std::string& id, std::string file, unsigned line);
  [[nodiscard]] bool is_only_needed(const std::string& id) const;
  void emit(TestResult result, const OnResult& on_result);
  [[nodiscard]] std::string take_output();

  Piece piece_;
  unsigned slot_;
  std::string text_;  // what was printed since the last test
  TestResult current_;
  int64_t started_ = 0;
  std::set<std::string> heard_of_;
  std::string last_;
  bool done_ = false;
  std::string end_message_, end_type_;
  std::vector<std::string> classes_;
};

}  // namespace askr::testing
