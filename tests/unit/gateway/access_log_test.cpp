#include "gateway/access_log.hpp"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <functional>
#include <regex>

#include "folder.hpp"
#include "gateway/json_string.hpp"
#include "pipeline/request_table.hpp"

using askr::gateway::AccessLog;
using askr::pipeline::Phase;
using askr::pipeline::Pipeline;
using askr::pipeline::Transaction;
using askr::test::Folder;

namespace {

std::string json(std::string_view bytes) {
  std::string out;
  askr::gateway::append_json_string(bytes, out);
  return out;
}

void fill(Transaction& transaction) {
  transaction.client_address = "192.0.2.1";
  transaction.head.method_text = "GET";
  transaction.head.target = "/a?b=\"c\"";
  transaction.response.status = 201;
  transaction.body_bytes_sent = 12;
  transaction.times = {1'000'000, 2'000'000, 2'500'000, 3'000'000, 6'123'456, 6'123'456};
  transaction.id_bytes = {'i', 'd'};
  transaction.id_size = 2;
}

void log(AccessLog& access_log, const std::function<void(Transaction&)>& change = {}) {
  Transaction transaction;
  askr::pipeline::request_table().enter(transaction);
  fill(transaction);
  if (change) change(transaction);
  Pipeline pipeline;
  access_log.install(pipeline);
  REQUIRE(pipeline.seal());
  CHECK(pipeline.hooks(Phase::log).front().plugin == "access-log");
  pipeline.run_all(Phase::log, transaction.handle);
  transaction.clear();
}

}  // namespace

TEST_CASE("a request is one line of JSON") {
  const Folder folder;
  auto opened = AccessLog::open(folder.at("access.log"));
  REQUIRE(opened);
  AccessLog& access_log = *opened.value();
  log(access_log);
  CHECK(folder.read("access.log").empty());
  access_log.flush();
  const std::string line = folder.read("access.log");
  INFO(line);
  CHECK(std::regex_match(
      line,
      std::regex(R"(\{"ts":"20\d\d-[01]\d-[0-3]\dT[0-2]\d:[0-5]\d:[0-6]\d\.\d{3}Z","ip":"192.0.2.1","method":"GET",)"
                 R"re("path":"/a\?b=\\"c\\"","status":201,"bytes":12,"dur_ms":5.123,"php_ms":3.623,"queue_ms":0.500,)re"
                 R"("cache":null,"request_id":"id"\}\n)")));
}

TEST_CASE("a request that PHP had no part in took no time there") {
  const Folder folder;
  auto opened = AccessLog::open(folder.at("access.log"));
  REQUIRE(opened);
  log(*opened.value(), [](Transaction& transaction) { transaction.times = {5'000'000, 0, 0, 0, 4'000'000}; });
  opened.value()->flush();
  CHECK(folder.read("access.log").find(R"("dur_ms":0.000,"php_ms":0.000,"queue_ms":0.000)") != std::string::npos);
}

TEST_CASE("lines are appended and go to the new file after a rotation") {
  const Folder folder;
  folder.write("access.log", "before\n");
  auto opened = AccessLog::open(folder.at("access.log"));
  REQUIRE(opened);
  AccessLog& access_log = *opened.value();
  log(access_log);
  std::filesystem::rename(folder.at("access.log"), folder.at("old.log"));
  REQUIRE(access_log.reopen());
  log(access_log);
  log(access_log);
  access_log.flush();
  const std::string old = folder.read("old.log");
  CHECK(old.starts_with("before\n{"));
  CHECK(std::count(old.begin(), old.end(), '\n') == 2);
  const std::string fresh = folder.read("access.log");
  CHECK(std::count(fresh.begin(), fresh.end(), '\n') == 2);

  std::filesystem::remove(folder.at("access.log"));
  std::filesystem::create_directory(folder.at("access.log"));
  const auto failed = access_log.reopen();
  REQUIRE_FALSE(failed);
  CHECK(failed.error().message ==
        "cannot open the access log " + folder.at("access.log") + ": Is a directory; the old one goes on");
}

TEST_CASE("an access log that cannot be opened is an error") {
  CHECK_FALSE(AccessLog::open("/nonexistent/access.log"));
}

TEST_CASE("a full pipe holds nobody up") {
  const Folder folder;
  const std::string fifo = folder.at("fifo");
  REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
  const int reader = ::open(fifo.c_str(), O_RDONLY | O_NONBLOCK);
  auto opened = AccessLog::open(fifo);
  REQUIRE(opened);
  for (int i = 0; i < 2000; ++i) {
    log(*opened.value());
    opened.value()->flush();
  }
  std::string all;
  char buffer[65536];
  for (ssize_t got; (got = ::read(reader, buffer, sizeof buffer)) > 0;) {
    all.append(buffer, static_cast<size_t>(got));
    opened.value()->flush();
  }
  ::close(reader);
  CHECK(std::count(all.begin(), all.end(), '\n') == 2000);
}

TEST_CASE("any bytes become a valid JSON string") {
  CHECK(json("plain") == "\"plain\"");
  CHECK(json("a\"b\\c\n\x01\x7f") == R"("a\"b\\c\u000a\u0001\u007f")");
  CHECK(json(std::string_view("\0", 1)) == R"("\u0000")");
  CHECK(json("\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80") == "\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\"");
  CHECK(json("\xc2\x85\xe2\x80\xae\xe2\x81\xa9\xe2\x80\xa9") == R"("\u0085\u202e\u2069\u2029")");
  const std::string bad = "\xef\xbf\xbd";
  CHECK(json("a\xff"
             "b") == "\"a" + bad + "b\"");
  CHECK(json("\xc3") == "\"" + bad + "\"");
  CHECK(json("\xe2\x82") == "\"" + bad + bad + "\"");
  CHECK(json("\xc0\xaf") == "\"" + bad + bad + "\"");
  CHECK(json("\xed\xa0\x80") == "\"" + bad + bad + bad + "\"");
  CHECK(json("\xf4\x90\x80\x80") == "\"" + bad + bad + bad + bad + "\"");
  CHECK(json("\xc3\"") == "\"" + bad + "\\\"\"");
}
