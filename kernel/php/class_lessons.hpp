// Which files requests get their classes from, so that the template of a generation can preload them
// (worker.preload_classes). A list of paths in a memory file that the master keeps: a worker of a template that only
// learns writes it, the template that serves reads it.
#pragma once

#include <string>

#include "base/result.hpp"
#include "php/options.hpp"

namespace askr::php {

// In the template that learns, after start-up: from now on every file is noted that an autoloader includes and that
// holds nothing but classes. Error: PHP preloads something already, or has no opcache.
Result<> begin_class_lessons(const RuntimeFacts& facts);
// Writes the paths noted in this process, each followed by a NUL.
Result<> save_class_lessons(int list);

// Makes the script that has opcache compile the files of the list, without running them. Gives its path: PHP reads it
// while it starts, afterwards it is to be removed. Empty: the list is.
Result<std::string> write_preload_script(const RuntimeOptions& options);

}  // namespace askr::php
