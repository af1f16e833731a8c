#include "php/server_names.hpp"

#include <array>

namespace askr::php {
namespace {

constexpr size_t kNames = static_cast<size_t>(ServerName::count);
constexpr std::array<std::string_view, kNames> kServerNames = {
    "QUERY_STRING",      "REQUEST_METHOD",  "CONTENT_TYPE",    "CONTENT_LENGTH",  "SCRIPT_NAME",
    "REQUEST_URI",       "DOCUMENT_URI",    "DOCUMENT_ROOT",   "SERVER_PROTOCOL", "REQUEST_SCHEME",
    "GATEWAY_INTERFACE", "SERVER_SOFTWARE", "REMOTE_ADDR",     "REMOTE_PORT",     "SERVER_ADDR",
    "SERVER_PORT",       "SERVER_NAME",     "REDIRECT_STATUS", "SCRIPT_FILENAME", "PHP_SELF",
    "HTTP_X_REQUEST_ID", "HTTPS",           "REMOTE_USER",     "PATH_INFO",       "PATH_TRANSLATED",
};

// What browsers, proxies and API clients send.
constexpr std::string_view kCommonHeaders[] = {"Accept",
                                               "Accept-Charset",
                                               "Accept-Encoding",
                                               "Accept-Language",
                                               "Authorization",
                                               "Cache-Control",
                                               "Connection",
                                               "Content-Length",
                                               "Content-Type",
                                               "Cookie",
                                               "DNT",
                                               "Forwarded",
                                               "Host",
                                               "If-Modified-Since",
                                               "If-None-Match",
                                               "Origin",
                                               "Pragma",
                                               "Priority",
                                               "Range",
                                               "Referer",
                                               "Save-Data",
                                               "Sec-CH-UA",
                                               "Sec-CH-UA-Mobile",
                                               "Sec-CH-UA-Platform",
                                               "Sec-Fetch-Dest",
                                               "Sec-Fetch-Mode",
                                               "Sec-Fetch-Site",
                                               "Sec-Fetch-User",
                                               "TE",
                                               "Traceparent",
                                               "Tracestate",
                                               "Transfer-Encoding",
                                               "Upgrade-Insecure-Requests",
                                               "User-Agent",
                                               "Via",
                                               "X-CSRF-Token",
                                               "X-Forwarded-For",
                                               "X-Forwarded-Host",
                                               "X-Forwarded-Port",
                                               "X-Forwarded-Proto",
                                               "X-Real-IP",
                                               "X-Request-Id",
                                               "X-Requested-With",
                                               "X-XSRF-Token"};

struct CommonHeader {
  std::string_view name;
  zend_string* variable = nullptr;
};

std::array<zend_string*, kNames> names;
constexpr size_t kBuckets = 128;  // open addressing, a third full
std::array<CommonHeader, kBuckets> common_headers;

char lower(char letter) {
  return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter + 32) : letter;
}

size_t bucket_of(std::string_view header) {
  const auto first = static_cast<unsigned char>(lower(header.front()));
  const auto last = static_cast<unsigned char>(lower(header.back()));
  return (header.size() * 13 + first * size_t{5} + last) % kBuckets;
}

bool same_header(std::string_view left, std::string_view right) {
  if (left.size() != right.size()) return false;
  for (size_t i = 0; i < left.size(); ++i) {
    if (lower(left[i]) != lower(right[i])) return false;
  }
  return true;
}

void write_variable(std::string_view header, char* out) {
  for (const char letter : std::string_view("HTTP_")) *out++ = letter;
  for (const char letter : header) {
    if (letter >= 'a' && letter <= 'z') {
      *out++ = static_cast<char>(letter - 32);
    } else {
      *out++ = letter == '-' ? '_' : letter;
    }
  }
  *out = '\0';
}

zend_string* make_variable(std::string_view header) {
  zend_string* text = zend_string_alloc(5 + header.size(), false);
  write_variable(header, ZSTR_VAL(text));
  return text;
}

zend_string* permanent(std::string_view text) {
  return zend_string_init_interned(text.data(), text.size(), true);
}

}  // namespace

void make_server_names() {
  for (size_t i = 0; i < kNames; ++i) names[i] = permanent(kServerNames[i]);
  for (const std::string_view header : kCommonHeaders) {
    char variable[64];
    write_variable(header, variable);
    size_t at = bucket_of(header);
    while (common_headers[at].variable != nullptr) at = (at + 1) % kBuckets;
    common_headers[at] = {header, permanent(variable)};
  }
}

zend_string* server_name(ServerName name) {
  return names[static_cast<size_t>(name)];
}

zend_string* header_variable(std::string_view header) {
  if (header.empty()) return make_variable(header);
  for (size_t at = bucket_of(header); common_headers[at].variable != nullptr; at = (at + 1) % kBuckets) {
    if (same_header(common_headers[at].name, header)) return common_headers[at].variable;
  }
  return make_variable(header);
}

}  // namespace askr::php
