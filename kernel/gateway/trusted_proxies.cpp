#include "gateway/trusted_proxies.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <ranges>

#include "gateway/forwarded.hpp"

namespace askr::gateway {
namespace {

constexpr unsigned kMappedBits = 96;  // of ::ffff:0:0/96, where IPv4 addresses are

// 0 when the Host field names none.
uint16_t port_of_host(std::string_view host) {
  const size_t colon = host.rfind(':');
  const bool has_port = colon != std::string_view::npos && host.find(']', colon) == std::string_view::npos;
  return has_port ? parse_port(host.substr(colon + 1)) : 0;
}

// The port of the URL that the client has asked for. Ours is behind the proxy and would not be the one of that scheme.
uint16_t port_before_proxy(const http::RequestHead& head, bool secure) {
  if (const uint16_t said = forwarded_port(head)) return said;
  if (const uint16_t asked_for = port_of_host(head.host)) return asked_for;
  return secure ? 443 : 80;
}

}  // namespace

std::optional<TrustedProxies::Address> TrustedProxies::parse_address(std::string_view text) {
  char terminated[INET6_ADDRSTRLEN];
  if (text.empty() || text.size() >= sizeof terminated) return std::nullopt;
  *std::copy(text.begin(), text.end(), terminated) = '\0';
  Address address{};
  if (text.find(':') != std::string_view::npos) {
    if (::inet_pton(AF_INET6, terminated, address.data()) == 1) return address;
    return std::nullopt;
  }
  address[10] = address[11] = 0xff;
  if (::inet_pton(AF_INET, terminated, address.data() + 12) == 1) return address;
  return std::nullopt;
}

std::optional<TrustedProxies::Block> TrustedProxies::parse_block(const std::string& text) {
  const size_t slash = text.find('/');
  const std::string_view address_text = std::string_view(text).substr(0, slash);
  const std::optional<Address> address = parse_address(address_text);
  if (!address) return std::nullopt;
  Block block{*address, 128};
  if (slash == std::string::npos) return block;

  const bool is_ipv4 = address_text.find(':') == std::string_view::npos;
  const char* end = text.data() + text.size();
  unsigned bits = 0;
  const auto parsed = std::from_chars(text.data() + slash + 1, end, bits);
  if (parsed.ec != std::errc{} || parsed.ptr != end || bits > (is_ipv4 ? 32U : 128U)) return std::nullopt;
  block.bits = is_ipv4 ? kMappedBits + bits : bits;
  return block;
}

Result<TrustedProxies> TrustedProxies::parse(const std::vector<std::string>& list) {
  TrustedProxies proxies;
  for (const std::string& text : list) {
    if (text == "unix") {
      proxies.unix_ = true;
      continue;
    }
    const std::optional<Block> block = parse_block(text);
    if (!block)
      return usage_error("trusted proxy \"" + text + "\" is no address, no block like 10.0.0.0/8 and not unix");
    proxies.blocks_.push_back(*block);
  }
  return proxies;
}

bool TrustedProxies::is_trusted(const Address& address) const {
  return std::any_of(blocks_.begin(), blocks_.end(), [&address](const Block& block) {
    const unsigned whole = block.bits / 8;
    if (std::memcmp(address.data(), block.address.data(), whole) != 0) return false;
    if (block.bits % 8 == 0) return true;
    const auto mask = static_cast<uint8_t>(0xff00U >> (block.bits % 8));
    return ((address[whole] ^ block.address[whole]) & mask) == 0;
  });
}

bool TrustedProxies::is_trusted_peer(std::string_view address) const {
  if (address.empty()) return unix_;
  if (blocks_.empty()) return false;
  const std::optional<Address> parsed = parse_address(address);
  return parsed && is_trusted(*parsed);
}

// Empty when nobody says anything usable. Stops where a proxy hides what is behind it: the last address that is known
// for sure is the best there is.
std::string_view TrustedProxies::find_client(const http::RequestHead& head) const {
  const std::vector<std::string_view> nodes = forwarded_for(head);
  std::string_view client;
  for (const std::string_view node : std::views::reverse(nodes)) {
    const std::optional<Address> address = parse_address(node);
    if (!address) break;
    client = node;
    if (!is_trusted(*address)) break;
  }
  return client;
}

void TrustedProxies::apply(pipeline::Transaction& transaction) const {
  const pipeline::Endpoint& endpoint = *transaction.endpoint;
  transaction.client_address = endpoint.client_address;
  transaction.secure = endpoint.secure;
  transaction.server_port = endpoint.server_port;
  if (!is_trusted_peer(endpoint.client_address)) return;

  const std::string_view client = find_client(transaction.head);
  if (!client.empty()) {
    transaction.forwarded_address = client;
    transaction.client_address = transaction.forwarded_address;
  }
  const std::string_view protocol = forwarded_protocol(transaction.head);
  if (protocol.empty()) return;
  transaction.secure = http::equals_ignoring_case(protocol, "https");
  transaction.server_port = port_before_proxy(transaction.head, transaction.secure);
}

}  // namespace askr::gateway
