/* Fails to compile when a struct of the SDK is not laid out as plugins of this version expect. As C11: */
#include "askr/abi/all.h"
#include "askr/services/cache.h"
#include "askr/services/compress.h"

#define ASKR_SIZE(type, bytes) _Static_assert(sizeof(type) == (bytes), "the size of " #type " has changed");
#define ASKR_FIELD(type, field, offset) \
  _Static_assert(offsetof(type, field) == (offset), "the place of " #type "." #field " has changed");

#if UINTPTR_MAX == UINT64_MAX
#include "layout.inc"
#endif

int askr_abi_layout_in_c;
