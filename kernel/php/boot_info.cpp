#include "php/boot_info.hpp"

#include <string>

#include "php/state.hpp"
#include "php/zend.hpp"

namespace askr::php {
namespace {

std::string script;  // SG(request_info) points at it

}  // namespace

void open_boot_info() {
  script = state.script_filename;
  SG(request_info) = sapi_request_info{};
  SG(request_info).path_translated = script.data();
  SG(server_context) = &state;
  SG(sapi_headers).http_response_code = 200;
}

}  // namespace askr::php
