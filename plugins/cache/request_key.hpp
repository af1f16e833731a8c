// What the cache has to know of a request: may it be answered from it, may its response fill it, under which key.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "askr/sdk.hpp"
#include "askr/sdk/text.hpp"

namespace cache {

// Names that make no difference; each may end with a star.
struct KeyOptions {
  std::vector<std::string> ignored_cookies, ignored_parameters;
};

struct RequestTraits {
  bool readable = false;             // the cache may answer it
  bool has_range = false;            // then it wants plain bytes
  bool wants_part = false;           // less than all of the page: HEAD, a range, a condition
  std::string_view bypass = {};      // why it is not readable; static
  std::string_view accept_encoding;  // data() == nullptr when there is none
};

// Has the method no effect on what others get (RFC 9110 section 9.2.1)? Of those that nobody has registered as such it
// is not known.
bool is_safe(std::string_view method);

// `key` is filled in when the request is readable.
RequestTraits inspect(const askr::Request& request, const KeyOptions& options, std::string& key);

// Path and query as unlike spellings of the same thing give the same text.
void append_target(std::string_view target, const KeyOptions& options, std::string& out);

// Scheme, host, path and query, as unlike spellings of the same thing give the same text. For a request of any method:
// it names the resource.
void append_address(const askr::Request& request, const KeyOptions& options, std::string& key);

// The address, and in lines behind it what else a page may be made of that the target does not say: where the request
// was received, and fields that applications believe about where they are reached.
void append_key(const askr::Request& request, const KeyOptions& options, std::string& key);

// The names and values of the fields that a Vary field lists, as this request has them; see fields.hpp.
// `plain`: the response is not encoded by the application, so that Accept-Encoding makes no difference to it.
std::string vary_values(const askr::Request& request, std::string_view vary, bool plain);
bool matches_vary(const askr::Request& request, std::string_view stored);

}  // namespace cache
