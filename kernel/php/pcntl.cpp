#include "php/pcntl.hpp"

#include <array>
#include <string_view>

#include "php/internal_function.hpp"
#include "php/signal_state.hpp"
#include "php/state.hpp"

namespace askr::php {
namespace {

constexpr std::array<std::string_view, 3> kFunctions{"pcntl_alarm", "pcntl_signal", "pcntl_sigprocmask"};
std::array<zif_handler, kFunctions.size()> originals{};

SignalState before;  // the first such call of this request
bool used = false;

// What a worker script does with signals is meant to last.
void note_use() {
  if (used || state.worker_mode || state.request == nullptr) return;
  used = true;
  before.take();
}

template <size_t Index>
void noted(INTERNAL_FUNCTION_PARAMETERS) {
  note_use();
  originals[Index](INTERNAL_FUNCTION_PARAM_PASSTHRU);
}

constexpr std::array<zif_handler, kFunctions.size()> kNoteTakers{noted<0>, noted<1>, noted<2>};

}  // namespace

void watch_pcntl() {
  for (size_t index = 0; index < kFunctions.size(); ++index) {
    wrap_function(kFunctions[index], kNoteTakers[index], originals[index]);
  }
}

void undo_pcntl() {
  if (!used) return;
  used = false;
  before.put_back();
}

}  // namespace askr::php
