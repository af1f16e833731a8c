#include "php/random_state.hpp"

#include <dlfcn.h>
#include <sys/random.h>

#include <array>

#include "php/zend.hpp"

extern "C" {
#include "ext/random/php_random.h"
}

namespace askr::php {

void reseed_php() {
  RANDOM_G(mt19937_seeded) = false;
  RANDOM_G(combined_lcg_seeded) = false;
}

// Looked up, because the extension that brings the library may not be there.
void reseed_openssl() {
  using Seed = void (*)(const void* bytes, int count);
  static const auto seed = reinterpret_cast<Seed>(::dlsym(RTLD_DEFAULT, "RAND_seed"));
  std::array<char, 32> bytes;
  if (seed == nullptr || ::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) return;
  seed(bytes.data(), static_cast<int>(bytes.size()));
}

}  // namespace askr::php
