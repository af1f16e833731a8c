#include "gateway/trusted_proxies.hpp"

#include <catch2/catch.hpp>

using askr::gateway::TrustedProxies;
using askr::http::Header;
using askr::pipeline::Endpoint;
using askr::pipeline::Transaction;

namespace {

struct Seen {
  std::string address;
  bool secure;
  uint16_t port;
};

Seen apply(const std::vector<std::string>& list, const std::string& peer, std::vector<Header> fields,
           bool secure = false) {
  auto proxies = TrustedProxies::parse(list);
  REQUIRE(proxies);
  Endpoint endpoint;
  endpoint.client_address = peer;
  endpoint.secure = secure;
  endpoint.server_port = 8000;
  Transaction transaction;
  transaction.endpoint = &endpoint;
  transaction.head.headers = std::move(fields);
  transaction.head.host = transaction.head.header("host");
  proxies.value().apply(transaction);
  return {std::string(transaction.client_address), transaction.secure, transaction.server_port};
}

// The address seen behind a proxy at 10.0.0.1 that trusts 10.0.0.0/8.
std::string behind(std::vector<Header> fields) {
  return apply({"10.0.0.0/8"}, "10.0.0.1", std::move(fields)).address;
}

}  // namespace

TEST_CASE("nobody is trusted unless named") {
  const std::vector<Header> fields{{"X-Forwarded-For", "192.0.2.9"}, {"X-Forwarded-Proto", "https"}};
  for (const std::vector<std::string>& list :
       {std::vector<std::string>{}, {"192.168.0.1"}, {"unix"}, {"10.0.0.2"}, {"::1"}}) {
    const Seen seen = apply(list, "10.0.0.1", fields);
    CHECK(seen.address == "10.0.0.1");
    CHECK_FALSE(seen.secure);
  }
  CHECK(apply({"10.0.0.1"}, "", fields).address.empty());
  CHECK(apply({}, "10.0.0.1", {}, true).secure);
}

TEST_CASE("addresses and blocks of both families") {
  const auto trusts = [](const char* entry, const char* peer) {
    return apply({entry}, peer, {{"X-Forwarded-For", "192.0.2.9"}}).address == "192.0.2.9";
  };
  CHECK(trusts("10.0.0.1", "10.0.0.1"));
  CHECK(trusts("10.0.0.1", "::ffff:10.0.0.1"));
  CHECK_FALSE(trusts("10.0.0.1", "10.0.0.2"));
  CHECK(trusts("10.1.0.0/15", "10.0.255.255"));
  CHECK_FALSE(trusts("10.1.0.0/15", "10.2.0.0"));
  CHECK(trusts("0.0.0.0/0", "203.0.113.7"));
  CHECK_FALSE(trusts("0.0.0.0/0", "2001:db8::1"));
  CHECK(trusts("2001:db8::/33", "2001:db8:7fff::1"));
  CHECK_FALSE(trusts("2001:db8::/33", "2001:db8:8000::1"));
  CHECK(trusts("::/0", "203.0.113.7"));
  CHECK(trusts("unix", ""));
}

TEST_CASE("the client is the right-most address that is not trusted") {
  CHECK(behind({{"X-Forwarded-For", "192.0.2.9"}}) == "192.0.2.9");
  CHECK(behind({{"X-Forwarded-For", "198.51.100.1, 192.0.2.9"}}) == "192.0.2.9");
  CHECK(behind({{"X-Forwarded-For", "198.51.100.1, 192.0.2.9, 10.0.0.7"}}) == "192.0.2.9");
  CHECK(behind({{"X-Forwarded-For", "198.51.100.1"}, {"x-forwarded-for", "192.0.2.9 ,10.0.0.7"}}) == "192.0.2.9");
  CHECK(behind({{"X-Forwarded-For", "10.0.0.5, 10.0.0.6"}}) == "10.0.0.5");
  CHECK(behind({{"X-Forwarded-For", "192.0.2.9:4711"}}) == "192.0.2.9");
  CHECK(behind({{"X-Forwarded-For", "2001:db8::7"}}) == "2001:db8::7");
  CHECK(behind({{"X-Forwarded-For", "[2001:db8::7]:443"}}) == "2001:db8::7");
}

