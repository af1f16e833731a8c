#include "http/uri.hpp"

#include <catch2/catch.hpp>

namespace {

// The decoded path, or "refused".
std::string decoded(std::string_view raw) {
  std::string path;
  return askr::http::decode_path(raw, path) ? path : "refused";
}

std::string encoded(std::string_view path) {
  std::string out;
  askr::http::append_encoded_path(path, out);
  return out;
}

}  // namespace

TEST_CASE("paths are decoded once") {
  CHECK(decoded("/") == "/");
  CHECK(decoded("/a/b.css") == "/a/b.css");
  CHECK(decoded("/a%20b/%C3%a4") == "/a b/\xc3\xa4");
  CHECK(decoded("/%2541") == "/%41");
  CHECK(decoded("/a+b") == "/a+b");
  CHECK(decoded("/a%3Fb") == "/a?b");
}

TEST_CASE("dot segments and repeated slashes disappear") {
  CHECK(decoded("/.") == "/");
  CHECK(decoded("/a/.") == "/a/");
  CHECK(decoded("/a/./b") == "/a/b");
  CHECK(decoded("/a/b/../c") == "/a/c");
  CHECK(decoded("/a/b/..") == "/a/");
  CHECK(decoded("/a/..") == "/");
  CHECK(decoded("//a///b//") == "/a/b/");
  CHECK(decoded("/a//../b") == "/b");
  CHECK(decoded("/a%2F%2e%2E%2fb") == "/b");
  CHECK(decoded("/...") == "/...");
  CHECK(decoded("/..a/.b") == "/..a/.b");
}

TEST_CASE("paths that lead out of the root are refused") {
  for (const char* raw : {"/..", "/../", "/../etc/passwd", "/a/../..", "/a/../../b", "/%2e%2e/b", "/%2e./b",
                          "/.%2E%2fb", "/a/..%2f..%2fb", "//..", "/./..", "/a/b/../../../c"}) {
    INFO(raw);
    CHECK(decoded(raw) == "refused");
  }
}

TEST_CASE("broken escapes, NUL and what is no path are refused") {
  for (const char* raw : {"", "*", "a", "/%", "/%4", "/%g0", "/%0g", "/a%", "/%00", "/a%00.png", "/% 1"}) {
    INFO(raw);
    CHECK(decoded(raw) == "refused");
  }
  CHECK(decoded(std::string_view("/a\0b", 4)) == "refused");
}

TEST_CASE("an encoded path decodes to itself") {
  std::string every = "/";
  for (int byte = 1; byte < 256; ++byte) {
    if (byte != '/') every += static_cast<char>(byte);
  }
  CHECK(decoded(encoded(every)) == every);
  CHECK(encoded("/a b\r\n\"<%?#\\") == "/a%20b%0D%0A%22%3C%25%3F%23%5C");
  CHECK(encoded("/plain-._~/x") == "/plain-._~/x");
}
