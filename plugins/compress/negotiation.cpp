#include "negotiation.hpp"

#include <algorithm>
#include <cctype>
#include <optional>

#include "askr/sdk/text.hpp"

namespace compression {

using namespace askr::text;

namespace {

// What comes before `separator`; the rest stays in `text`.
std::string_view cut(std::string_view& text, char separator) {
  const size_t end = std::min(text.find(separator), text.size());
  const std::string_view piece = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return trimmed(piece);
}

// qvalue = ( "0" [ "." 0*3DIGIT ] ) / ( "1" [ "." 0*3("0") ] )
std::optional<unsigned> parse_weight(std::string_view text) {
  if (text.empty() || (text[0] != '0' && text[0] != '1') || text.size() > 5) return std::nullopt;
  if (text.size() > 1 && text[1] != '.') return std::nullopt;
  unsigned weight = text[0] == '1' ? 1000 : 0;
  unsigned place = 100;
  for (const char digit : text.substr(std::min<size_t>(2, text.size()))) {
    if (std::isdigit(static_cast<unsigned char>(digit)) == 0) return std::nullopt;
    weight += static_cast<unsigned>(digit - '0') * place;
    place /= 10;
  }
  return weight <= 1000 ? std::optional(weight) : std::nullopt;
}

// nullopt: the element makes no sense.
std::optional<unsigned> weight_of(std::string_view parameters) {
  unsigned weight = 1000;
  while (!parameters.empty()) {
    std::string_view value = cut(parameters, ';');
    const std::string_view name = cut(value, '=');
    if (!same_name(name, "q")) continue;
    const auto parsed = parse_weight(trimmed(value));
    if (!parsed) return std::nullopt;
    weight = *parsed;
  }
  return weight;
}

}  // namespace

std::string_view coding_name(Coding coding) {
  switch (coding) {
    case Coding::brotli:
      return "br";
    case Coding::gzip:
      return "gzip";
    case Coding::identity:
      break;
  }
  return "identity";
}

Coding Accepted::best(bool brotli_offered, bool gzip_offered) const {
  const unsigned br = brotli_offered ? brotli : 0;
  const unsigned gz = gzip_offered ? gzip : 0;
  if (br > 0 && br >= gz && br >= identity) return Coding::brotli;
  if (gz > 0 && gz >= identity) return Coding::gzip;
  // A client that weighs identity lower than a coding we have was served above; nobody is sent away with 406.
  return Coding::identity;
}

Accepted parse_accept_encoding(std::string_view field) {
  Accepted accepted;
  std::optional<unsigned> brotli, gzip, identity, others;
  while (!field.empty()) {
    std::string_view parameters = cut(field, ',');
    const std::string_view name = cut(parameters, ';');
    const auto weight = weight_of(parameters);
    if (!weight) continue;
    if (same_name(name, "br")) brotli = weight;
    if (same_name(name, "gzip") || same_name(name, "x-gzip")) gzip = weight;
    if (same_name(name, "identity")) identity = weight;
    if (name == "*") others = weight;
  }
  accepted.brotli = brotli.value_or(others.value_or(0));
  accepted.gzip = gzip.value_or(others.value_or(0));
  // Not named, identity is acceptable, but less than what was asked for.
  accepted.identity = identity.value_or(others.value_or(1) == 0 ? 0 : 1);
  return accepted;
}

}  // namespace compression