TEST_CASE("what is no address ends the search") {
  CHECK(behind({}) == "10.0.0.1");
  CHECK(behind({{"X-Forwarded-For", ""}}) == "10.0.0.1");
  CHECK(behind({{"X-Forwarded-For", "unknown"}}) == "10.0.0.1");
  CHECK(behind({{"X-Forwarded-For", "192.0.2.9, unknown, 10.0.0.7"}}) == "10.0.0.7");
  CHECK(behind({{"X-Forwarded-For", "<script>, 10.0.0.7"}}) == "10.0.0.7");
  CHECK(behind({{"X-Forwarded-For", std::string_view("1.2.3.4.5")}}) == "10.0.0.1");
}

TEST_CASE("Forwarded is read when X-Forwarded-For is absent") {
  CHECK(behind({{"Forwarded", "for=192.0.2.9;proto=https;by=10.0.0.1"}}) == "192.0.2.9");
  CHECK(behind({{"Forwarded", "proto=https; For=\"[2001:db8::7]:4711\""}}) == "2001:db8::7");
  CHECK(behind({{"Forwarded", "for=198.51.100.1, for=192.0.2.9, for=10.0.0.7"}}) == "192.0.2.9");
  CHECK(behind({{"Forwarded", "for=192.0.2.9, for=_hidden"}}) == "10.0.0.1");
  CHECK(behind({{"Forwarded", "for=192.0.2.9, proto=https"}}) == "10.0.0.1");
  CHECK(behind({{"Forwarded", "for=198.51.100.1"}, {"X-Forwarded-For", "192.0.2.9"}}) == "192.0.2.9");
}

TEST_CASE("the nearest proxy says whether the client came over https") {
  const auto secure = [](std::vector<Header> fields, bool endpoint = false) {
    return apply({"10.0.0.1"}, "10.0.0.1", std::move(fields), endpoint).secure;
  };
  CHECK(secure({{"X-Forwarded-Proto", "https"}}));
  CHECK(secure({{"X-Forwarded-Proto", "HTTPS"}}));
  CHECK_FALSE(secure({{"X-Forwarded-Proto", "http"}}));
  CHECK_FALSE(secure({{"X-Forwarded-Proto", "https, http"}}));
  CHECK(secure({{"Forwarded", "for=192.0.2.9;proto=https"}}));
  CHECK_FALSE(secure({}));
  CHECK(secure({}, true));
  CHECK_FALSE(secure({{"X-Forwarded-Proto", "http"}}, true));
}

TEST_CASE("with a scheme of the proxy's the port is the one that the client sees") {
  const auto port = [](std::vector<Header> fields) { return apply({"10.0.0.1"}, "10.0.0.1", std::move(fields)).port; };
  const Header https{"X-Forwarded-Proto", "https"};
  CHECK(port({https}) == 443);
  CHECK(port({{"X-Forwarded-Proto", "http"}}) == 80);
  CHECK(port({{"Forwarded", "proto=https"}}) == 443);
  CHECK(port({https, {"Host", "example.org"}}) == 443);
  CHECK(port({https, {"Host", "example.org:8443"}}) == 8443);
  CHECK(port({https, {"Host", "[2001:db8::7]"}}) == 443);
  CHECK(port({https, {"Host", "[2001:db8::7]:8443"}}) == 8443);
  CHECK(port({https, {"Host", "example.org:"}}) == 443);
  CHECK(port({https, {"Host", "example.org:8443"}, {"X-Forwarded-Port", "9443"}}) == 9443);
  CHECK(port({https, {"X-Forwarded-Port", "1, 9443"}}) == 9443);
  for (const char* bad : {"0", "65536", "-1", "+443", "443x", "", "x", "4 4"}) {
    INFO(bad);
    CHECK(port({https, {"X-Forwarded-Port", bad}, {"Host", "example.org:8443"}}) == 8443);
  }
  CHECK(port({}) == 8000);
  CHECK(port({{"X-Forwarded-Port", "9443"}, {"Host", "example.org:8443"}}) == 8000);
  CHECK(apply({}, "10.0.0.1", {https, {"X-Forwarded-Port", "9443"}}).port == 8000);
}

TEST_CASE("a list with something else in it is refused") {
  for (const char* bad : {"", "localhost", "10.0.0", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/x", "10.0.0.0/-1",
                          "10.0.0.0/8 ", "::/129", "2001:db8::/", "[::1]", "Unix", "10.0.0.0/8/8"}) {
    INFO(bad);
    const auto parsed = TrustedProxies::parse({"10.0.0.1", bad});
    REQUIRE_FALSE(parsed);
    CHECK(parsed.error().exit_code == 2);
    CHECK(parsed.error().message.find('"' + std::string(bad) + '"') != std::string::npos);
  }
}
