// The template, on the fake host: what docs/plugins.md shows.
#include <catch2/catch.hpp>

#include "askr/abi/plugin.h"
#include "askr/testing.hpp"

TEST_CASE("the template greets who asks for it") {
  askr::testing::Host host(*askr_plugin_v1(), {{"hello.greeting", "Hi"}});
  const auto answer = host.get("/hello");
  CHECK(answer.status == 200);
  CHECK(answer.body == "Hi, 192.0.2.1\n");
  CHECK_FALSE(answer.reached_php);
  CHECK(host.metric("hello_answers_total") == 1);
}

TEST_CASE("other paths go on to PHP") {
  askr::testing::Host host(*askr_plugin_v1());
  const auto answer = host.get("/other");
  CHECK(answer.reached_php);
  CHECK(answer.body == "<p>page</p>");
}

TEST_CASE("an option that does not exist is a mistake of the test") {
  CHECK_THROWS_WITH(askr::testing::Host(*askr_plugin_v1(), {{"hello.greting", "Hi"}}), "no option hello.greting");
}
