// The order of the hooks of one phase: what `before` and `after` ask for, and otherwise the order of registration.
#pragma once

#include <vector>

#include "base/result.hpp"
#include "pipeline/pipeline.hpp"

namespace askr::pipeline {

// Sorts stably. A wish about a plugin that has no hook in this phase is no wish. Fails with the ids on a cycle:
// "the hooks of response_head wait for each other: a before b before a".
Result<> order_hooks(Phase phase, std::vector<Hook>& hooks);

}  // namespace askr::pipeline
