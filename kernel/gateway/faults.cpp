#include "gateway/faults.hpp"

#include <execinfo.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>

#include "base/clock.hpp"

namespace askr::gateway {
namespace {

constexpr int kFrames = 64;
constexpr size_t kStackSize = 64 << 10;
constexpr int kFaults[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};
constexpr int64_t kTick = Watchdog::kBlocked / 4;

// What the signal handlers need to find.
struct State {
  const plugin::Host* plugins = nullptr;
  exchange::Exchange* exchange = nullptr;
  exchange::ProcessRecord* record = nullptr;
  // --- the watchdog
  std::atomic<uint32_t> turn{0};  // odd: working
  int waits = -1;                 // /proc/self/schedstat
  uint32_t seen_turn = 0;
  int64_t seen_at = 0;  // in that turn, on the clock of own_time()
  int64_t kept = 0;     // in that turn, as far as the timer ticked: a process that was frozen has kept nobody
  int64_t ticked_at = 0;
  int64_t limit = 0;
  bool reported = false;
  std::atomic<bool> armed{false};
};
State state;

// The plugin whose code is nearest on the stack: index + 1, 0: none is.
uint32_t plugin_on_stack() {
  void* frames[kFrames];
  const int count = ::backtrace(frames, kFrames);
  for (int i = 0; i < count; ++i) {
    const plugin::ActivePlugin* found = state.plugins->plugin_at(reinterpret_cast<uintptr_t>(frames[i]));
    if (found != nullptr) return found->index + 1;
  }
  return 0;
}

void on_fault(int signal) {
  state.record->crashed_in.store(plugin_on_stack());
  // The handler was reset when it was entered: the fault happens again, and ends the process as it should.
  ::raise(signal);
}

// Nanoseconds that go on while this process runs or sleeps, and stand still while it waits for a processor. In a signal
// handler.
int64_t own_time() {
  char text[96];
  const ssize_t size = ::pread(state.waits, text, sizeof text, 0);
  int64_t waited = 0;
  bool in_second = false;  // of the numbers "ran waited slices"
  for (ssize_t i = 0; i < size && text[i] != '\n'; ++i) {
    if (text[i] == ' ' && in_second) break;
    if (text[i] == ' ') in_second = true;
    if (in_second && text[i] != ' ') waited = waited * 10 + (text[i] - '0');
  }
  return monotonic_now() - waited;
}

// No way leads out of somebody else's code but this one.
[[noreturn]] void end_in(uint32_t plugin) {
  state.record->crashed_in.store(plugin);
  state.record->did_not_return.store(1);
  ::kill(::getpid(), SIGKILL);
  for (;;) ::pause();
}

void arm() {
  const itimerval once{{0, 0}, {0, kTick / kMicrosecond}};
  ::setitimer(ITIMER_REAL, &once, nullptr);
}

void on_tick(int /*signal*/) {
  const uint32_t turn = state.turn.load(std::memory_order_relaxed);
  if (turn % 2 == 0) {
    state.armed.store(false, std::memory_order_relaxed);
    return;
  }
  const int64_t now = own_time();
  if (turn != state.seen_turn) {
    state.seen_turn = turn;
    state.seen_at = now;
    state.kept = 0;
    state.reported = false;
  } else {
    state.kept += std::min(now - state.ticked_at, 2 * kTick);
    if (!state.reported && now - state.seen_at >= Watchdog::kBlocked) {
      state.reported = true;
      const uint32_t plugin = plugin_on_stack();
      if (plugin != 0) {
        state.record->blocked_in.store(plugin);
        state.exchange->poke_master();
      }
    }
    if (state.kept >= state.limit) {
      const uint32_t plugin = plugin_on_stack();
      if (plugin != 0) end_in(plugin);
    }
  }
  state.ticked_at = now;
  arm();
}

void handle(int signal, void (*handler)(int), int flags) {
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_flags = flags;
  ::sigaction(signal, &action, nullptr);
}

}  // namespace

void note_crashes(const plugin::Host& plugins, exchange::ProcessRecord& record) {
  state.plugins = &plugins;
  state.record = &record;
  // The unwinder loads a library at its first use, which a handler must not do.
  void* frame = nullptr;
  ::backtrace(&frame, 1);
  // A stack of its own, because running out of stack is a fault too.
  void* memory = ::mmap(nullptr, kStackSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory != MAP_FAILED) {
    const stack_t stack{memory, 0, kStackSize};
    ::sigaltstack(&stack, nullptr);
  }
  for (const int signal : kFaults) handle(signal, on_fault, SA_ONSTACK | SA_RESETHAND | SA_NODEFER);
}

Watchdog::Watchdog(const plugin::Host& plugins, exchange::Exchange& exchange, exchange::ProcessRecord& record,
                   int64_t limit) {
  state.limit = limit;
  state.plugins = &plugins;
  state.exchange = &exchange;
  state.record = &record;
  waits_.reset(::open("/proc/self/schedstat", O_RDONLY | O_CLOEXEC));
  state.waits = waits_.get();
  handle(SIGALRM, on_tick, SA_RESTART);
}

void Watchdog::begin_turn() {
  state.turn.store(state.turn.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  if (state.armed.load(std::memory_order_relaxed)) return;
  state.armed.store(true, std::memory_order_relaxed);
  arm();
}

void Watchdog::end_turn() {
  state.turn.store(state.turn.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
}

}  // namespace askr::gateway
