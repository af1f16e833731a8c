#include "php/state.hpp"

namespace askr::php {

State state;

}  // namespace askr::php
