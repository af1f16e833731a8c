// The functions that Askr gives to PHP. All of them exist in every mode; what is off answers null, false or 0.
#pragma once

#include "php/zend.hpp"

namespace askr::php {

const zend_function_entry* function_table();

}  // namespace askr::php
