// The one header of Catch2 2, for version 3, which has many.
#pragma once

#include <catch2/catch_all.hpp>

using Catch::Approx;
