// The SDK for C++20: one class per plugin.
//
//   class Hello : public askr::Plugin {
//    public:
//     static constexpr askr::Info info{.id = "hello", .version = "1.0.0", .summary = "Greets"};
//     askr::Verdict route(askr::Request request) { ... }
//   };
//   ASKR_PLUGIN(Hello)
//
// A hook is a member function with the name of its phase. Only those that a class declares are registered, so a hook
// that is not there costs nothing. An exception that leaves one stops here: it is logged, and the request fails.
// The rules of memory, processes and lifetime are those of the headers in askr/abi/.
#pragma once

#include <exception>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>

#include "askr/sdk/core.hpp"
#include "askr/sdk/options.hpp"
#include "askr/sdk/register.hpp"
#include "askr/sdk/request.hpp"

namespace askr {

// What a plugin says of itself; the lists are static arrays that end with nullptr.
struct Info {
  const char* id;
  const char* version;
  const char* summary = "";
  const char* licence = "MIT";
  askr_activation activation = ASKR_ACTIVE_WHEN_NAMED;
  const char* const* requires_ = nullptr;
  const char* const* optional = nullptr;
  const char* const* conflicts = nullptr;
  const char* const* provides = nullptr;
  const char* const* before = nullptr;
  const char* const* after = nullptr;
  uint16_t abi_minimum = 1;
  const char* const* activated_by = nullptr;
};

// The base of a plugin: every step and hook it may have, all empty. Hide the ones you need; they are not virtual.
class Plugin {
 public:
  // --- lifecycle, in this order; see askr/abi/plugin.h
  Result<> configure(const Configuration& /*configuration*/) { return {}; }
  Result<> register_(Registrar /*registrar*/) { return {}; }
  Result<> shm_request(askr_shm_plan* /*plan*/) { return {}; }
  Result<> shm_init() { return {}; }
  Result<> master_start() { return {}; }
  Result<> process_start(const askr_process& /*process*/) { return {}; }
  void drain() {}
  void process_stop() {}
  void master_stop() {}

  // --- hooks; see askr/abi/pipeline.h
  Verdict connection(const askr_connection_info& /*client*/) { return Verdict::next; }
  Verdict request_head(Request /*request*/) { return Verdict::next; }
  Verdict route(Request /*request*/) { return Verdict::next; }
  Verdict lookup(Request /*request*/) { return Verdict::next; }
  Verdict request_body(Request /*request*/, std::string_view /*piece*/, bool /*last*/) { return Verdict::next; }
  Verdict request_begin(Request /*request*/) { return Verdict::next; }
  Verdict request_end(Request /*request*/) { return Verdict::next; }
  Verdict response_head(Request /*request*/) { return Verdict::next; }
  Verdict log(Request /*request*/) { return Verdict::next; }

