// TrustedProxies: who may say on whose behalf a request comes. Fields of anybody else are ignored, because every client
// can write them.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "pipeline/transaction.hpp"

namespace askr::gateway {

class TrustedProxies {
 public:
  // Addresses ("192.0.2.1", "2001:db8::1"), blocks ("10.0.0.0/8") and "unix" for peers on Unix sockets.
  static Result<TrustedProxies> parse(const std::vector<std::string>& list);

  // Sets client_address, secure and server_port of the transaction, from its endpoint and, when the peer is trusted,
  // from X-Forwarded-For and X-Forwarded-Proto, or else Forwarded (RFC 7239). The client is the right-most address that
  // is not trusted itself; what stands left of it could be invented. With a scheme of the proxy's the port is that of
  // X-Forwarded-Port, or of the Host field, or the usual one of the scheme.
  void apply(pipeline::Transaction& transaction) const;

 private:
  using Address = std::array<uint8_t, 16>;  // IPv4 as ::ffff:a.b.c.d
  struct Block {
    Address address{};
    unsigned bits = 128;
  };

  static std::optional<Address> parse_address(std::string_view text);
  static std::optional<Block> parse_block(const std::string& text);
  [[nodiscard]] bool is_trusted(const Address& address) const;
  [[nodiscard]] bool is_trusted_peer(std::string_view address) const;
  [[nodiscard]] std::string_view find_client(const http::RequestHead& head) const;

  std::vector<Block> blocks_;
  bool unix_ = false;
};

}  // namespace askr::gateway
