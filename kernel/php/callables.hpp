// PHP callables that plugins keep until the response is out, and how they are called without harm.
#pragma once

#include <askr/abi/php.h>

#include "php/zend.hpp"

namespace askr::php {

// At the start of a worker: the signal that ends a callable which takes too long.
void prepare_callables();

askr_callable* keep_callable(zval* callable, const char* plugin);
askr_status invoke_callable(askr_callable* callable, int64_t limit, askr_outcome* outcome);
void release_callable(askr_callable* callable);

[[nodiscard]] bool has_callables();
// Lets go of what plugins have not released, and names them.
void release_leftovers();

}  // namespace askr::php
