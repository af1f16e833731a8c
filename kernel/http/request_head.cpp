#include "http/request_head.hpp"

#include <utility>

namespace askr::http {

std::string_view RequestHead::header(std::string_view name) const {
  for (const Header& field : headers) {
    // An empty value still points somewhere: present and empty is not absent.
    if (equals_ignoring_case(field.name, name)) return field.value;
  }
  return {};
}

void RequestHead::clear() {
  std::vector<Header> kept = std::move(headers);
  kept.clear();
  *this = RequestHead();
  headers = std::move(kept);
}

}  // namespace askr::http
