#include "gateway/absent_files.hpp"

#include <functional>

namespace askr::gateway {

size_t AbsentFiles::place_of(std::string_view path) {
  return std::hash<std::string_view>{}(path) % kEntries;
}

bool AbsentFiles::has(std::string_view path, int64_t now) const {
  const Entry& entry = entries_[place_of(path)];
  return now < entry.until && entry.path == path;
}

void AbsentFiles::remember(std::string_view path, int64_t now) {
  if (path.size() > kLongestPath || path.substr(path.rfind('/') + 1).find('.') != std::string_view::npos) return;
  Entry& entry = entries_[place_of(path)];
  entry.path = path;
  entry.until = now + kRemembered;
}

}  // namespace askr::gateway
