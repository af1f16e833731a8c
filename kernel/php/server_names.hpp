// The names in $_SERVER as PHP strings that live as long as the process, so that building $_SERVER allocates none.
#pragma once

#include <cstdint>
#include <string_view>

#include "php/zend.hpp"

namespace askr::php {

// Those that each request has come first: server_array.hpp.
enum class ServerName : uint8_t {
  query_string,
  request_method,
  content_type,
  content_length,
  script_name,
  request_uri,
  document_uri,
  document_root,
  server_protocol,
  request_scheme,
  gateway_interface,
  server_software,
  remote_addr,
  remote_port,
  server_addr,
  server_port,
  server_name,
  redirect_status,
  script_filename,
  php_self,
  http_x_request_id,
  https,
  remote_user,
  path_info,
  path_translated,
  count,
  first_optional = https,
};

// Makes the strings; called once while PHP starts, because only then are strings permanent.
void make_server_names();
zend_string* server_name(ServerName name);
// "Accept-Language" as HTTP_ACCEPT_LANGUAGE. The caller owns one reference (common ones are permanent).
zend_string* header_variable(std::string_view header);

}  // namespace askr::php
