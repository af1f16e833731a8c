#include "plugin/descriptor_check.hpp"

#include <fmt/core.h>

#include <cctype>
#include <cstddef>
#include <string_view>

namespace askr::plugin {
namespace {

// What the first released descriptor had; a shorter one is not a descriptor.
constexpr size_t kFirstSize = offsetof(askr_descriptor, callbacks) + sizeof(askr_callbacks*);
constexpr size_t kFirstCallbacks = offsetof(askr_callbacks, master_stop) + sizeof(void*);
constexpr size_t kFirstOption = offsetof(askr_option, choices) + sizeof(char*);

bool is_id(std::string_view id) {
  if (id.empty() || id.size() > 40 || std::islower(static_cast<unsigned char>(id[0])) == 0) return false;
  for (const char c : id) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::islower(byte) == 0 && std::isdigit(byte) == 0 && c != '-') return false;
  }
  return true;
}

Result<> check_version(const askr_descriptor& descriptor) {
  if (descriptor.abi_major != ASKR_ABI_MAJOR) {
    return Error{fmt::format("was built for SDK {}.{}, this server has {}.{}: build it again with this server's SDK",
                             descriptor.abi_major, descriptor.abi_minor, ASKR_ABI_MAJOR, ASKR_ABI_MINOR)};
  }
  if (descriptor.abi_minimum <= ASKR_ABI_MINOR) return ok();
  return Error{fmt::format("needs SDK {}.{} or later, this server has {}.{}: update the server, or use an older plugin",
                           descriptor.abi_major, descriptor.abi_minimum, ASKR_ABI_MAJOR, ASKR_ABI_MINOR)};
}

Result<> check_options(const askr_descriptor& descriptor) {
  if (descriptor.option_count == 0) return ok();
  if (descriptor.options == nullptr || descriptor.option_size < kFirstOption) {
    return Error{"has an option table that is too short: build it again with askr/abi/options.h"};
  }
  return ok();
}

}  // namespace

Result<> check_descriptor(const askr_descriptor* descriptor) {
  if (descriptor == nullptr) return Error{"has no descriptor: askr_plugin_v1() returned NULL"};
  if (descriptor->size < kFirstSize) {
    return Error{
        fmt::format("has a descriptor of {} bytes, at least {} are needed: set .size to sizeof(askr_descriptor)",
                    descriptor->size, kFirstSize)};
  }
  ASKR_TRY(check_version(*descriptor));
  if (descriptor->id == nullptr || !is_id(descriptor->id)) {
    return Error{"has no valid id: use lower case letters, digits and dashes"};
  }
  if (descriptor->version == nullptr || descriptor->licence == nullptr || descriptor->summary == nullptr) {
    return Error{"has a descriptor without version, licence or summary"};
  }
  if (descriptor->callbacks == nullptr || descriptor->callbacks->size < kFirstCallbacks) {
    return Error{"has no callbacks, or too short a table of them: set .size to sizeof(askr_callbacks)"};
  }
  if (descriptor->callbacks->load == nullptr) return Error{"has no load callback"};
  return check_options(*descriptor);
}

}  // namespace askr::plugin
