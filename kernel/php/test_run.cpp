// A forked process ends where its piece ends. What was registered or made before the fork belongs to the warm process:
// shutdown functions and destructors of the boot run once, there. Taking the whole of PHP apart would copy most of its
// memory first, so a piece only runs what is its own, and leaves.
#include "php/test_run.hpp"

#include <unistd.h>

#include <csignal>
#include <cstdlib>

#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include "base/json_text.hpp"
#include "php/boot_info.hpp"
#include "php/crash.hpp"
#include "php/fork.hpp"
#include "php/fork_hazards.hpp"
#include "php/last_steps.hpp"
#include "php/random_state.hpp"
#include "php/request.hpp"
#include "php/request_objects.hpp"
#include "php/script_file.hpp"
#include "php/state.hpp"
#include "php/time_limit.hpp"
#include "php/zend.hpp"

namespace askr::php {
namespace {

TestFork* test_fork = nullptr;
const TestRunOptions* run_options = nullptr;
TestPiece piece;  // static, see zend.hpp
std::vector<std::string> words;
std::vector<char*> word_pointers;
bool served = false;
bool ended = false;

struct Place {
  const zend_string* file = nullptr;
  uint32_t line = 0;
};
Place left_at;  // the last exit()

#ifdef ZEND_EXIT
int askr_php_exit(zend_execute_data* frame) {
  left_at = {frame->func->op_array.filename, frame->opline->lineno};
  return ZEND_USER_OPCODE_DISPATCH;
}
#endif

// As the program php has it.
void register_stream(const char* name, const char* path, const char* mode) {
  php_stream* stream = php_stream_open_wrapper_ex(path, mode, 0, nullptr, php_stream_context_alloc());
  if (stream == nullptr) return;
  stream->flags |= PHP_STREAM_FLAG_NO_CLOSE;
  zend_constant constant;
  php_stream_to_zval(stream, &constant.value);
  Z_CONSTANT_FLAGS(constant.value) = 0;
  constant.name = zend_string_init_interned(name, strlen(name), false);
  zend_register_constant(&constant);
}

void prepare_command_line() {
  SG(request_info).no_headers = true;
  register_stream("STDIN", "php://stdin", "rb");
  register_stream("STDOUT", "php://stdout", "wb");
  register_stream("STDERR", "php://stderr", "wb");
  lift_time_limit();
}

void become_piece() {
  state.fork_point = nullptr;
  state.booting = false;
  state.failure.seen = state.failure.fatal = false;
  BG(user_shutdown_function_names) = nullptr;  // the warm process runs them
  reseed_php();
  separate_open_files();
  if (piece.record != nullptr) install_test_handlers(*piece.record);
}

void run_shutdown_functions() {
  php_call_shutdown_functions();
}

// Also of a script that was left by exit() or a fatal error.
void end_piece() {
  if (ended) return;
  ended = true;
  run_step_alone(run_shutdown_functions);
  run_step_alone(destruct_request_objects);
  run_step_alone(php_output_end_all);
}

void report_json(const nlohmann::json& event) {
  test_fork->report(json_text(event));
}

void report_fatal() {
  report_json({{"event", "fatal"},
               {"message", state.failure.message},
               {"file", state.failure.file},
               {"line", state.failure.line}});
}

// The runner did not come to the end of the piece.
void report_how_it_ended() {
  if (state.failure.seen) {
    report_fatal();
  } else {
    nlohmann::json event{{"event", "exit"}, {"code", EG(exit_status)}};
    if (left_at.file != nullptr) {
      event["file"] = std::string(ZSTR_VAL(left_at.file), ZSTR_LEN(left_at.file));
      event["line"] = left_at.line;
    }
    report_json(event);
  }
}

void execute(const std::string& script) {
  state.script_filename = script;
  zend_try {
    execute_script_file();
  }
  zend_end_try();
}

// Without a runner a piece is a script.
void run_plain() {
  piece = test_fork->serve({});
  if (!piece.forked) return;
  become_piece();
  enter_directory_of(piece.script);
  execute(piece.script);
}

void run_script_of_tests() {
  if (run_options->runner.empty()) {
    run_plain();
  } else {
    execute(run_options->runner);
  }
}

void open_arguments() {
  words = {run_options->runner};
  words.insert(words.end(), run_options->arguments.begin(), run_options->arguments.end());
  word_pointers.clear();
  for (std::string& word : words) word_pointers.push_back(word.data());
  SG(request_info).argc = static_cast<int>(word_pointers.size());
  SG(request_info).argv = word_pointers.data();
}

int end_forked() {
  const int code = EG(exit_status) & 0xff;
  if (!ended) {
    if (piece.script.empty() || state.failure.seen) report_how_it_ended();
    end_piece();
    if (!piece.script.empty()) return state.failure.seen ? 255 : code;
  }
  return code;
}

}  // namespace

int run_tests(TestFork& fork, const TestRunOptions& options) {
  test_fork = &fork;
  run_options = &options;
  state.script_filename = options.runner;
  state.worker_mode = true;  // objects of the boot outlive a piece
  open_boot_info();
  open_arguments();
#ifdef ZEND_EXIT
  zend_set_user_opcode_handler(ZEND_EXIT, askr_php_exit);
#endif
  zend_first_try {
    if (php_request_startup() == SUCCESS) {
      prepare_command_line();
      run_script_of_tests();
    }
  }
  zend_end_try();
  if (piece.forked) return end_forked();
  if (!served && state.failure.seen) report_fatal();
  zend_try {
    php_request_shutdown(nullptr);
  }
  zend_end_try();
  return EG(exit_status) & 0xff;
}

bool is_test_run() {
  return test_fork != nullptr;
}

const std::string& test_settings() {
  static const std::string none;
  return run_options != nullptr ? run_options->settings : none;
}

bool fork_tests(std::string_view plan, std::string& text) {
  if (test_fork == nullptr || served) return false;
  served = true;
  if (!call_before_fork()) return false;
  remember_boot_objects();
  tidy_before_fork();
  piece = test_fork->serve(plan);
  text = piece.text;
  if (!piece.forked) return true;
  become_piece();
  return call_after_fork();
}

void report_test_event(std::string_view event) {
  if (test_fork != nullptr) test_fork->report(event);
}

void end_test_piece() {
  if (!piece.forked) return;
  end_piece();
  ::_exit(0);
}

}  // namespace askr::php
