// Result<T>: what the world can do to us (a missing file, a port in use) comes back as a value.
//
// An Error carries one line for a person - what, where, what to do - and the exit code that the command
// line ends with if nobody handles it (contract: 1 failed, 2 bad usage or configuration).
// Bugs are assertions; exceptions never cross the border of a room.
#pragma once

#include <cerrno>
#include <cstring>
#include <string>
#include <utility>
#include <variant>

namespace askr {

struct Error {
  std::string message;
  int exit_code = 1;
};

// An error of the operating system: "what: strerror(errno)".
inline Error system_error(std::string what, int number = errno) {
  return Error{std::move(what) + ": " + std::strerror(number)};
}

// A mistake of whoever wrote the command line or the configuration.
inline Error usage_error(std::string message) {
  return Error{std::move(message), 2};
}

struct Unit {};

template <class T = Unit>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}      // NOLINT(google-explicit-constructor)
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT(google-explicit-constructor)

  explicit operator bool() const { return state_.index() == 0; }
  T& value() & { return *std::get_if<0>(&state_); }
  const T& value() const& { return *std::get_if<0>(&state_); }
  T&& value() && { return std::move(*std::get_if<0>(&state_)); }
  const Error& error() const { return *std::get_if<1>(&state_); }

 private:
  std::variant<T, Error> state_;
};

inline Result<> ok() {
  return Unit{};
}

}  // namespace askr

// TRY(expression): the value, or return the error to our caller.
#define ASKR_TRY(expression)                      \
  __extension__({                                 \
    auto askr_result = (expression);              \
    if (!askr_result) return askr_result.error(); \
    std::move(askr_result).value();               \
  })