  // --- events
  void on_wake() {}
  void on_wait() {}  // see askr/abi/workers.h
};

namespace detail {

// Runs `action` and hands on what it answers; an exception becomes `fallback` and a line in the log.
template <class Answer, class Action>
Answer guarded(const char* where, Answer fallback, Action&& action) noexcept {
  try {
    return action();
  } catch (const std::exception& exception) {
    log::error(std::string(where) + " threw " + exception.what());
  } catch (...) {
    log::error(std::string(where) + " threw");
  }
  return fallback;
}

inline askr_status report(const Result<>& result) {
  if (result) return ASKR_OK;
  api.host->set_error(api.host, str(result.error().message));
  return result.error().status;
}

// Does class T declare the member itself, or is it the empty one of Plugin?
template <class Member>
struct OwnerOf;
template <class Owner, class Answer, class... Arguments>
struct OwnerOf<Answer (Owner::*)(Arguments...)> {
  using type = Owner;
};
template <class Owner, class Answer, class... Arguments>
struct OwnerOf<Answer (Owner::*)(Arguments...) const> {
  using type = Owner;
};
template <class Member>
inline constexpr bool kIsOwn = !std::is_same_v<typename OwnerOf<Member>::type, Plugin>;

template <class T, auto member>
askr_verdict hook(void* self, askr_request request) noexcept {
  return guarded<askr_verdict>("a hook", ASKR_FAIL, [&] {
    return static_cast<askr_verdict>((static_cast<T*>(self)->*member)(Request(request)));
  });
}

template <class T, auto member>
askr_status add_hook(askr_registrar* registrar, uint32_t phase) {
  if constexpr (kIsOwn<decltype(member)>) {
    return api.pipeline->add_hook(registrar, phase, &hook<T, member>);
  } else {
    return ASKR_OK;
  }
}

template <class T>
Result<> add_hooks(askr_registrar* registrar) {
  askr_status worst = ASKR_OK;
  const auto note = [&worst](askr_status status) { worst = status < worst ? status : worst; };
  note(add_hook<T, &T::request_head>(registrar, ASKR_PHASE_REQUEST_HEAD));
  note(add_hook<T, &T::route>(registrar, ASKR_PHASE_ROUTE));
  note(add_hook<T, &T::lookup>(registrar, ASKR_PHASE_LOOKUP));
  note(add_hook<T, &T::request_begin>(registrar, ASKR_PHASE_REQUEST_BEGIN));
  note(add_hook<T, &T::request_end>(registrar, ASKR_PHASE_REQUEST_END));
  note(add_hook<T, &T::response_head>(registrar, ASKR_PHASE_RESPONSE_HEAD));
  note(add_hook<T, &T::log>(registrar, ASKR_PHASE_LOG));
  if constexpr (kIsOwn<decltype(&T::connection)>) {
    note(api.pipeline->add_connection_hook(registrar, [](void* self, const askr_connection_info* client) noexcept {
      return guarded<askr_verdict>("connection", ASKR_FAIL, [&] {
        return static_cast<askr_verdict>(static_cast<T*>(self)->connection(*client));
      });
    }));
  }
  if constexpr (kIsOwn<decltype(&T::request_body)>) {
    note(api.pipeline->add_body_hook(registrar, [](void* self, askr_request request, askr_str piece,
                                                   int32_t last) noexcept {
      return guarded<askr_verdict>("request_body", ASKR_FAIL, [&] {
        return static_cast<askr_verdict>(static_cast<T*>(self)->request_body(Request(request), view(piece), last != 0));
      });
    }));
  }
  if constexpr (kIsOwn<decltype(&T::on_wake)>) {
    note(api.wake->on_wake(registrar, [](void* self) noexcept {
      guarded<int>("on_wake", 0, [&] { return static_cast<T*>(self)->on_wake(), 0; });
    }));
  }
  if constexpr (kIsOwn<decltype(&T::on_wait)>) {
    note(api.workers == nullptr ? askr_status{ASKR_E_UNSUPPORTED}
                                : api.workers->on_wait(registrar, [](void* self) noexcept {
                                    guarded<int>("on_wait", 0, [&] { return static_cast<T*>(self)->on_wait(), 0; });
                                  }));
  }
  return check(worst, "the hooks could not be registered");
}

// One step of the lifecycle: static_cast, guard, report.
template <class T, class Step>
askr_status step(const char* name, void* self, Step&& run) noexcept {
  return guarded<askr_status>(name, ASKR_E_FAILED, [&] { return report(run(*static_cast<T*>(self))); });
}

template <class T>
inline constexpr askr_callbacks kCallbacks = {
    sizeof(askr_callbacks),
    [](const askr_host* host, void** self) noexcept {
      connect(host);
      return guarded<askr_status>("load", ASKR_E_FAILED,
                                  [&] { return *self = std::make_unique<T>().release(), ASKR_OK; });
    },
    [](void* self, const askr_configuration* values) noexcept {
      return step<T>("configure", self, [&](T& plugin) { return plugin.configure(Configuration(values)); });
    },
    [](void* self, askr_registrar* registrar) noexcept {
      return step<T>("register", self, [&](T& plugin) -> Result<> {
        if (auto added = add_hooks<T>(registrar); !added) return added;
        return plugin.register_(Registrar(registrar));
      });
    },
    [](void* self, askr_shm_plan* plan) noexcept {
      return step<T>("shm_request", self, [&](T& plugin) { return plugin.shm_request(plan); });
    },
    [](void* self) noexcept { return step<T>("shm_init", self, [](T& plugin) { return plugin.shm_init(); }); },
    [](void* self) noexcept { return step<T>("master_start", self, [](T& plugin) { return plugin.master_start(); }); },
    [](void* self, const askr_process* process) noexcept {
      return step<T>("process_start", self, [&](T& plugin) { return plugin.process_start(*process); });
    },
    [](void* self) noexcept { guarded<int>("drain", 0, [&] { return static_cast<T*>(self)->drain(), 0; }); },
    [](void* self) noexcept {
      guarded<int>("process_stop", 0, [&] { return static_cast<T*>(self)->process_stop(), 0; });
    },
    [](void* self) noexcept {
      guarded<int>("master_stop", 0, [&] { return static_cast<T*>(self)->master_stop(), 0; });
    }};

template <class T>
concept HasOptions = requires { T::options; };

template <class T>
constexpr askr_descriptor describe() {
  askr_descriptor descriptor = {sizeof(askr_descriptor),
                                ASKR_ABI_MAJOR,
                                ASKR_ABI_MINOR,
                                T::info.abi_minimum,
                                static_cast<uint16_t>(T::info.activation),
                                T::info.id,
                                T::info.version,
                                T::info.licence,
                                T::info.summary,
                                T::info.requires_,
                                T::info.optional,
                                T::info.conflicts,
                                T::info.provides,
                                T::info.before,
                                T::info.after,
                                nullptr,
                                0,
                                sizeof(askr_option),
                                &kCallbacks<T>,
                                T::info.activated_by};
  if constexpr (HasOptions<T>) {
    descriptor.options = std::data(T::options);
    descriptor.option_count = static_cast<uint32_t>(std::size(T::options));
  }
  return descriptor;
}

}  // namespace detail

}  // namespace askr

// Exports the plugin. `Class` has a static constexpr askr::Info info, and may have a static constexpr askr_option
// options[].
#define ASKR_PLUGIN(Class)                                                         \
  extern "C" ASKR_EXPORT const askr_descriptor* askr_plugin_v1(void) {             \
    static constexpr askr_descriptor descriptor = askr::detail::describe<Class>(); \
    return &descriptor;                                                            \
  }
