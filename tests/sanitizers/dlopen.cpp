// Part of the server in sanitizer builds only: PHP opens its extensions with RTLD_DEEPBIND, which the sanitizers
// refuse, because the extension would then use another allocator than everybody else. This dlopen() is found before the
// C library's.
#include <dlfcn.h>

extern "C" __attribute__((visibility("default"))) void* dlopen(const char* file, int mode) noexcept {
  using Function = void* (*)(const char*, int);
  static const auto next = reinterpret_cast<Function>(::dlsym(RTLD_NEXT, "dlopen"));
  return next(file, mode & ~RTLD_DEEPBIND);
}
