#include "http/mime_types.hpp"

#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <fstream>

using askr::http::MimeTypes;

TEST_CASE("without a table of the system the usual types are known") {
  const MimeTypes types = MimeTypes::load("/nonexistent");
  CHECK(types.type_of("/index.html") == "text/html");
  CHECK(types.type_of("/a.b/APP.JS") == "text/javascript; charset=utf-8");
  CHECK(types.type_of("x.json") == "application/json; charset=utf-8");
  CHECK(types.type_of("x.svg") == "image/svg+xml");
  CHECK(types.type_of("x.tar.gz") == "application/gzip");
  CHECK(types.type_of("x.woff2") == "font/woff2");
}

TEST_CASE("what names its charset itself is not overruled") {
  const MimeTypes types = MimeTypes::load("/nonexistent");
  CHECK(types.type_of("x.htm") == "text/html");
  CHECK(types.type_of("x.xhtml") == "application/xhtml+xml");
  CHECK(types.type_of("x.xml") == "application/xml");
  CHECK(types.type_of("x.rss") == "application/rss+xml");
  CHECK(types.type_of("x.css") == "text/css; charset=utf-8");
  CHECK(types.type_of("x.webmanifest") == "application/manifest+json; charset=utf-8");
}

TEST_CASE("what is unknown is a stream of bytes") {
  const MimeTypes types = MimeTypes::load("/nonexistent");
  for (const char* path :
       {"/", "", "/Makefile", "/a.html/file", "/x.", "/x.unheard-of", "/x.averyveryverylongextension"}) {
    INFO(path);
    CHECK(types.type_of(path) == "application/octet-stream");
  }
}

TEST_CASE("the table of the system wins over the built-in one") {
  char name[] = "/tmp/askr-mime-XXXXXX";
  const int fd = ::mkstemp(name);
  REQUIRE(fd >= 0);
  ::close(fd);
  std::ofstream(name)
      << "# comment\n\ntext/x-special\tspecial SPC # more\napplication/x-own html\nbroken line\nmodel/none\n";
  const MimeTypes types = MimeTypes::load(name);
  ::unlink(name);
  CHECK(types.type_of("a.special") == "text/x-special; charset=utf-8");
  CHECK(types.type_of("a.spc") == "text/x-special; charset=utf-8");
  CHECK(types.type_of("a.html") == "application/x-own");
  CHECK(types.type_of("a.css") == "text/css; charset=utf-8");
  CHECK(types.type_of("a.line") == "application/octet-stream");
  CHECK(types.type_of("a.more") == "application/octet-stream");
}
