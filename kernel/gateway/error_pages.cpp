#include "gateway/error_pages.hpp"

#include <fmt/core.h>

namespace askr::gateway {

void make_error_page(pipeline::Transaction& transaction, int status, unsigned retry_after) {
  http::ResponseHead& response = transaction.response;
  response.clear();
  response.status = status;
  response.headers.add("Content-Type", "text/html; charset=utf-8");
  if (retry_after != 0) response.headers.add("Retry-After", std::to_string(retry_after));

  const std::string_view reason = http::reason_phrase(status);
  transaction.body.clear();
  transaction.body.push_back(
      pipeline::BodyPart::of_text(fmt::format("<!doctype html>\n<html lang=\"en\"><head><title>{0} {1}</title></head>\n"
                                              "<body><h1>{0} {1}</h1><p>Request {2}</p></body></html>\n",
                                              status, reason, transaction.id())));
}

}  // namespace askr::gateway
