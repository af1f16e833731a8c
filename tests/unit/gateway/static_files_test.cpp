#include "gateway/static_files.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <catch2/catch.hpp>

#include "base/clock.hpp"
#include "folder.hpp"
#include "gateway/file_cache.hpp"
#include "gateway/target.hpp"

using askr::gateway::DocumentRoot;
using askr::gateway::StaticFiles;
using askr::http::Header;
using askr::http::Method;
using askr::pipeline::Transaction;
using askr::pipeline::Verdict;
using askr::test::Folder;

namespace {

std::string body_of(const Transaction& transaction) {
  std::string text;
  for (const auto& part : transaction.body) {
    if (part.file == nullptr) {
      text += part.bytes;
      continue;
    }
    std::string piece(part.length, '\0');
    REQUIRE(::pread(part.file->get(), piece.data(), piece.size(), static_cast<off_t>(part.offset)) ==
            static_cast<ssize_t>(piece.size()));
    text += piece;
  }
  return text;
}

// Dates the file back, so that it counts as settled.
void settle(const std::string& file, int64_t modified = 1'600'000'000) {
  const timespec times[2] = {{modified, 0}, {modified, 0}};
  REQUIRE(::utimensat(AT_FDCWD, file.c_str(), times, 0) == 0);
}

struct Site {
  Folder folder;
  DocumentRoot root;
  StaticFiles files;
  Transaction transaction;
  int64_t now = 0;

  Site() {
    root.path = folder.path();
    root.worker_mode = true;
  }
  int ask(std::string_view path, std::vector<Header> fields = {}, Method method = Method::get) {
    transaction.clear();
    transaction.times.accepted = now;
    transaction.head.method = method;
    transaction.head.raw_path = path.substr(0, path.find('?'));
    if (path.find('?') != std::string_view::npos) transaction.head.query = path.substr(path.find('?') + 1);
    transaction.head.headers = std::move(fields);
    resolve_target(root, transaction);
    return files.answer(transaction) == Verdict::done ? transaction.response.status : 0;
  }
  [[nodiscard]] std::string field(std::string_view name) const {
    return std::string(transaction.response.headers.find(name));
  }
  [[nodiscard]] std::string body() const { return body_of(transaction); }
};

const std::string kDigits = "0123456789";

}  // namespace

TEST_CASE("a file is sent with its type, tag and date") {
  Site site;
  settle(site.folder.write("a.css", "body {}"));
  REQUIRE(site.ask("/a.css") == 200);
  CHECK(site.body() == "body {}");
  CHECK(site.field("Content-Type") == "text/css; charset=utf-8");
  CHECK(site.field("Last-Modified") == "Sun, 13 Sep 2020 12:26:40 GMT");
  CHECK(site.field("Accept-Ranges") == "bytes");
  CHECK(site.field("ETag").front() == '"');
  CHECK(site.field("ETag").back() == '"');
}

TEST_CASE("paths that lead to no file are left to others") {
  Site site;
  site.folder.write(".env", "secret");
  CHECK(site.ask("/") == 0);
  CHECK(site.ask("/.env") == 0);
  CHECK(site.ask("/missing") == 0);
}

TEST_CASE("an empty file has an empty body") {
  Site site;
  site.folder.write("empty.txt");
  CHECK(site.ask("/empty.txt") == 200);
  CHECK(site.body().empty());
  CHECK(site.ask("/empty.txt", {{"Range", "bytes=0-"}}) == 200);
  CHECK(site.ask("/empty.txt", {{"Range", "bytes=1-"}}) == 416);
  CHECK(site.field("Content-Range") == "bytes */0");
}

TEST_CASE("HEAD gets the same head") {
  Site site;
  site.folder.write("a.txt", kDigits);
  REQUIRE(site.ask("/a.txt") == 200);
  const std::string tag = site.field("ETag");
  REQUIRE(site.ask("/a.txt", {{"Range", "bytes=0-1"}}, Method::head) == 200);
  CHECK(site.field("ETag") == tag);
  CHECK(site.transaction.body.front().length == 10);
}

TEST_CASE("other methods are not allowed on files") {
  Site site;
  site.folder.write("a.txt", kDigits);
  for (const Method method : {Method::post, Method::put, Method::delete_, Method::options, Method::other}) {
    CHECK(site.ask("/a.txt", {}, method) == 405);
    CHECK(site.field("Allow") == "GET, HEAD");
  }
}

