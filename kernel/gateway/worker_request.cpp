#include "gateway/worker_request.hpp"

#include <algorithm>

namespace askr::gateway {
namespace {

// What a request for the whole page does not say: see askr_request_api.want_whole.
bool is_for_a_part(std::string_view name) {
  static constexpr std::string_view kNames[] = {"If-None-Match", "If-Modified-Since", "Range", "If-Range"};
  return std::any_of(std::begin(kNames), std::end(kNames),
                     [name](std::string_view each) { return http::equals_ignoring_case(each, name); });
}

}  // namespace

void fill_worker_request(const pipeline::Transaction& transaction, const pipeline::Endpoint& endpoint,
                         uint64_t body_size, exchange::RequestView& view) {
  const http::RequestHead& head = transaction.head;
  view.id = transaction.id();
  view.method = transaction.wants_whole ? "GET" : head.method_text;
  view.uri = head.target;
  view.query = head.query;
  view.script_name = transaction.target.script_name;
  view.path_info = transaction.target.path_info;
  view.protocol = head.minor_version == 0 ? "HTTP/1.0" : "HTTP/1.1";
  view.remote_address = transaction.client_name();
  view.remote_port = endpoint.client_port;
  view.server_address = endpoint.server_address;
  view.server_port = transaction.server_port;
  view.https = transaction.secure;
  view.body_size = body_size;

  view.server_name = head.host;
  const size_t colon = head.host.rfind(':');
  if (colon != std::string_view::npos && head.host.find(']', colon) == std::string_view::npos) {
    view.server_name = head.host.substr(0, colon);
  }
  const bool has_address = endpoint.server_port != 0;
  if (view.server_name.empty() && has_address) view.server_name = endpoint.server_address;

  // Underscores would shadow the dashed name in $_SERVER, Proxy would become HTTP_PROXY ("httpoxy"), and the coding of
  // the body has been undone.
  view.fields.clear();
  for (const http::Header& header : head.headers) {
    if (header.name.find('_') != std::string_view::npos) continue;
    if (http::equals_ignoring_case(header.name, "proxy") || http::equals_ignoring_case(header.name, "x-request-id") ||
        http::equals_ignoring_case(header.name, "transfer-encoding")) {
      continue;
    }
    if (transaction.wants_whole && is_for_a_part(header.name)) continue;
    // An absolute-form target names the host, whatever the Host field says (RFC 9112 section 3.2.2).
    const bool is_host = http::equals_ignoring_case(header.name, "host");
    view.fields.push_back({header.name, is_host ? head.host : header.value});
  }
  view.fields.push_back({"X-Request-Id", transaction.id()});
}

}  // namespace askr::gateway
