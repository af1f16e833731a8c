#include "request_fields.hpp"

#include <algorithm>
#include <array>

#include "askr/sdk/text.hpp"

namespace cache {

using namespace askr::text;
namespace {

struct Known {
  std::string_view name;
  FieldMeaning meaning;
};

// By first letter, because most fields of most requests begin with none of these.
constexpr std::array kKnown = {Known{"Accept-Encoding", FieldMeaning::accept_encoding},
                               Known{"Authorization", FieldMeaning::credential},
                               Known{"Content-Length", FieldMeaning::body},
                               Known{"Content-Type", FieldMeaning::place},
                               Known{"Cookie", FieldMeaning::cookie},
                               Known{"CF-Visitor", FieldMeaning::place},
                               Known{"CloudFront-Forwarded-Proto", FieldMeaning::place},
                               Known{"Forwarded", FieldMeaning::forwarded},
                               Known{"Front-End-Https", FieldMeaning::place},
                               Known{"Proxy-Authorization", FieldMeaning::credential},
                               Known{"Range", FieldMeaning::range},
                               Known{"Remote-User", FieldMeaning::credential},
                               Known{"Transfer-Encoding", FieldMeaning::body},
                               Known{"Upgrade", FieldMeaning::detour},
                               Known{"X-Access-Token", FieldMeaning::credential},
                               Known{"X-Api-Key", FieldMeaning::credential},
                               Known{"X-Auth-Token", FieldMeaning::credential},
                               Known{"X-Authorization", FieldMeaning::credential},
                               Known{"X-Forwarded-Access-Token", FieldMeaning::credential},
                               Known{"X-Forwarded-Email", FieldMeaning::credential},
                               Known{"X-Forwarded-For", FieldMeaning::none},
                               Known{"X-Forwarded-User", FieldMeaning::credential},
                               Known{"X-Host", FieldMeaning::place},
                               Known{"X-HTTP-Host-Override", FieldMeaning::place},
                               Known{"X-HTTP-Method", FieldMeaning::detour},
                               Known{"X-HTTP-Method-Override", FieldMeaning::detour},
                               Known{"X-Method-Override", FieldMeaning::detour},
                               Known{"X-Original-Host", FieldMeaning::place},
                               Known{"X-Original-URL", FieldMeaning::detour},
                               Known{"X-Remote-User", FieldMeaning::credential},
                               Known{"X-Rewrite-URL", FieldMeaning::detour},
                               Known{"X-Scheme", FieldMeaning::place},
                               Known{"X-Script-Name", FieldMeaning::place},
                               Known{"X-Url-Scheme", FieldMeaning::place}};

bool begins_with(std::string_view name, std::string_view prefix) {
  return name.size() >= prefix.size() && same_name(name.substr(0, prefix.size()), prefix);
}

constexpr std::string_view kInitials = "acfprtux";

}  // namespace

FieldMeaning meaning_of(std::string_view name) {
  if (name.empty()) return FieldMeaning::none;
  const char initial = lower(name[0]);
  if (initial == 'i') return begins_with(name, "If-") ? FieldMeaning::condition : FieldMeaning::none;
  if (kInitials.find(initial) == std::string_view::npos) return FieldMeaning::none;
  const auto* known =
      std::find_if(kKnown.begin(), kKnown.end(), [name](const Known& each) { return same_name(each.name, name); });
  if (known != kKnown.end()) return known->meaning;
  return begins_with(name, "X-Forwarded-") ? FieldMeaning::place : FieldMeaning::none;
}

}  // namespace cache
