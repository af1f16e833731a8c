// The functions that Askr gives to PHP. All of them exist in every mode of the server; what is off answers null, false
// or 0. A test run has those of its own instead: what asks for the server finds none.
#pragma once

#include "php/zend.hpp"

namespace askr::php {

const zend_function_entry* function_table();

}  // namespace askr::php
