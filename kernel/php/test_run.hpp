// PHP for `askr test`: one script, the runner, boots in a warm process as a program of the command line would. Where it
// asks for a piece of work, processes are forked that go on from there.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "exchange/process_table.hpp"

namespace askr::php {

// What a forked process is to do. Lives as long as the process.
struct TestPiece {
  bool forked = false;                        // false: the warm process, which goes on to its end
  std::string text = {};                      // for the runner
  std::string script = {};                    // absolute; not empty: run this instead of going on with the runner
  exchange::ProcessRecord* record = nullptr;  // where a dying process leaves its note
};

class TestFork {
 public:
  TestFork() = default;
  virtual ~TestFork() = default;
  TestFork(const TestFork&) = delete;
  TestFork& operator=(const TestFork&) = delete;

  // In the warm process, once: forks on request. Returns in each forked process with its piece, and in the warm process
  // when all pieces are done.
  virtual TestPiece serve(std::string_view plan) = 0;
  // Sends an event, JSON, to whoever started the run.
  virtual void report(std::string_view event) = 0;
};

struct TestRunOptions {
  std::string runner;                  // absolute; empty: none, and serve() is called with an empty plan
  std::vector<std::string> arguments;  // $argv of the runner, without its name
  std::string settings;                // what askr_test_settings() answers
};

// After start_runtime() with RuntimeOptions::command_line. Returns the exit code of the process, in the warm and in
// each forked one.
int run_tests(TestFork& fork, const TestRunOptions& options);

// --- for functions.cpp

[[nodiscard]] bool is_test_run();
const std::string& test_settings();
// False: not here, or not a second time.
bool fork_tests(std::string_view plan, std::string& piece);
void report_test_event(std::string_view event);
// The piece is done: what it has registered for its end runs, and the process ends. Nothing in the warm process.
void end_test_piece();

}  // namespace askr::php
