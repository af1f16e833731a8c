// compress, on the fake host of the SDK.
#include <zlib.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <ctime>
#include <fstream>
#include <random>

#include "askr/abi/plugin.h"
#include "askr/testing.hpp"
#include "encoded_files.hpp"
#include "encoders.hpp"
#include "jobs.hpp"
#include "media_types.hpp"
#include "negotiation.hpp"
#include "representation.hpp"

namespace {

using namespace askr::testing;
using compression::Coding;

// As much as can be decoded of a gzip stream.
std::string gunzip(std::string_view bytes) {
  z_stream stream{};
  REQUIRE(::inflateInit2(&stream, MAX_WBITS + 16) == Z_OK);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  std::string text;
  char chunk[4096];
  int result = Z_OK;
  while (result == Z_OK && (stream.avail_in > 0 || stream.avail_out == 0)) {
    stream.next_out = reinterpret_cast<Bytef*>(chunk);
    stream.avail_out = sizeof chunk;
    result = ::inflate(&stream, Z_SYNC_FLUSH);
    text.append(chunk, sizeof chunk - stream.avail_out);
  }
  ::inflateEnd(&stream);
  return text;
}

Upstream page(size_t bytes) {
  Upstream upstream;
  upstream.pieces = {{std::string(bytes, 'x')}};
  return upstream;
}

const Fields kGzip = {{"Accept-Encoding", "gzip"}};

TEST_CASE("the weights of a client decide") {
  const auto best = [](std::string_view field) { return compression::parse_accept_encoding(field).best(); };
  CHECK(best("gzip, br") == Coding::brotli);
  CHECK(best("gzip;q=1.0, br;q=0.999") == Coding::gzip);
  CHECK(best("identity, gzip;q=0.5") == Coding::identity);
  CHECK(best("*;q=0.1, gzip;q=0") == Coding::brotli);
  CHECK(best("identity;q=0") == Coding::identity);  // nobody is sent away
  CHECK(best("br;q=1.001, gzip;q=0.5000") == Coding::identity);
  CHECK(best("gzip ; q = 0.5") == Coding::gzip);
  CHECK(best({}) == Coding::identity);
}

TEST_CASE("no field, however odd, is more than a preference") {
  std::mt19937 random(7);
  const std::string letters = "gzipbr;,=q*01. \t\"x";
  for (int round = 0; round < 20'000; ++round) {
    std::string field;
    for (size_t length = random() % 40; length > 0; --length) field += letters[random() % letters.size()];
    const auto accepted = compression::parse_accept_encoding(field);
    CHECK((accepted.brotli <= 1000 && accepted.gzip <= 1000 && accepted.identity <= 1000));
  }
}

TEST_CASE("a body comes out whole, however it was cut and flushed") {
  std::mt19937 random(11);
  for (int round = 0; round < 200; ++round) {
    Host host(*askr_plugin_v1(), {{"compress.min_size", "0"}});
    Upstream upstream;
    upstream.complete = false;
    upstream.pieces.clear();
    std::string whole;
    for (size_t count = 1 + random() % 8; count > 0; --count) {
      std::string bytes(random() % 5000, '\0');
      for (char& byte : bytes) byte = static_cast<char>('a' + random() % 4);
      whole += bytes;
      upstream.pieces.push_back({bytes, random() % 2 == 0});
    }
    const Answer answer = host.get("/", kGzip, upstream);
    CHECK(answer.header("Content-Encoding") == "gzip");
    CHECK(gunzip(answer.body) == whole);
  }
}

TEST_CASE("what was flushed can be decoded before the next piece comes") {
  Host host(*askr_plugin_v1());
  Upstream upstream;
  upstream.complete = false;
  upstream.pieces = {{"data: one\n\n", true}, {"data: two\n\n", true}, {"", false}};
  const Answer answer = host.get("/", kGzip, upstream);
  REQUIRE(answer.pieces.size() == 3);
  CHECK(gunzip(answer.pieces[0]) == "data: one\n\n");
  CHECK(gunzip(answer.pieces[0] + answer.pieces[1]) == "data: one\n\ndata: two\n\n");
}

TEST_CASE("bodies below the least size are left alone, and say nothing of coding") {
  Host host(*askr_plugin_v1());
  const Answer small = host.get("/", kGzip, page(1023));
  CHECK_FALSE(small.has("Content-Encoding"));
  CHECK_FALSE(small.has("Vary"));
  const Answer large = host.get("/", kGzip, page(1024));
  CHECK(large.header("Content-Encoding") == "gzip");
  CHECK(host.metric("askr_compress_responses_total") == 1);
  CHECK(host.metric("askr_compress_bytes_in_total") == 1024);
}

TEST_CASE("the fields of an encoded response tell caches the truth") {
  Host host(*askr_plugin_v1());
  Upstream upstream = page(5000);
  upstream.headers = {{"Content-Type", "text/plain"},
                      {"ETag", "\"v\""},
                      {"Vary", "Cookie"},
                      {"Accept-Ranges", "bytes"},
                      {"Content-Digest", "sha-256=:x:"}};
  const Answer answer = host.get("/", kGzip, upstream);
  CHECK(answer.header("ETag") == "W/\"v\"");
  CHECK(answer.header("Vary") == "Cookie, Accept-Encoding");
  CHECK_FALSE(answer.has("Accept-Ranges"));
  CHECK_FALSE(answer.has("Content-Digest"));
  CHECK(host.get("/", {}, upstream).header("ETag") == "\"v\"");
}

TEST_CASE("a static file is encoded once") {
  Host host(*askr_plugin_v1());
  Upstream file = page(5000);
  file.file = "/nowhere/style.css";
  file.headers = {{"Content-Type", "text/css"}, {"ETag", "\"1\""}};
  const Answer first = host.get("/style.css", kGzip, file);
  const Answer second = host.get("/style.css", kGzip, file);
  CHECK(first.body == second.body);
  CHECK(gunzip(second.body) == std::string(5000, 'x'));
  CHECK(host.metric("askr_compress_bytes_in_total") == 5000);
  file.headers[1].second = "\"2\"";
  host.get("/style.css", kGzip, file);
  CHECK(host.metric("askr_compress_bytes_in_total") == 10'000);
}

TEST_CASE("a body that is cut short is not remembered as that of its file") {
  Host host(*askr_plugin_v1());
  Upstream cut = page(5000);
  cut.cut_short = true;
  const Answer answer = host.get("/", kGzip, cut);
  CHECK(answer.cut_off);
}

TEST_CASE("the memory of encoded files is bounded, and keeps what is asked for") {
  compression::EncodedFiles files(1000);
  files.add("hot", std::make_shared<const std::string>(std::string(200, 'h')));
  for (int i = 0; i < 20; ++i) {
    REQUIRE(files.find("hot"));
    files.add("cold " + std::to_string(i), std::make_shared<const std::string>(std::string(200, 'c')));
    CHECK(files.bytes() <= 1000);
  }
  CHECK(files.find("hot"));
  CHECK_FALSE(files.find("cold 0"));
  files.add("huge", std::make_shared<const std::string>(std::string(500, 'x')));
  CHECK_FALSE(files.find("huge"));
}

TEST_CASE("types with parameters, odd case and structured suffixes are recognised") {
  CHECK(compression::is_compressible("Text/HTML; charset=utf-8", {}));
  CHECK(compression::is_compressible("application/vnd.api+json", {}));
  CHECK_FALSE(compression::is_compressible("image/png", {}));
  CHECK_FALSE(compression::is_compressible("", {}));
  CHECK(compression::is_compressible("application/x-mine ;v=1", {"application/x-mine"}));
}

// ---------------------------------------------------------------- large bodies

int64_t processor_time() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return time.tv_sec * INT64_C(1'000'000'000) + time.tv_nsec;
}

// What a megabyte of text is.
std::string prose(size_t bytes) {
  std::mt19937 random(3);
  std::string text;
  while (text.size() < bytes) text += "word" + std::to_string(random() % 5000) + (random() % 12 == 0 ? ".\n" : " ");
  text.resize(bytes);
  return text;
}

TEST_CASE("a large body is encoded in as many steps as it has slices") {
  Host host(*askr_plugin_v1(), {});
  const std::string text = prose(1 << 20);
  Upstream upstream;
  upstream.pieces = {{text}};
  for (const char* coding : {"gzip", "br"}) {
    const unsigned before = host.steps();
    const Answer answer = host.get("/", {{"Accept-Encoding", coding}}, upstream);
    CHECK(answer.header("Content-Encoding") == coding);
    CHECK(host.steps() - before == (1U << 20) / compression::kSlice);
    if (std::string(coding) == "gzip") CHECK(gunzip(answer.body) == text);
  }
}

TEST_CASE("a static file is encoded once, however large") {
  Host host(*askr_plugin_v1(), {});
  const std::string text = prose(500'000);
  Upstream upstream;
  upstream.file = "/nowhere/app.js";
  upstream.headers = {{"Content-Type", "text/javascript"}, {"ETag", "\"1\""}};
  upstream.pieces = {{text}};
  const Answer first = host.get("/app.js", kGzip, upstream);
  const unsigned steps = host.steps();
  CHECK(steps > 1);
  const Answer second = host.get("/app.js", kGzip, upstream);
  CHECK(host.steps() == steps);
  CHECK(first.body == second.body);
  CHECK(gunzip(first.body) == text);
  upstream.headers[1].second = "\"2\"";  // another version
  host.get("/app.js", kGzip, upstream);
  CHECK(host.steps() == 2 * steps);
}

// The loop of Jobs, by hand.
struct Work {
  compression::Jobs jobs{[this](int32_t (*step)(void*), void* context) {
    steps.emplace_back(step, context);
    return steps.size();
  }};
  std::vector<std::pair<int32_t (*)(void*), void*>> steps;

  // How many steps it took until nothing was left.
  unsigned run() {
    unsigned count = 0;
    while (!steps.empty()) {
      const auto [step, context] = steps.back();
      ++count;
      if (step(context) == 0) steps.pop_back();
    }
    return count;
  }
};

TEST_CASE("work on equal bytes is done once, on others apart") {
  Work work;
  const std::string text = prose(5 * compression::kSlice);
  std::string other = text;
  other.back() ^= 1;  // of the same size
  std::vector<std::string> done;
  const auto take = [&done](const auto& encoded) { done.push_back(gunzip(*encoded)); };
  work.jobs.start(Coding::gzip, {}, text, take);
  work.jobs.start(Coding::gzip, {}, text, take);
  CHECK(work.steps.size() == 1);
  work.jobs.start(Coding::gzip, {}, other, take);
  CHECK(work.steps.size() == 2);
  work.jobs.start(Coding::brotli, {}, text, [](const auto& encoded) { CHECK(encoded->size() > 0); });
  CHECK(work.steps.size() == 3);
  CHECK(done.empty());
  CHECK(work.run() == 15);
  std::sort(done.begin(), done.end());
  std::vector<std::string> wanted = {text, text, other};
  std::sort(wanted.begin(), wanted.end());
  CHECK(done == wanted);
}

TEST_CASE("a job goes on for those who stay, and ends when nobody does") {
  Work work;
  const std::string text = prose(5 * compression::kSlice);
  unsigned done = 0;
  const auto count = [&done](const auto& encoded) { done += encoded ? 1 : 100; };
  const uint64_t first = work.jobs.start(Coding::gzip, {}, text, count);
  const uint64_t second = work.jobs.start(Coding::gzip, {}, text, count);
  CHECK(first != 0);
  CHECK(second != first);
  work.jobs.cancel(first);
  CHECK(work.run() == 5);
  CHECK(done == 1);
  const uint64_t third = work.jobs.start(Coding::gzip, {}, text, count);
  work.jobs.cancel(third);
  CHECK(work.run() == 1);
  CHECK(done == 1);
}

TEST_CASE("what is small is done at once") {
  Work work;
  const std::string text = prose(compression::Jobs::kAtOnce + 1);
  unsigned done = 0;
  const auto count = [&done](const auto& encoded) { done += encoded ? 1 : 100; };
  const std::string_view small = std::string_view(text).substr(1);
  CHECK(work.jobs.start(Coding::gzip, {}, small, count) == 0);
  CHECK(done == 1);
  CHECK(work.jobs.start(Coding::gzip, {}, text, count) != 0);
  CHECK(done == 1);
  CHECK(work.run() == 3);
  CHECK(done == 2);
}

TEST_CASE("no step of an encoder takes long") {
  const std::string text = prose(1 << 20);
  for (const Coding coding : {Coding::gzip, Coding::brotli}) {
    const auto encoder = compression::make_encoder(coding, {}, text.size());
    std::string out;
    std::vector<int64_t> steps;
    for (size_t at = 0; at < text.size(); at += compression::kSlice) {
      const int64_t begun = processor_time();
      REQUIRE(encoder->write(std::string_view(text).substr(at, compression::kSlice), compression::Step::more, out));
      steps.push_back(processor_time() - begun);
    }
    std::sort(steps.begin(), steps.end());
    CHECK(steps[steps.size() / 2] < 2'000'000);       // usually
    CHECK(steps[steps.size() * 9 / 10] < 5'000'000);  // with others on the machine
  }
}

}  // namespace
