#include "gateway/forwarded.hpp"

#include <charconv>

namespace askr::gateway {
namespace {

using http::equals_ignoring_case;
using http::trim;

// "192.0.2.1:4711", "[2001:db8::1]:4711" and the same without port; an IPv6 address without brackets has no port.
std::string_view without_port(std::string_view node) {
  if (node.starts_with('[')) {
    const size_t end = node.find(']');
    return end == std::string_view::npos ? node : node.substr(1, end - 1);
  }
  const size_t colon = node.find(':');
  const bool has_port = colon != std::string_view::npos && node.find(':', colon + 1) == std::string_view::npos;
  return has_port ? node.substr(0, colon) : node;
}

std::string_view without_quotes(std::string_view text) {
  const bool quoted = text.size() >= 2 && text.front() == '"' && text.back() == '"';
  return quoted ? text.substr(1, text.size() - 2) : text;
}

// The value of one parameter of an element, `for=192.0.2.1;proto=https`.
std::string_view parameter(std::string_view element, std::string_view name) {
  while (!element.empty()) {
    const size_t end = element.find(';');
    const std::string_view pair = element.substr(0, end);
    element = end == std::string_view::npos ? std::string_view() : element.substr(end + 1);
    const size_t equals = pair.find('=');
    if (equals == std::string_view::npos || !equals_ignoring_case(trim(pair.substr(0, equals)), name)) continue;
    return without_quotes(trim(pair.substr(equals + 1)));
  }
  return {};
}

// visit(element) for each element of all fields of that name. Quoted commas do not occur in addresses.
template <class Visitor>
void for_each_element(const http::RequestHead& head, std::string_view name, Visitor&& visit) {
  for (const http::Header& field : head.headers) {
    if (!equals_ignoring_case(field.name, name)) continue;
    std::string_view list = field.value;
    std::string_view element;
    while (http::next_element(list, element)) visit(element);
  }
}

// A proxy that sets the X-Forwarded fields may well pass on what the client wrote into the other one.
bool has_x_forwarded(const http::RequestHead& head) {
  return !head.header("x-forwarded-for").empty() || !head.header("x-forwarded-proto").empty();
}

}  // namespace

std::vector<std::string_view> forwarded_for(const http::RequestHead& head) {
  std::vector<std::string_view> nodes;
  for_each_element(head, "x-forwarded-for", [&](std::string_view element) { nodes.push_back(without_port(element)); });
  if (has_x_forwarded(head)) return nodes;
  for_each_element(head, "forwarded",
                   [&](std::string_view element) { nodes.push_back(without_port(parameter(element, "for"))); });
  return nodes;
}

std::string_view forwarded_protocol(const http::RequestHead& head) {
  std::string_view protocol;
  for_each_element(head, "x-forwarded-proto", [&](std::string_view element) { protocol = element; });
  if (has_x_forwarded(head)) return protocol;
  for_each_element(head, "forwarded", [&](std::string_view element) { protocol = parameter(element, "proto"); });
  return protocol;
}

uint16_t forwarded_port(const http::RequestHead& head) {
  std::string_view port;
  for_each_element(head, "x-forwarded-port", [&](std::string_view element) { port = element; });
  return parse_port(port);
}

uint16_t parse_port(std::string_view text) {
  uint16_t port = 0;
  const char* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, port);
  return parsed.ec == std::errc() && parsed.ptr == end ? port : 0;
}

}  // namespace askr::gateway
