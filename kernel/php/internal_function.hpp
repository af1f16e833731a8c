// Puts a function of ours in front of one of PHP's, to notice that it is called.
#pragma once

#include <string_view>

#include "php/zend.hpp"

namespace askr::php {

// `original` becomes what the handler shall call; stays as it is when PHP has no such function. Only before any fork.
void wrap_function(std::string_view name, zif_handler handler, zif_handler& original);

}  // namespace askr::php
