// The rules that a request head must keep beyond its grammar: what the target may look like, how the body may be
// framed, which fields must be there once (RFC 9112 sections 3 and 6, RFC 9110 section 7.2).
#pragma once

#include "http/request_head.hpp"

namespace askr::http {

// Why a request was refused; status 0: it was not.
struct Refusal {
  int status = 0;
  const char* reason = "";  // static text for the log
};

// Wants method, method_text, target (as sent), headers and minor_version; fills the rest of `head`.
Refusal apply_head_rules(RequestHead& head);

// A host name, an IPv4 address or an IPv6 address in brackets, with or without a port. Stricter than the grammar of
// RFC 3986: sub-delimiters and percent-encoding stand in no name that is in use, but do harm in links that
// applications build from the Host field.
bool is_valid_host(std::string_view host);

}  // namespace askr::http
