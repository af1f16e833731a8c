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

// A T for each request that asks for one; deleted when the request ends.
template <class T>
class RequestSlot {
 public:
  Result<> add(Registrar registrar) {
    const auto destroy = [](void* value) { delete static_cast<T*>(value); };
    return check(detail::api.slots->add_request_slot(registrar.get(), destroy, &slot_), "request slot");
  }
  [[nodiscard]] T* get(Request request) const {
    return static_cast<T*>(detail::api.slots->get(request.handle(), slot_));
  }
  // Replaces and deletes what was there. nullptr: the request has ended.
  template <class... Arguments>
  T* emplace(Request request, Arguments&&... arguments) {
    auto value = std::make_unique<T>(std::forward<Arguments>(arguments)...);
    const std::unique_ptr<T> before(get(request));
    if (detail::api.slots->set(request.handle(), slot_, value.get()) != ASKR_OK) return nullptr;
    return value.release();
  }

 private:
  uint32_t slot_ = 0;
};

// The same for each connection that asks for one.
template <class T>
class ConnectionSlot {
 public:
  Result<> add(Registrar registrar) {
    const auto destroy = [](void* value) { delete static_cast<T*>(value); };
    return check(detail::api.slots->add_connection_slot(registrar.get(), destroy, &slot_), "connection slot");
  }
  [[nodiscard]] T* get(Request request) const {
    return static_cast<T*>(detail::api.slots->connection_get(request.handle(), slot_));
  }
  template <class... Arguments>
  T* emplace(Request request, Arguments&&... arguments) {
    auto value = std::make_unique<T>(std::forward<Arguments>(arguments)...);
    const std::unique_ptr<T> before(get(request));
    if (detail::api.slots->connection_set(request.handle(), slot_, value.get()) != ASKR_OK) return nullptr;
    return value.release();
  }

 private:
  uint32_t slot_ = 0;
};

// A lock in shared memory, held for a scope.
class ShmLock {
 public:
  explicit ShmLock(askr_lock& lock) : lock_(lock), recovered_(detail::api.shm->lock(&lock) == ASKR_LOCK_RECOVERED) {}
  ~ShmLock() { detail::api.shm->unlock(&lock_); }
  ShmLock(const ShmLock&) = delete;
  ShmLock& operator=(const ShmLock&) = delete;
  // Its last owner died while it held the lock: what it protects may be half done.
  [[nodiscard]] bool recovered() const { return recovered_; }

 private:
  askr_lock& lock_;
  bool recovered_;
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
