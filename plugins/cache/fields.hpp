// Header fields as one string, the way they are stored: for each, two sizes of two bytes, the name, the value.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace cache {

inline void append_field(std::string& fields, std::string_view name, std::string_view value) {
  const uint16_t sizes[2] = {static_cast<uint16_t>(name.size()), static_cast<uint16_t>(value.size())};
  if (name.size() > UINT16_MAX || value.size() > UINT16_MAX) return;
  fields.append(reinterpret_cast<const char*>(sizes), sizeof sizes).append(name).append(value);
}

// visit(name, value) until it answers false. False: the string is not such a list, or visit has ended it.
template <class Visitor>
bool for_each_field(std::string_view fields, Visitor&& visit) {
  while (!fields.empty()) {
    uint16_t sizes[2];
    if (fields.size() < sizeof sizes) return false;
    std::memcpy(sizes, fields.data(), sizeof sizes);
    fields.remove_prefix(sizeof sizes);
    const size_t both = size_t{sizes[0]} + sizes[1];
    if (fields.size() < both) return false;
    if (!visit(fields.substr(0, sizes[0]), fields.substr(sizes[0], sizes[1]))) return false;
    fields.remove_prefix(both);
  }
  return true;
}

}  // namespace cache
