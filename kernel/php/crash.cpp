// Everything here may run at any instruction of PHP, on a stack of its own, so it only reads memory and calls what is
// safe in a signal handler. The list of PHP frames may be broken when PHP has crashed: a short note is left before it
// is walked, and a second fault ends the process with that one.
#include "php/crash.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <csignal>
#include <cstring>

#include "php/zend.hpp"

namespace askr::php {
namespace {

constexpr size_t kStackSize = 64 << 10;
constexpr int kFrames = 12;
constexpr int kFaults[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};
constexpr int kQuiet[] = {SIGTERM, SIGINT, SIGHUP, SIGPIPE, SIGUSR2};

exchange::ProcessRecord* own_record = nullptr;
pid_t own_pid = 0;

class Note {
 public:
  Note& text(const char* data, size_t size) {
    const size_t kept = size < sizeof bytes_ - size_ ? size : sizeof bytes_ - size_;
    memcpy(bytes_ + size_, data, kept);
    size_ += kept;
    return *this;
  }
  Note& text(const char* data) { return text(data, strlen(data)); }
  Note& text(const zend_string* string) { return text(ZSTR_VAL(string), ZSTR_LEN(string)); }
  Note& number(uint32_t value) {
    char digits[10];
    size_t at = sizeof digits;
    do {
      digits[--at] = static_cast<char>('0' + value % 10);
      value /= 10;
    } while (value != 0);
    return text(digits + at, sizeof digits - at);
  }
  // The record is not that of a copy which the application has forked.
  void leave() const {
    if (getpid() == own_pid) exchange::leave_note(*own_record, bytes_, size_);
  }

 private:
  char bytes_[2000];
  size_t size_ = 0;
};

// The instruction pointer of a frame is stale while the frame runs machine code of its own; then the function's first
// line has to do.
uint32_t line_of(const zend_execute_data* frame) {
  const zend_op_array& code = frame->func->op_array;
  const zend_op* at = frame->opline;
  if (at >= code.opcodes && at < code.opcodes + code.last) return at->lineno;
  // An exception is being thrown: the place it came from is kept aside.
  at = EG(opline_before_exception);
  if (at >= code.opcodes && at < code.opcodes + code.last) return at->lineno;
  return code.line_start;
}

void describe_place(Note& note, const zend_execute_data* frame) {
  note.text(frame->func->op_array.filename).text(":").number(line_of(frame));
}

void describe_function(Note& note, const zend_function* function) {
  if (function->common.function_name == nullptr) return;
  if (function->common.scope != nullptr) note.text(function->common.scope->name).text("::");
  note.text(function->common.function_name).text("()");
}

bool is_user_code(const zend_execute_data* frame) {
  return frame->func != nullptr && ZEND_USER_CODE(frame->func->type);
}

void describe_frames(Note& note) {
  const zend_execute_data* frame = EG(current_execute_data);
  if (frame == nullptr) {
    note.text(": no PHP code was running");
    return;
  }
  note.text(": PHP at ");
  const zend_execute_data* place = frame;
  while (place != nullptr && !is_user_code(place)) place = place->prev_execute_data;
  if (place != nullptr) describe_place(note, place);
  int count = 0;
  for (; frame != nullptr && count < kFrames; frame = frame->prev_execute_data) {
    if (frame->func == nullptr) continue;
    note.text("\n#").number(static_cast<uint32_t>(count++)).text(" ");
    describe_function(note, frame->func);
    if (is_user_code(frame)) describe_place(note.text(" "), frame);
  }
  if (frame != nullptr) note.text("\n...");
}

void leave_note(const char* cause) {
  Note note;
  note.text(cause).leave();
  describe_frames(note);
  note.leave();
}

const char* name_of(int signal) {
  switch (signal) {
    case SIGSEGV:
      return "SIGSEGV";
    case SIGBUS:
      return "SIGBUS";
    case SIGILL:
      return "SIGILL";
    case SIGFPE:
      return "SIGFPE";
    default:
      return "SIGABRT";
  }
}

// SA_RESETHAND has put the default action back: raising again ends the process the way the fault would have.
extern "C" void askr_php_fault(int signal) {
  leave_note(name_of(signal));
  raise(signal);
}

extern "C" void askr_php_over_time(int /*signal*/) {
  leave_note("over the request timeout");
  _exit(kTimedOutExit);
}

// Not SIG_IGN: programs that PHP starts would inherit it, and proc_terminate() could not end them.
extern "C" void askr_php_quiet(int /*signal*/) {}

void install(int signal, void (*handler)(int), int flags) {
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_flags = flags;
  sigemptyset(&action.sa_mask);
  sigaction(signal, &action, nullptr);
}

void unblock(int signal) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, signal);
  sigprocmask(SIG_UNBLOCK, &set, nullptr);
}

// With a page below it that nobody may touch, so that a handler that overflows it does not write into other memory.
void make_signal_stack() {
  const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  void* memory = mmap(nullptr, kStackSize + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return;
  mprotect(memory, page, PROT_NONE);
  stack_t stack{};
  stack.ss_sp = static_cast<char*>(memory) + page;
  stack.ss_size = kStackSize;
  sigaltstack(&stack, nullptr);
}

}  // namespace

void install_fault_handlers(exchange::ProcessRecord& record) {
  own_record = &record;
  own_pid = getpid();
  make_signal_stack();
  for (const int signal : kFaults) {
    install(signal, askr_php_fault, SA_ONSTACK | SA_RESETHAND | SA_NODEFER);
    unblock(signal);
  }
}

void install_test_handlers(exchange::ProcessRecord& record) {
  install_fault_handlers(record);
  install(over_time_signal(), askr_php_over_time, SA_ONSTACK | SA_RESETHAND);
  unblock(over_time_signal());
}

void install_signal_handlers(exchange::ProcessRecord& record) {
  install_test_handlers(record);
  for (const int signal : kQuiet) install(signal, askr_php_quiet, SA_RESTART | SA_ONSTACK);
}

}  // namespace askr::php