TEST_CASE("a client that has the file is told so") {
  Site site;
  settle(site.folder.write("a.txt", kDigits));
  REQUIRE(site.ask("/a.txt") == 200);
  const std::string tag = site.field("ETag");
  CHECK(site.ask("/a.txt", {{"If-None-Match", tag}}) == 304);
  CHECK(site.field("ETag") == tag);
  CHECK(site.transaction.body.empty());
  CHECK(site.field("Content-Type").empty());
  CHECK(site.ask("/a.txt", {{"If-Modified-Since", "Sun, 13 Sep 2020 12:26:40 GMT"}}) == 304);
  CHECK(site.ask("/a.txt", {{"If-None-Match", tag}, {"Range", "bytes=0-1"}}) == 304);
  CHECK(site.ask("/a.txt", {{"If-Match", "\"other\""}}) == 412);
  CHECK(site.ask("/a.txt", {{"If-None-Match", "\"other\""}}) == 200);
}

TEST_CASE("one range is answered with it alone") {
  Site site;
  settle(site.folder.write("a.txt", kDigits));
  REQUIRE(site.ask("/a.txt", {{"Range", "bytes=2-4"}}) == 206);
  CHECK(site.body() == "234");
  CHECK(site.field("Content-Range") == "bytes 2-4/10");
  CHECK(site.field("Content-Type") == "text/plain; charset=utf-8");
  REQUIRE(site.ask("/a.txt", {{"Range", "bytes=-3"}}) == 206);
  CHECK(site.body() == "789");
  CHECK(site.ask("/a.txt", {{"Range", "bytes=10-"}}) == 416);
  CHECK(site.field("Content-Range") == "bytes */10");
  CHECK(site.ask("/a.txt", {{"Range", "pages=1-2"}}) == 200);
}

TEST_CASE("a range of something that has changed is the whole") {
  Site site;
  settle(site.folder.write("a.txt", kDigits));
  REQUIRE(site.ask("/a.txt") == 200);
  const std::string tag = site.field("ETag");
  CHECK(site.ask("/a.txt", {{"Range", "bytes=2-4"}, {"If-Range", tag}}) == 206);
  CHECK(site.ask("/a.txt", {{"Range", "bytes=2-4"}, {"If-Range", "\"other\""}}) == 200);
  CHECK(site.body() == kDigits);
  CHECK(site.ask("/a.txt", {{"Range", "bytes=2-4"}, {"If-Range", "Sun, 13 Sep 2020 12:26:40 GMT"}}) == 206);
  CHECK(site.ask("/a.txt", {{"Range", "bytes=20-"}, {"If-Range", "\"other\""}}) == 200);
}

TEST_CASE("several ranges come as parts") {
  Site site;
  const std::string text = kDigits + std::string(1000, '-') + kDigits;
  site.folder.write("a.txt", text);
  REQUIRE(site.ask("/a.txt", {{"Range", "bytes=1-2,-1"}}) == 206);
  const std::string type = site.field("Content-Type");
  const std::string prefix = "multipart/byteranges; boundary=";
  REQUIRE(type.starts_with(prefix));
  const std::string boundary = type.substr(prefix.size());
  CHECK(boundary.size() > 32);
  CHECK(site.field("Content-Range").empty());
  CHECK(site.body() ==
        "\r\n--" + boundary + "\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Range: bytes 1-2/1020\r\n\r\n12" +
            "\r\n--" + boundary +
            "\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Range: bytes 1019-1019/1020\r\n\r\n9" + "\r\n--" +
            boundary + "--\r\n");
}

TEST_CASE("a folder without its slash is redirected to itself and nowhere else") {
  Site site;
  site.folder.write("my docs/index.html", "x");
  REQUIRE(site.ask("//my%20docs?a=1&b") == 301);
  CHECK(site.field("Location") == "/my%20docs/?a=1&b");
}

TEST_CASE("a file that changes is sent as it is now") {
  Site site;
  const size_t size = GENERATE(size_t{100}, size_t{askr::gateway::FileCache::kSmallFile} + 1);
  const std::string file = site.folder.write("a.txt", std::string(size, 'a'));
  REQUIRE(site.ask("/a.txt") == 200);
  const std::string tag = site.field("ETag");
  CHECK(site.body() == std::string(size, 'a'));
  SECTION("rewritten in place, same size") {
    site.folder.write("a.txt", std::string(size, 'b'));
  }
  SECTION("replaced") {
    site.folder.write("new.txt", std::string(size, 'b'));
    std::filesystem::rename(site.folder.at("new.txt"), file);
  }
  REQUIRE(site.ask("/a.txt") == 200);
  CHECK(site.body() == std::string(size, 'b'));
  site.folder.write("a.txt", "short");
  REQUIRE(site.ask("/a.txt") == 200);
  CHECK(site.body() == "short");
  CHECK(site.field("ETag") != tag);
}

