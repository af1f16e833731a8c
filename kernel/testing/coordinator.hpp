// The loop of a run: hands pieces to processes, hears what becomes of them, starts the warm process again when it has
// died, and leaves no process behind.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "exchange/process_table.hpp"
#include "testing/lessons.hpp"
#include "testing/piece_run.hpp"
#include "testing/reporter.hpp"
#include "testing/warm.hpp"

namespace askr::testing {

class Coordinator {
 public:
  Coordinator(const TestOptions& options, Times& times, Lessons& lessons);
  ~Coordinator();
  Coordinator(const Coordinator&) = delete;
  Coordinator& operator=(const Coordinator&) = delete;

  // Starts the warm process and waits for what there is to run.
  Result<Plan> boot();
  void add_reporter(Reporter& reporter) { reporters_.push_back(&reporter); }
  // Runs all pieces of the plan to their ends. Error: the warm process cannot be started again.
  Result<> run(const Plan& plan, std::vector<Piece> pieces);
  // Lets the warm process end as the program it is. What it prints then.
  void finish();

  [[nodiscard]] bool interrupted() const { return interrupted_; }
  [[nodiscard]] const std::vector<TestResult>& results() const { return results_; }

 private:
  Result<> start_warm();
  void start_pieces();
  bool hand_out(Piece piece, unsigned slot);
  void wait();
  void on_answers();
  void on_process_end(PieceRun& run);
  void reap(PieceRun& run, int status);
  void on_warm_death();
  void look_at_deadlines();
  void collect(TestResult result);
  [[nodiscard]] std::string file_of(const TestResult& result) const;
  [[nodiscard]] std::vector<std::string> without_bad(std::vector<std::string> tests) const;
  void lose(const Piece& piece, const char* why);
  void forget_waiting();
  void end_warm();
  void stop_all();
  void kill_group(PieceRun& run);
  PieceRun* find(pid_t pid);
  [[nodiscard]] std::string settings() const;

  const TestOptions& options_;
  Times& times_;
  Lessons& lessons_;
  Plan plan_;
  std::vector<Reporter*> reporters_;
  exchange::ProcessRecord* records_ = nullptr;
  size_t records_size_ = 0;
  WarmProcess warm_;
  UniqueFd warm_pidfd_;
  UniqueFd signals_;
  std::string warm_output_;
  std::deque<Piece> pending_, suspects_, retries_;
  std::vector<std::unique_ptr<PieceRun>> running_;
  std::vector<TestResult> results_;
  std::map<std::string, size_t> result_at_;
  std::map<std::string, unsigned> tries_;
  unsigned deaths_ = 0;
  bool interrupted_ = false;
  bool stopping_ = false;
};

}  // namespace askr::testing
