// Puts a function of ours in front of a function or a method of PHP, to notice that it is called.
#pragma once

#include <string_view>

#include "php/zend.hpp"

namespace askr::php {

// `name` in small letters: "fopen", "pdo::__construct". `original` becomes what the handler shall call; stays as it is
// when PHP has no such function. Only before any fork.
void wrap_function(std::string_view name, zif_handler handler, zif_handler& original);

}  // namespace askr::php