TEST_CASE("a response keeps its bytes when the cache is cleared") {
  Site site;
  settle(site.folder.write("small.txt", kDigits));
  settle(site.folder.write("large.txt", std::string(100'000, 'x')));
  REQUIRE(site.ask("/small.txt") == 200);
  const auto small = site.transaction.body;
  REQUIRE(site.ask("/large.txt") == 200);
  const auto large = site.transaction.body;
  CHECK(large.front().file != nullptr);
  site.files.clear_cache();
  CHECK(small.front().bytes == kDigits);
  CHECK(::fcntl(large.front().file->get(), F_GETFD) >= 0);
}

TEST_CASE("a file that nobody asks for any more is closed") {
  using askr::gateway::FileCache;
  Site site;
  askr::gateway::Timers timers;
  site.files.age_with(timers);
  for (const char* name : {"removed", "popular"}) site.folder.write(name, std::string(FileCache::kSmallFile + 1, 'x'));
  const auto file_of = [&site](const char* path) {
    REQUIRE(site.ask(path) == 200);
    std::weak_ptr<const askr::UniqueFd> file = site.transaction.body.front().file;
    site.transaction.clear();
    return file;
  };
  CHECK(file_of("/popular").expired());
  CHECK(timers.until_next(0) < 0);  // too fresh to be kept

  ::usleep(2'300'000);
  site.now = askr::monotonic_now() - FileCache::kKeptUnused;
  const auto removed = file_of("/removed");
  const auto popular = file_of("/popular");
  std::filesystem::remove(site.folder.at("removed"));
  site.now = askr::monotonic_now();
  file_of("/popular");
  CHECK_FALSE(removed.expired());
  timers.expire(askr::monotonic_now());
  CHECK(removed.expired());
  CHECK_FALSE(popular.expired());
  CHECK(timers.until_next(site.now) == FileCache::kKeptUnused);
}

TEST_CASE("a file that has vanished since it was looked at is not found") {
  Site site;
  const std::string file = site.folder.write("a.txt", kDigits);
  site.transaction.head.method = Method::get;
  site.transaction.head.raw_path = "/a.txt";
  resolve_target(site.root, site.transaction);
  std::filesystem::remove(file);
  CHECK(site.files.answer(site.transaction) == Verdict::done);
  CHECK(site.transaction.response.status == 404);

  // Not even a FIFO in its place holds us up.
  REQUIRE(::mkfifo(file.c_str(), 0600) == 0);
  CHECK(site.files.answer(site.transaction) == Verdict::done);
  CHECK(site.transaction.response.status == 404);
}

TEST_CASE("the file cache keeps what is settled and no more than it may") {
  using askr::gateway::FileCache;
  const Folder folder;
  FileCache cache;
  const auto open = [&cache](const std::string& file) {
    struct stat status {};
    REQUIRE(::stat(file.c_str(), &status) == 0);
    return cache.open(file, status, 0).file;
  };
  const std::string fresh = folder.write("fresh", "x");
  CHECK(open(fresh) != open(fresh));

  // ctime cannot be dated back, so the files have to grow old.
  std::vector<std::string> files;
  for (size_t i = 0; i < FileCache::kMaxFiles + 10; ++i) {
    files.push_back(folder.write("large" + std::to_string(i), std::string(FileCache::kSmallFile + 1, 'x')));
  }
  const std::string small = folder.write("small", "x");
  ::usleep(2'300'000);
  const auto kept = open(small);
  CHECK(open(small) == kept);
  std::vector<std::weak_ptr<const askr::gateway::OpenFile>> opened;
  for (const std::string& file : files) opened.push_back(open(file));
  CHECK(opened.front().expired());
  CHECK_FALSE(opened.back().expired());
  CHECK(std::count_if(opened.begin(), opened.end(), [](const auto& each) { return !each.expired(); }) ==
        static_cast<long>(FileCache::kMaxFiles));
  CHECK(open(small) == kept);

  // Settled and kept, then changed to something that looks the same but for its time of change.
  settle(small);
  const auto older = open(small);
  CHECK(older != kept);
  folder.write("small", "y");
  settle(small);
  CHECK(*open(small)->bytes == "y");
  CHECK(open(small)->etag != older->etag);
  const std::string untouched = files.back();
  CHECK(open(untouched) == opened.back().lock());
  std::filesystem::rename(files.front(), untouched);
  CHECK(open(untouched) != opened.back().lock());
  cache.clear();
  CHECK(opened.back().expired());

  open(files[1]);
  CHECK(cache.forget_unused(FileCache::kKeptUnused - 1) == FileCache::kKeptUnused);
  CHECK(cache.forget_unused(FileCache::kKeptUnused) == 0);
}
