// Whether isolation pays: what the boot takes is what each request is spared, and isolation has a price of its own.
#pragma once

#include <string>

namespace askr::php {

// In the template, before the script of the boot runs.
void begin_boot_cost();
// At the fork point: a warning where the boot is too light. Empty: isolation pays.
std::string judge_boot_cost();

}  // namespace askr::php
