#include "testing/runner_text.hpp"

// clang-format off
__asm__(
    ".section .rodata\n"
    ".global askr_runner_text_begin\n.hidden askr_runner_text_begin\n"
    "askr_runner_text_begin:\n"
    ".incbin \"" ASKR_RUNNER_SCRIPT "\"\n"
    ".global askr_runner_text_end\n.hidden askr_runner_text_end\n"
    "askr_runner_text_end:\n"
    ".previous\n");
// clang-format on

extern "C" const char askr_runner_text_begin[], askr_runner_text_end[];

namespace askr::testing {

std::string_view runner_text() {
  return {askr_runner_text_begin, static_cast<size_t>(askr_runner_text_end - askr_runner_text_begin)};
}

}  // namespace askr::testing
