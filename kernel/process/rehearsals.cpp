#include "process/rehearsals.hpp"

#include <fmt/core.h>

#include "base/clock.hpp"
#include "exchange/codec.hpp"
#include "exchange/slot.hpp"
#include "gateway/target.hpp"
#include "gateway/worker_request.hpp"
#include "http/request_parser.hpp"

namespace askr::process {
namespace {

struct Url {
  std::string host, target;
  bool secure = false;
};

// "/path" is asked for at the first address that the server listens on.
Url split(const std::string& url, const config::Settings& settings) {
  if (url.starts_with('/')) {
    const config::ListenAddress& first = settings.server.listen.front();
    return {first.unix_path.empty() ? first.text() : "localhost", url};
  }
  const size_t begin = url.find("://") + 3;
  const size_t slash = std::min(url.find('/', begin), url.size());
  return {url.substr(begin, slash - begin), slash < url.size() ? url.substr(slash) : "/", url.starts_with("https")};
}

Result<std::string> encode(const std::string& url, unsigned number, const config::Settings& settings,
                           const std::string& root) {
  const Url parts = split(url, settings);
  const std::string text = fmt::format("GET {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: Askr warm-up\r\nAccept: */*\r\n\r\n",
                                       parts.target, parts.host);
  http::RequestParser parser({settings.server.max_head_size, settings.server.max_headers});
  pipeline::Transaction transaction;
  parser.begin();
  if (parser.parse_head(text.data(), 0, text.size(), transaction.head).status != http::ParseStatus::complete) {
    return Error{"reload.warm_urls: " + url + " is no URL"};
  }
  transaction.times.accepted = monotonic_now();
  gateway::resolve_target(
      {root, settings.server.front, settings.worker_mode(), settings.worker.files, settings.worker.script},
      transaction);
  if (transaction.target.kind != pipeline::TargetKind::script) {
    return Error{"reload.warm_urls: " + url + " leads to no script below " + root};
  }
  transaction.secure = parts.secure;
  transaction.id_size = static_cast<uint8_t>(
      fmt::format_to_n(transaction.id_bytes.data(), transaction.id_bytes.size(), "warm-up-{}", number).size);
  const config::ListenAddress& address = settings.server.listen.front();
  pipeline::Endpoint endpoint;
  endpoint.client_address = endpoint.server_address = "127.0.0.1";
  transaction.server_port = address.port;
  transaction.client_address = endpoint.client_address;
  exchange::RequestView view;
  gateway::fill_worker_request(transaction, endpoint, 0, view);
  std::string encoded(exchange::kRequestArea, '\0');
  encoded.resize(exchange::encode_request(view, encoded.data(), encoded.size()));
  return encoded;
}

}  // namespace

Result<std::vector<std::string>> encode_rehearsals(const config::Settings& settings, const std::string& root) {
  std::vector<std::string> encoded;
  for (const std::string& url : settings.reload.warm_urls) {
    encoded.push_back(ASKR_TRY(encode(url, static_cast<unsigned>(encoded.size() + 1), settings, root)));
  }
  return encoded;
}

}  // namespace askr::process
