// Why a worker did not become again what it was before its last request, so that another process takes its place.
// The worker says so in its record, the master counts.
#pragma once

#include <cstdint>
#include <string_view>

namespace askr::exchange {

enum class NotRewound : uint8_t {
  no,         // it was rewound, or never meant to be
  not_tried,  // the workers before it could not be
  shared_files,
  other_script,
  too_large,
  unreadable,
  forked,
  child,
  thread,
  identity,
  limits,
  descriptor,
  unmapped,
  written,
  log_reopened,
  count
};

// For a person: "a child process was left running".
std::string_view reason_text(NotRewound reason);

}  // namespace askr::exchange
