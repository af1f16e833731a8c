#include "exchange/codec.hpp"

#include <catch2/catch.hpp>
#include <random>
#include <string>

namespace askr::exchange {

TEST_CASE("a request head is the same behind the exchange") {
  RequestView sent;
  sent.id = "abc";
  sent.method = "PUT";
  sent.uri = "/a?b=c";
  sent.query = "b=c";
  sent.script_name = "/index.php";
  sent.path_info = "/x";
  sent.protocol = "HTTP/1.1";
  sent.server_name = "example.org";
  sent.remote_address = "::1";
  sent.remote_port = 4711;
  sent.https = true;
  sent.body_size = 99;
  sent.fields = {{"Host", "example.org"}, {"X-Empty", ""}};
  std::string area(4096, '\0');
  REQUIRE(encode_request(sent, area.data(), area.size()) > 0);

  RequestView got;
  REQUIRE(decode_request(area.data(), area.size(), got));
  CHECK(got.id == sent.id);
  CHECK(got.method == sent.method);
  CHECK(got.uri == sent.uri);
  CHECK(got.query == sent.query);
  CHECK(got.script_name == sent.script_name);
  CHECK(got.path_info == sent.path_info);
  CHECK(got.protocol == sent.protocol);
  CHECK(got.server_name == sent.server_name);
  CHECK(got.remote_address == sent.remote_address);
  CHECK(got.remote_port == sent.remote_port);
  CHECK(got.https);
  CHECK(got.body_size == 99);
  REQUIRE(got.fields.size() == 2);
  CHECK(got.fields[0].value == "example.org");
  CHECK(got.fields[1].name == "X-Empty");
  CHECK(got.fields[1].value.empty());
}

TEST_CASE("a request head that somebody has scribbled over is read within its bounds") {
  RequestView sent;
  sent.id = "abc";
  sent.uri = "/a?b=c";
  sent.query = "b=c";
  sent.fields = {{"Host", "example.org"}, {"X", "y"}};
  std::string good(256, '\0');
  good.resize(encode_request(sent, good.data(), good.size()));
  std::mt19937 random(4711);
  for (int round = 0; round < 20'000; ++round) {
    std::string bad = good;
    for (int times = 0; times < 3; ++times) bad[random() % bad.size()] = static_cast<char>(random());
    RequestView got;
    decode_request(bad.data(), bad.size(), got);  // must not read what is not there (sanitizers would tell)
    const char* end = bad.data() + bad.size();
    for (const FieldView& field : got.fields)
      REQUIRE((field.value.empty() || field.value.data() + field.value.size() <= end));
    REQUIRE((got.uri.empty() || got.uri.data() + got.uri.size() <= end));
  }
  RequestView got;
  CHECK_FALSE(decode_request(good.data(), good.size() - 1, got));
  CHECK_FALSE(decode_request(good.data(), 3, got));
}

TEST_CASE("a head that does not fit is refused") {
  RequestView request;
  request.uri = "/a-rather-long-path";
  char area[32];
  CHECK(encode_request(request, area, sizeof area) == 0);
  CHECK(encode_response_head(200, "OK", nullptr, 0, area, 4) == 0);
}

TEST_CASE("a response head is read field by field") {
  const WorkerPort::HeadField fields[] = {{"A", "1"}, {"B", ""}};
  char area[256];
  const size_t size = encode_response_head(418, "Teapot", fields, 2, area, sizeof area);
  ResponseHeadReader reader({area, size});
  REQUIRE(reader.valid());
  CHECK(reader.status() == 418);
  CHECK(reader.reason() == "Teapot");
  std::string_view name;
  std::string_view value;
  REQUIRE(reader.next(name, value));
  CHECK(name == "A");
  CHECK(value == "1");
  REQUIRE(reader.next(name, value));
  CHECK(name == "B");
  CHECK_FALSE(reader.next(name, value));
  CHECK(reader.valid());
}

TEST_CASE("garbage in a response head is noticed, never read beyond its end") {
  const WorkerPort::HeadField fields[] = {{"Content-Type", "text/html"}, {"Set-Cookie", "a=b"}};
  char area[256];
  const size_t size = encode_response_head(200, "", fields, 2, area, sizeof area);
  std::mt19937 random(3);
  for (int round = 0; round < 100'000; ++round) {
    std::string bytes(area, random() % 4 == 0 ? random() % (size + 1) : size);
    for (int flips = 0; flips < 4 && !bytes.empty(); ++flips)
      bytes[random() % bytes.size()] = static_cast<char>(random());
    ResponseHeadReader reader(bytes);
    std::string_view name;
    std::string_view value;
    while (reader.next(name, value)) {
      REQUIRE(name.data() >= bytes.data());
      REQUIRE(value.data() + value.size() <= bytes.data() + bytes.size());
    }
  }
}

}  // namespace askr::exchange
