// What proxies write about the client of a request: X-Forwarded-For, X-Forwarded-Proto, X-Forwarded-Port and Forwarded
// (RFC 7239). Only the reading; who is believed is decided in trusted_proxies.cpp.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "http/request_head.hpp"

namespace askr::gateway {

// The addresses that a request came through, the client's end first, without ports and brackets; what a proxy wrote
// instead of an address ("unknown", "_hidden") stays as it is. Views into the fields of `head`.
std::vector<std::string_view> forwarded_for(const http::RequestHead& head);

// "https", "http", ... as the nearest proxy says; empty when it says nothing.
std::string_view forwarded_protocol(const http::RequestHead& head);

// The port that the client connected to, as the nearest proxy says; 0 when it says nothing that is a port.
uint16_t forwarded_port(const http::RequestHead& head);

// "443" as a number; 0 when the text is no port.
uint16_t parse_port(std::string_view text);

}  // namespace askr::gateway
