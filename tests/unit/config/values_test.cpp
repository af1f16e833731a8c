#include "config/values.hpp"

#include <catch2/catch.hpp>

namespace {

using namespace askr;
using namespace askr::config;

TEST_CASE("sizes are bytes or powers of 1024") {
  CHECK(parse_size("0").value() == 0);
  CHECK(parse_size("1000000").value() == 1000000);
  CHECK(parse_size("16M").value() == 16ULL << 20);
  CHECK(parse_size("48k").value() == 48ULL << 10);
  CHECK(parse_size("1G").value() == 1ULL << 30);
}

TEST_CASE("what is no size is refused") {
  for (const char* text : {"", "M", "-1", "1.5G", "16 M", "16MB", "0x10", "9223372036854775808", "9007199254740992T"}) {
    CAPTURE(text);
    CHECK(parse_size(text).error().exit_code == 2);
  }
  CHECK(parse_size("many").error().message == R"(expected a size such as 16M, 512K or 1000000, got "many")");
}

TEST_CASE("access rights are octal") {
  CHECK(parse_mode("0660").value() == 0660);
  CHECK(parse_mode("600").value() == 0600);
  CHECK(parse_mode("0777").value() == 0777);
  CHECK(parse_mode("0").value() == 0);
  for (const char* text : {"", "0680", "rw", "-1", "+6", " 660", "660 ", "0o660", "1777", "77777777777777"}) {
    CAPTURE(text);
    CHECK(parse_mode(text).error().exit_code == 2);
  }
  CHECK(parse_mode("rw").error().message == R"(expected access rights in octal such as 0660, got "rw")");
  CHECK(format_mode(0660) == "0660");
  CHECK(format_mode(07) == "0007");
}

TEST_CASE("durations have a unit or are seconds") {
  CHECK(parse_duration("60").value() == 60 * kSecond);
  CHECK(parse_duration("60s").value() == 60 * kSecond);
  CHECK(parse_duration("500ms").value() == 500 * kMillisecond);
  CHECK(parse_duration("2m").value() == 120 * kSecond);
  CHECK(parse_duration("1.5s").value() == 1500 * kMillisecond);
  CHECK(parse_duration("1h").value() == 3600 * kSecond);
  CHECK(parse_duration("250us").value() == 250 * kMicrosecond);
}

TEST_CASE("what is no duration is refused") {
  for (const char* text : {"", "s", "-1s", "1 s", "1min", ".5s", "1..5s", "1e3s", "inf", "nan", "99999999999d"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_duration(text));
  }
}

TEST_CASE("sizes and durations are written as people write them") {
  CHECK(format_size(16ULL << 20) == "16M");
  CHECK(format_size(1000) == "1000");
  CHECK(format_size(0) == "0");
  CHECK(format_duration(60 * kSecond) == "60s");
  CHECK(format_duration(75 * kSecond) == "75s");
  CHECK(format_duration(120 * kSecond) == "2m");
  CHECK(format_duration(1500 * kMillisecond) == "1500ms");
  CHECK(format_duration(0) == "0s");
}

TEST_CASE("addresses are host and port or a Unix socket") {
  CHECK(parse_address("127.0.0.1:8000").value().text() == "127.0.0.1:8000");
  CHECK(parse_address("localhost:80").value().host == "localhost");
  CHECK(parse_address("[::1]:8443").value().host == "::1");
  CHECK(parse_address("[::1]:8443").value().text() == "[::1]:8443");
  CHECK(parse_address("[fe80::1%eth0]:80").value().host == "fe80::1%eth0");
  CHECK(parse_address("unix:/run/a.sock").value().unix_path == "/run/a.sock");
}

TEST_CASE("what is no address is refused") {
  for (const char* text : {"", "8000", ":8000", "host", "host:", "host:0", "host:65536", "::1:8000", "[::1]",
                           "[host]:1", "[::1%]:1", "h\xc3\xa4:1", "a,b:1", "unix:", "http://host:80", "a b:80"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_address(text));
  }
}

TEST_CASE("an address to click is one that a browser can open") {
  CHECK(parse_address("0.0.0.0:8000").value().url() == "http://127.0.0.1:8000");
  CHECK(parse_address("[::]:8000").value().url() == "http://[::1]:8000");
  CHECK(parse_address("example.org:80").value().url() == "http://example.org:80");
  CHECK(parse_address("unix:/a").value().url() == "unix:/a");
}

TEST_CASE("networks are addresses, blocks or unix") {
  for (const char* text : {"10.0.0.0/8", "192.168.1.1", "::1", "fd00::/8", "0.0.0.0/0", "unix"}) {
    CAPTURE(text);
    CHECK(parse_network(text).value() == text);
  }
  for (const char* text : {"", "localhost", "10.0.0.0/33", "fd00::/129", "10.0.0.0/", "10.0.0/8", "unix/8"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_network(text));
  }
}

TEST_CASE("lists are cut at their separator, without empty pieces") {
  CHECK(split_list(" a, b ,,c", ',') == std::vector<std::string>{"a", "b", "c"});
  CHECK(split_list("", ',').empty());
}

}  // namespace
