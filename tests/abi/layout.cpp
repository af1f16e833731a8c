// The same as C++20.
#include "askr/sdk.hpp"
#include "askr/services/cache.h"
#include "askr/services/compress.h"

#define ASKR_SIZE(type, bytes) static_assert(sizeof(type) == (bytes), "the size of " #type " has changed");
#define ASKR_FIELD(type, field, offset) \
  static_assert(offsetof(type, field) == (offset), "the place of " #type "." #field " has changed");

#if UINTPTR_MAX == UINT64_MAX
#include "layout.inc"
#endif
