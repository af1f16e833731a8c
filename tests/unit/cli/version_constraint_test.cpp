#include "cli/version_constraint.hpp"

#include <catch2/catch.hpp>

namespace {

using askr::cli::Fit;
using askr::cli::fits;

Fit php82(std::string_view constraint) {
  return fits("8.2.30-1+deb12u1", constraint);
}

TEST_CASE("a version fits what Composer says it fits") {
  for (const char* constraint : {">=8.2",
                                 ">= 8.1",
                                 ">=7.4 <9",
                                 ">=7.4,<9.0",
                                 "^8.0",
                                 "^8.2.1",
                                 "^7.4 || ^8.0",
                                 "^7.4|^8.1",
                                 "~8.1",
                                 "~8.2.0",
                                 "8.2.*",
                                 "8.*",
                                 "*",
                                 "8.2.30",
                                 "=8.2.30",
                                 "7.4 - 8.2",
                                 "8.0 - 8.2.30",
                                 "!=8.2.29",
                                 ">8.2",
                                 "v8.2.30",
                                 "<=8.2.30",
                                 "~8.1.0 || ~8.2.0",
                                 ">=8.2.0-dev",
                                 ">8.1,<8.3"}) {
    INFO(constraint);
    CHECK(php82(constraint) == Fit::yes);
  }
}

TEST_CASE("and does not fit the others") {
  for (const char* constraint : {">=8.3", "^8.3", "^7.4", "~8.1.0", "8.1.*", "<8.2", "7.4 - 8.1", "!=8.2.30", "8.2",
                                 "^9.0 || ^7.0", "<8.2.30", ">8.2.30", ">=8.4 || <7"}) {
    INFO(constraint);
    CHECK(php82(constraint) == Fit::no);
  }
}

TEST_CASE("what is not understood is not judged") {
  for (const char* constraint : {"dev-main", ">=eight", "", "8.2 -", "@stable"}) {
    INFO(constraint);
    CHECK(php82(constraint) != Fit::yes);
  }
  CHECK(php82("dev-main") == Fit::unknown);
  CHECK(php82(">=eight") == Fit::unknown);
}

}  // namespace
