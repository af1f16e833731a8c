// What a fuzz target claims about every input.
#pragma once

#include <cstdio>
#include <cstdlib>

// Ends the run with the broken claim.
#define ASKR_REQUIRE(condition)                                                      \
  do {                                                                               \
    if (!(condition)) {                                                              \
      std::fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                                  \
    }                                                                                \
  } while (false)
