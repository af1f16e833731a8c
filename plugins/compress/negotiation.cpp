#include "negotiation.hpp"

#include <algorithm>
#include <cctype>
#include <optional>

namespace compression {
namespace {

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

bool same(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
    return std::tolower(static_cast<unsigned char>(x)) == std::tolower(static_cast<unsigned char>(y));
  });
}

// What comes before `separator`; the rest stays in `text`.
std::string_view cut(std::string_view& text, char separator) {
  const size_t end = std::min(text.find(separator), text.size());
  const std::string_view piece = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return trim(piece);
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
    if (!same(name, "q")) continue;
    const auto parsed = parse_weight(trim(value));
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
    if (same(name, "br")) brotli = weight;
    if (same(name, "gzip") || same(name, "x-gzip")) gzip = weight;
    if (same(name, "identity")) identity = weight;
    if (name == "*") others = weight;
  }
  accepted.brotli = brotli.value_or(others.value_or(0));
  accepted.gzip = gzip.value_or(others.value_or(0));
  // Not named, identity is acceptable, but less than what was asked for.
  accepted.identity = identity.value_or(others.value_or(1) == 0 ? 0 : 1);
  return accepted;
}

}  // namespace compression
