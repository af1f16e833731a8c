#include "gateway/absent_files.hpp"

#include <catch2/catch.hpp>
#include <memory>

using askr::gateway::AbsentFiles;

TEST_CASE("a path without a file is remembered for as long as it is said, and no other one") {
  const auto absent = std::make_unique<AbsentFiles>();
  CHECK_FALSE(absent->has("/root/posts", 5));
  absent->remember("/root/posts", 5);
  CHECK(absent->has("/root/posts", 5));
  CHECK(absent->has("/root/posts", 5 + AbsentFiles::kRemembered - 1));
  CHECK_FALSE(absent->has("/root/posts", 5 + AbsentFiles::kRemembered));
  for (int i = 0; i < 10'000; ++i) absent->remember("/root/" + std::to_string(i), 5);
  int known = 0;
  for (int i = 0; i < 10'000; ++i) known += absent->has("/root/" + std::to_string(i), 5) ? 1 : 0;
  CHECK(known > 1000);  // the last ones
  CHECK(known <= 1024);
  for (int i = 10'000; i < 20'000; ++i) REQUIRE_FALSE(absent->has("/root/" + std::to_string(i), 5));
}

TEST_CASE("what may appear when it is asked for is not remembered, and neither is what is too long") {
  const auto absent = std::make_unique<AbsentFiles>();
  for (const char* path : {"/root/a.jpg", "/root/.hidden", "/root/a.", "/ro.ot/a.b"}) {
    absent->remember(path, 0);
    CHECK_FALSE(absent->has(path, 0));
  }
  absent->remember("/ro.ot/a", 0);
  CHECK(absent->has("/ro.ot/a", 0));
  const std::string longest = "/" + std::string(AbsentFiles::kLongestPath - 1, 'a');
  absent->remember(longest, 0);
  CHECK(absent->has(longest, 0));
  absent->remember(longest + 'a', 0);
  CHECK_FALSE(absent->has(longest + 'a', 0));
}
