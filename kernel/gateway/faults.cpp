#include "gateway/faults.hpp"

#include <execinfo.h>
#include <sys/mman.h>
#include <sys/time.h>

#include <atomic>
#include <csignal>

namespace askr::gateway {
namespace {

constexpr int kFrames = 64;
constexpr size_t kStackSize = 64 << 10;
constexpr int kFaults[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};
constexpr int64_t kTick = Watchdog::kBlocked / 2;

// What the signal handlers need to find.
struct State {
  const plugin::Host* plugins = nullptr;
  exchange::Exchange* exchange = nullptr;
  exchange::ProcessRecord* record = nullptr;
  // --- the watchdog
  std::atomic<uint32_t> turn{0};  // odd: working
  uint32_t seen_turn = 0;
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

void arm() {
  const itimerval once{{0, 0}, {0, kTick / kMicrosecond}};
  ::setitimer(ITIMER_REAL, &once, nullptr);
}

// The second tick within one turn means that it lasts for kBlocked at least.
void on_tick(int /*signal*/) {
  const uint32_t turn = state.turn.load(std::memory_order_relaxed);
  if (turn % 2 == 0) {
    state.armed.store(false, std::memory_order_relaxed);
    return;
  }
  if (turn != state.seen_turn) {
    state.seen_turn = turn;
    state.reported = false;
  } else if (!state.reported) {
    state.reported = true;
    const uint32_t plugin = plugin_on_stack();
    if (plugin != 0) {
      state.record->blocked_in.store(plugin);
      state.exchange->poke_master();
    }
  }
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

Watchdog::Watchdog(const plugin::Host& plugins, exchange::Exchange& exchange, exchange::ProcessRecord& record) {
  state.plugins = &plugins;
  state.exchange = &exchange;
  state.record = &record;
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
