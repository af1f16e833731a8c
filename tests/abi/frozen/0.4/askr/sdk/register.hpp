// What a plugin registers beside its hooks: slots, metrics, PHP functions, commands, timers, regions.
#pragma once

#include <memory>

#include "askr/sdk/request.hpp"

namespace askr {

// Handed to Plugin::register_.
class Registrar {
 public:
  explicit Registrar(askr_registrar* registrar) : registrar_(registrar) {}
  [[nodiscard]] askr_registrar* get() const { return registrar_; }

  Result<> add(const askr_php_function& function) {
    return check(detail::api.php->add_function(registrar_, &function), std::string("PHP function ") + function.name);
  }
  Result<> add(const askr_command& command) {
    return check(detail::api.commands->add(registrar_, &command), std::string("command ") + command.name);
  }
  Result<> provide(const char* name, const void* functions, void* self) {
    return check(detail::api.services->provide(registrar_, name, functions, self), std::string("service ") + name);
  }

 private:
  askr_registrar* registrar_;
};

// A number of the server's metrics. Member of the plugin; copyable.
class Metric {
 public:
  Result<> add(Registrar registrar, askr_metric_kind kind, const char* name, const char* help) {
    return check(detail::api.metrics->add(registrar.get(), kind, name, help, &id_), std::string("metric ") + name);
  }
  void increment(int64_t by = 1) { detail::api.metrics->increment(id_, by); }
  void set(int64_t value) { detail::api.metrics->set(id_, value); }
  [[nodiscard]] int64_t value() const { return detail::api.metrics->value(id_); }

 private:
  uint32_t id_ = 0;
};

namespace detail {

// Where the values of a slot live: with a request, or with its connection.
struct OfRequest {
  static askr_status add(askr_registrar* registrar, void (*destroy)(void*), uint32_t* slot) {
    return api.slots->add_request_slot(registrar, destroy, slot);
  }
  static void* get(askr_request request, uint32_t slot) { return api.slots->get(request, slot); }
  static askr_status set(askr_request request, uint32_t slot, void* value) {
    return api.slots->set(request, slot, value);
  }
};
struct OfConnection {
  static askr_status add(askr_registrar* registrar, void (*destroy)(void*), uint32_t* slot) {
    return api.slots->add_connection_slot(registrar, destroy, slot);
  }
  static void* get(askr_request request, uint32_t slot) { return api.slots->connection_get(request, slot); }
  static askr_status set(askr_request request, uint32_t slot, void* value) {
    return api.slots->connection_set(request, slot, value);
  }
};

template <class T, class Place>
class Slot {
 public:
  Result<> add(Registrar registrar) {
    const auto destroy = [](void* value) { delete static_cast<T*>(value); };
    return check(Place::add(registrar.get(), destroy, &slot_), "slot");
  }
  // nullptr: none was made.
  [[nodiscard]] T* get(Request request) const { return static_cast<T*>(Place::get(request.handle(), slot_)); }
  // Replaces and deletes what was there. nullptr: the request has ended.
  template <class... Arguments>
  T* emplace(Request request, Arguments&&... arguments) {
    auto value = std::make_unique<T>(std::forward<Arguments>(arguments)...);
    T* const before = get(request);
    if (Place::set(request.handle(), slot_, value.get()) != ASKR_OK) return nullptr;
    delete before;
    return value.release();
  }

 private:
  uint32_t slot_ = 0;
};

}  // namespace detail

// A T for each request that asks for one; deleted when the request ends.
template <class T>
using RequestSlot = detail::Slot<T, detail::OfRequest>;
// The same for each connection that asks for one.
template <class T>
using ConnectionSlot = detail::Slot<T, detail::OfConnection>;

// A lock in shared memory, held for a scope.
class ShmLock {
 public:
  explicit ShmLock(askr_lock& lock) : lock_(lock), how_(detail::api.shm->lock(&lock)) {}
  // Waits for `patience` ns at most: look at is_held(). On a server that does not know that (before 0.4) it waits.
  ShmLock(askr_lock& lock, uint64_t patience)
      : lock_(lock),
        how_(ASKR_HAS(detail::api.shm, lock_within) ? detail::api.shm->lock_within(&lock, patience)
                                                    : detail::api.shm->lock(&lock)) {}
  ~ShmLock() {
    if (is_held()) detail::api.shm->unlock(&lock_);
  }
  ShmLock(const ShmLock&) = delete;
  ShmLock& operator=(const ShmLock&) = delete;
  [[nodiscard]] bool is_held() const { return how_ != ASKR_LOCK_BUSY; }
  // Its last owner died while it held the lock, or lost it: what it protects may be half done.
  [[nodiscard]] bool recovered() const { return how_ == ASKR_LOCK_RECOVERED; }

 private:
  askr_lock& lock_;
  int32_t how_;
};

// One of the plugin's regions of shared memory.
inline void* shm_region(const char* name, uint64_t* bytes = nullptr) {
  return detail::api.shm->region(detail::api.host, name, bytes);
}

// A service of another plugin: {nullptr, nullptr} when no active one provides it.
template <class Functions>
struct Service {
  const Functions* functions = nullptr;
  void* self = nullptr;
  explicit operator bool() const { return functions != nullptr; }
};
template <class Functions>
Service<Functions> find_service(const char* name) {
  Service<Functions> service;
  service.functions = static_cast<const Functions*>(detail::api.services->find(detail::api.host, name, &service.self));
  return service;
}

}  // namespace askr
