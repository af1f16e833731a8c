#include "http/response_head.hpp"

#include <catch2/catch.hpp>

using askr::http::BodyFraming;
using askr::http::HeaderList;
using askr::http::ResponseHead;
using askr::http::WireOptions;

namespace {

constexpr std::string_view kDate = "Sun, 06 Nov 1994 08:49:37 GMT";
const std::string kCommon = "Server: askr\r\nDate: " + std::string(kDate) + "\r\n";

std::string write(const ResponseHead& head, WireOptions options) {
  options.date = kDate;
  std::string out = "before|";
  askr::http::write_response_head(head, options, out);
  return out.substr(7);
}

}  // namespace

TEST_CASE("a header list finds, replaces and removes whatever the case") {
  HeaderList list;
  list.add("Set-Cookie", "a");
  list.add("X-One", "1");
  list.add("set-cookie", "b");
  CHECK(list.size() == 3);
  CHECK(list.find("SET-COOKIE") == "a");
  CHECK(list.contains("x-one"));
  CHECK_FALSE(list.contains("x-two"));
  list.set("x-one", "2");
  CHECK(list.find("X-One") == "2");
  CHECK(list.remove("Set-Cookie") == 2);
  CHECK(list.remove("Set-Cookie") == 0);
  std::string all;
  list.for_each([&all](std::string_view name, std::string_view value) { all.append(name).append("=").append(value); });
  CHECK(all == "x-one=2");
  list.add("Empty", "");
  CHECK(list.contains("empty"));
  list.clear();
  CHECK(list.size() == 0);
}

TEST_CASE("a response head is written with its framing") {
  ResponseHead head;
  head.headers.add("Content-Type", "text/plain");
  WireOptions options;
  options.framing = BodyFraming::content_length;
  options.content_length = 12345678901;
  CHECK(write(head, options) ==
        "HTTP/1.1 200 OK\r\n" + kCommon + "Content-Length: 12345678901\r\nContent-Type: text/plain\r\n\r\n");
  options.framing = BodyFraming::chunked;
  CHECK(write(head, options) ==
        "HTTP/1.1 200 OK\r\n" + kCommon + "Transfer-Encoding: chunked\r\nContent-Type: text/plain\r\n\r\n");
  options.framing = BodyFraming::none;
  head.clear();
  head.status = 304;
  CHECK(write(head, options) == "HTTP/1.1 304 Not Modified\r\n" + kCommon + "\r\n");
}

TEST_CASE("the Connection field says what the version does not") {
  const ResponseHead head;
  const auto with = [&head](uint8_t minor, bool keep_alive) {
    WireOptions options;
    options.minor_version = minor;
    options.keep_alive = keep_alive;
    return write(head, options);
  };
  const std::string status = "HTTP/1.1 200 OK\r\n" + kCommon;
  CHECK(with(1, true) == status + "\r\n");
  CHECK(with(1, false) == status + "Connection: close\r\n\r\n");
  CHECK(with(0, true) == status + "Connection: keep-alive\r\n\r\n");
  CHECK(with(0, false) == status + "Connection: close\r\n\r\n");
}

TEST_CASE("nobody but the kernel decides about framing, connection and server") {
  ResponseHead head;
  for (const char* name : {"content-length", "Transfer-Encoding", "CONNECTION", "Keep-Alive", "Server"}) {
    head.headers.add(name, "x");
  }
  head.headers.add("X-Kept", "y");
  CHECK(write(head, {}) == "HTTP/1.1 200 OK\r\n" + kCommon + "X-Kept: y\r\n\r\n");
}

TEST_CASE("fields that would break out of their line are left out") {
  ResponseHead head;
  head.headers.add("A", "b\r\nSet-Cookie: c");
  head.headers.add("A", "b\n");
  head.headers.add("A", std::string("b\0c", 3));
  head.headers.add("A\r\nB", "c");
  head.headers.add("A: b", "c");
  head.headers.add("", "c");
  head.reason = "Fine\r\nSet-Cookie: c";
  CHECK(write(head, {}) == "HTTP/1.1 200 OK\r\n" + kCommon + "\r\n");
}

TEST_CASE("a reason of one's own is kept") {
  ResponseHead head;
  head.status = 299;
  CHECK(write(head, {}).starts_with("HTTP/1.1 299 Unknown\r\n"));
  head.reason = "Rather Good";
  CHECK(write(head, {}).starts_with("HTTP/1.1 299 Rather Good\r\n"));
  CHECK(askr::http::reason_phrase(404) == "Not Found");
}
