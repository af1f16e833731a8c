// What another process may change at any moment is read once, and used then.
#pragma once

namespace cache {

// The compiler does not read it again where the value is used.
template <class T>
T once(const T& shared) {
  return __atomic_load_n(&shared, __ATOMIC_RELAXED);
}

}  // namespace cache
