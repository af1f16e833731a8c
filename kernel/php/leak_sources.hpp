// Where state can stay: each adds its part to a snapshot. None of them lets PHP run or allocates from it.
#pragma once

#include "php/leak_snapshot.hpp"

namespace askr::php {

// Static variables and properties, global variables, constants, and the objects that they lead to.
void note_variables(Snapshot& snapshot);
// ini settings, error and exception handlers, stream wrappers and filters.
void note_settings(Snapshot& snapshot);
// Locale, environment, working directory, open files.
void note_process(Snapshot& snapshot);

}  // namespace askr::php
