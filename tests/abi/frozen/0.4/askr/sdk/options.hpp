// Entries of a plugin's option table, and their values.
#pragma once

#include "askr/sdk/core.hpp"

namespace askr {

namespace option {

constexpr askr_option flag(const char* path, const char* flag, const char* help, const char* default_text = "false",
                           uint32_t flags = 0) {
  return {path, flag, nullptr, help, ASKR_OPTION_BOOL, flags, default_text, 0, 0, nullptr};
}
constexpr askr_option text(const char* path, const char* flag, const char* placeholder, const char* help,
                           const char* default_text = "", uint32_t flags = 0) {
  return {path, flag, placeholder, help, ASKR_OPTION_TEXT, flags, default_text, 0, 0, nullptr};
}
constexpr askr_option path(const char* path, const char* flag, const char* placeholder, const char* help,
                           const char* default_text = "", uint32_t flags = 0) {
  return {path, flag, placeholder, help, ASKR_OPTION_PATH, flags, default_text, 0, 0, nullptr};
}
constexpr askr_option number(const char* path, const char* flag, const char* placeholder, const char* help,
                             const char* default_text, int64_t minimum, int64_t maximum, uint32_t flags = 0) {
  return {path, flag, placeholder, help, ASKR_OPTION_NUMBER, flags, default_text, minimum, maximum, nullptr};
}
// Limits in bytes.
constexpr askr_option size(const char* path, const char* flag, const char* placeholder, const char* help,
                           const char* default_text, int64_t minimum = 0, int64_t maximum = 0, uint32_t flags = 0) {
  return {path, flag, placeholder, help, ASKR_OPTION_SIZE, flags, default_text, minimum, maximum, nullptr};
}
// Limits in nanoseconds.
constexpr askr_option duration(const char* path, const char* flag, const char* placeholder, const char* help,
                               const char* default_text, int64_t minimum = 0, int64_t maximum = 0, uint32_t flags = 0) {
  return {path, flag, placeholder, help, ASKR_OPTION_DURATION, flags, default_text, minimum, maximum, nullptr};
}
constexpr askr_option choice(const char* path, const char* flag, const char* placeholder, const char* help,
                             const char* default_text, const char* choices, uint32_t flags = 0) {
  return {path, flag, placeholder, help, ASKR_OPTION_CHOICE, flags, default_text, 0, 0, choices};
}
constexpr askr_option list(const char* path, const char* flag, const char* placeholder, const char* help,
                           const char* default_text = "", uint32_t flags = 0) {
  return {path, flag, placeholder, help, ASKR_OPTION_LIST, flags, default_text, 0, 0, nullptr};
}

}  // namespace option

// The effective values; handed to Plugin::configure.
class Configuration {
 public:
  explicit Configuration(const askr_configuration* configuration) : self_(configuration) {}
  [[nodiscard]] std::string text(const char* path) const { return std::string(view(self_->text(self_, path))); }
  [[nodiscard]] bool flag(const char* path) const { return self_->number(self_, path) != 0; }
  [[nodiscard]] int64_t number(const char* path) const { return self_->number(self_, path); }
  [[nodiscard]] uint64_t size(const char* path) const { return static_cast<uint64_t>(self_->number(self_, path)); }
  [[nodiscard]] int64_t duration(const char* path) const { return self_->number(self_, path); }  // nanoseconds
  // visit(item) for each item of a list.
  template <class Visitor>
  void for_each(const char* path, Visitor&& visit) const {
    const uint32_t count = self_->list_size(self_, path);
    for (uint32_t i = 0; i < count; ++i) visit(view(self_->list_item(self_, path, i)));
  }

 private:
  const askr_configuration* self_;
};

}  // namespace askr
