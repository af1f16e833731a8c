// A plugin's exception ends where it leaves the plugin. Hooks of the C++ layer stop theirs themselves; callbacks that a
// plugin passes as plain functions (timers, commands, PHP functions) do not, so the kernel does where it calls them.
#pragma once

#include <exception>
#include <string_view>

#include "base/log.hpp"

namespace askr::pipeline {

// Runs `action` and answers what it does, or `fallback` when it throws; `what` says which callback it was.
template <class Answer, class Action>
Answer contain(std::string_view plugin, std::string_view what, Answer fallback, Action&& action) {
  try {
    return action();
  } catch (const std::exception& exception) {
    log::error("plugin {}: {} threw {}", plugin, what, exception.what());
  } catch (...) {
    log::error("plugin {}: {} threw", plugin, what);
  }
  return fallback;
}

}  // namespace askr::pipeline
