#include "http/conditional.hpp"

#include <catch2/catch.hpp>

#include "http/date.hpp"

using askr::http::Header;
using askr::http::Method;
using askr::http::Precondition;
using askr::http::RequestHead;
using askr::http::Validators;

namespace {

constexpr int64_t kModified = 784111777;
constexpr const char* kModifiedText = "Sun, 06 Nov 1994 08:49:37 GMT";
constexpr const char* kBefore = "Sun, 06 Nov 1994 08:49:36 GMT";
constexpr const char* kAfter = "Sun, 06 Nov 1994 08:49:38 GMT";
constexpr int64_t kNow = 1760000000;
constexpr Validators kValidators{"\"a,b\"", kModified};

RequestHead request(std::vector<Header> fields, Method method = Method::get) {
  RequestHead head;
  head.method = method;
  head.headers = std::move(fields);
  return head;
}

Precondition check(std::vector<Header> fields, Method method = Method::get,
                   const Validators& validators = kValidators) {
  return check_preconditions(request(std::move(fields), method), validators, kNow);
}

bool ranged(const char* if_range, const Validators& validators = kValidators, int64_t now = kNow) {
  return range_applies(request({{"If-Range", if_range}}), validators, now);
}

}  // namespace

TEST_CASE("no condition, no objection") {
  CHECK(check({}) == Precondition::proceed);
  CHECK(check({{"Range", "bytes=0-1"}, {"If-Range", "\"x\""}}) == Precondition::proceed);
}

TEST_CASE("If-None-Match saves a transfer when a tag is known") {
  CHECK(check({{"If-None-Match", "\"a,b\""}}) == Precondition::not_modified);
  CHECK(check({{"if-none-match", "W/\"a,b\""}}) == Precondition::not_modified);
  CHECK(check({{"If-None-Match", "\"x\", \"a,b\""}}) == Precondition::not_modified);
  CHECK(check({{"If-None-Match", "\"x\"\t,,W/\"y\",\"a,b\""}}) == Precondition::not_modified);
  CHECK(check({{"If-None-Match", "\"x\""}, {"If-None-Match", "\"a,b\""}}) == Precondition::not_modified);
  CHECK(check({{"If-None-Match", "*"}}) == Precondition::not_modified);
  CHECK(check({{"If-None-Match", "\"a,b\""}}, Method::head) == Precondition::not_modified);
  CHECK(check({{"If-None-Match", "\"a,b\""}}, Method::put) == Precondition::failed);
  CHECK(check({{"If-None-Match", "\"A,B\""}}) == Precondition::proceed);
  CHECK(check({{"If-None-Match", "a,b"}}) == Precondition::proceed);
  CHECK(check({{"If-None-Match", "\"a,b"}}) == Precondition::proceed);
  CHECK(check({{"If-None-Match", "w/\"a,b\""}}) == Precondition::proceed);
  CHECK(check({{"If-None-Match", ""}}) == Precondition::proceed);
  CHECK(check({{"If-None-Match", "\"a,b\""}}, Method::get, {"", kModified}) == Precondition::proceed);
}

TEST_CASE("If-None-Match makes If-Modified-Since irrelevant") {
  CHECK(check({{"If-None-Match", "\"x\""}, {"If-Modified-Since", kAfter}}) == Precondition::proceed);
  CHECK(check({{"If-None-Match", "\"a,b\""}, {"If-Modified-Since", kBefore}}) == Precondition::not_modified);
}

TEST_CASE("If-Modified-Since compares dates") {
  CHECK(check({{"If-Modified-Since", kBefore}}) == Precondition::proceed);
  CHECK(check({{"If-Modified-Since", kModifiedText}}) == Precondition::not_modified);
  CHECK(check({{"If-Modified-Since", kAfter}}) == Precondition::not_modified);
  CHECK(check({{"If-Modified-Since", "yesterday"}}) == Precondition::proceed);
  CHECK(check({{"If-Modified-Since", kAfter}}, Method::post) == Precondition::proceed);
}

TEST_CASE("If-Match and If-Unmodified-Since protect against lost updates") {
  CHECK(check({{"If-Match", "\"a,b\""}}) == Precondition::proceed);
  CHECK(check({{"If-Match", "*"}}) == Precondition::proceed);
  CHECK(check({{"If-Match", "\"x\""}}) == Precondition::failed);
  CHECK(check({{"If-Match", "W/\"a,b\""}}) == Precondition::failed);
  CHECK(check({{"If-Unmodified-Since", kBefore}}) == Precondition::failed);
  CHECK(check({{"If-Unmodified-Since", kModifiedText}}) == Precondition::proceed);
  CHECK(check({{"If-Unmodified-Since", "never"}}) == Precondition::proceed);
  CHECK(check({{"If-Match", "\"a,b\""}, {"If-Unmodified-Since", kBefore}}) == Precondition::proceed);
  CHECK(check({{"If-Match", "\"a,b\""}, {"If-None-Match", "\"a,b\""}}) == Precondition::not_modified);
}

TEST_CASE("If-Range lets a range through only for the same representation") {
  CHECK(range_applies(request({}), kValidators, kNow));
  CHECK(ranged("\"a,b\""));
  CHECK_FALSE(ranged("W/\"a,b\""));
  CHECK_FALSE(ranged("\"a,b\"", {"W/\"a,b\"", kModified}));
  CHECK_FALSE(ranged("\"x\""));
  CHECK(ranged(kModifiedText));
  CHECK_FALSE(ranged(kBefore));
  CHECK_FALSE(ranged(kAfter));
  CHECK_FALSE(ranged(kModifiedText, kValidators, kModified));
  CHECK_FALSE(ranged("soon"));
  CHECK_FALSE(ranged(""));
}
