#include "gateway/error_pages.hpp"

#include <spdlog/fmt/fmt.h>

namespace askr::gateway {

void make_error_page(pipeline::Transaction& transaction, int status, unsigned retry_after) {
  http::ResponseHead& response = transaction.response;
  response.clear();
  response.status = status;
  response.headers.add("Content-Type", "text/html; charset=utf-8");
  if (retry_after != 0) response.headers.add("Retry-After", std::to_string(retry_after));

  const std::string_view reason = http::reason_phrase(status);
  auto page = std::make_shared<const std::string>(
      fmt::format("<!doctype html>\n<html lang=\"en\"><head><title>{0} {1}</title></head>\n"
                  "<body><h1>{0} {1}</h1><p>Request {2}</p></body></html>\n",
                  status, reason, transaction.id()));
  const uint64_t size = page->size();
  transaction.body.clear();
  transaction.body.push_back({std::move(page), nullptr, 0, size});
}

}  // namespace askr::gateway
