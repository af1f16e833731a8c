// The file that keeps the responses over a restart: all of it or nothing, and never anything else.
#include "persist.hpp"

#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>

#include "askr/testing.hpp"
#include "clock.hpp"
#include "fields.hpp"
#include "hash.hpp"
#include "many_processes.hpp"

namespace {

using cache::FoundResponse;
using cache::ResponseStore;
using cache::Stored;

constexpr uint64_t kSlots = 16;
const cache::VaryTest kAnyVary{[](const void*, std::string_view) { return true; }, nullptr};

struct Store {
  Store() : memory(ResponseStore::bytes(kSlots)) {
    ResponseStore::format(memory.get(), kSlots, kShm, 1);
    store.emplace(memory.get(), kSlots, kShm, 0);
    store->take_over(1);
  }
  void put(std::string_view key, std::string_view body, int64_t seconds) {
    std::string fields;
    cache::append_field(fields, "Content-Type", "text/plain");
    const int64_t now = cache::coarse_now();
    unsigned evicted = 0;
    REQUIRE(store->store(store->hash(key),
                         {.key = key,
                          .tags = {7},
                          .head = fields,
                          .body = body,
                          .flags = cache::kCompressible,
                          .born = store->tags().now(),
                          .began = store->writes().now(),
                          .stored = now,
                          .fresh_until = now + seconds * cache::kSecond},
                         now, evicted) == Stored::yes);
  }
  FoundResponse find(std::string_view key) { return store->find(store->hash(key), key, 0, kAnyVary); }
  SharedMemory memory;
  std::optional<ResponseStore> store;
};

struct Folder {
  Folder() {
    char name[] = "/tmp/askr-persist-XXXXXX";
    REQUIRE(::mkdtemp(name) != nullptr);
    path = name;
  }
  ~Folder() { std::filesystem::remove_all(path); }
  [[nodiscard]] std::string file() const { return path / "responses"; }
  std::filesystem::path path;
};

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void write_file(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

TEST_CASE("responses come back from their file as they were, and the file is gone") {
  const askr::testing::Host host(*askr_plugin_v1(), {{"cache.slots", "1"}});
  const Folder folder;
  const std::string body = sealed(1, 40'000);
  {
    Store store;
    store.put("a", body, 60);
    store.put("b", "", 60);
    cache::save(*store.store, folder.file());
  }
  struct stat status {};
  REQUIRE(::stat(folder.file().c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0600);
  CHECK_FALSE(std::filesystem::exists(folder.file() + ".new"));
  Store store;
  cache::restore(*store.store, folder.file());
  CHECK(host.logged("restored 2 responses"));
  REQUIRE(store.find("a"));
  CHECK(store.find("a").body() == body);
  CHECK(store.find("a").tags() == std::vector<uint32_t>{7});
  CHECK(store.find("a").head().find("text/plain") != std::string_view::npos);
  CHECK(store.find("a").entry().flags == cache::kCompressible);
  const int64_t left = store.find("a").entry().fresh_until - cache::coarse_now();
  CHECK(left > 50 * cache::kSecond);
  CHECK(left <= 61 * cache::kSecond);
  REQUIRE(store.find("b"));
  CHECK(store.find("b").body().empty());
  CHECK_FALSE(std::filesystem::exists(folder.file()));
}

TEST_CASE("a file that is not whole gives nothing, wherever it is damaged") {
  const askr::testing::Host host(*askr_plugin_v1(), {{"cache.slots", "1"}});
  const Folder folder;
  {
    Store store;
    store.put("a", sealed(1, 300), 60);
    store.put("b", sealed(2, 300), 60);
    cache::save(*store.store, folder.file());
  }
  const std::string whole = read_file(folder.file());
  REQUIRE(whole.size() > 600);
  const auto gives_nothing = [&](const std::string& bytes) {
    write_file(folder.file(), bytes);
    Store store;
    cache::restore(*store.store, folder.file());
    return !store.find("a") && !store.find("b") && store.store->stats(cache::coarse_now()).responses == 0 &&
           host.logged("it begins empty") && !std::filesystem::exists(folder.file());
  };
  for (size_t at = 0; at < whole.size(); at += at < 200 ? 1 : 7) {
    CAPTURE(at);
    std::string flipped = whole;
    flipped[at] = static_cast<char>(flipped[at] ^ 0x10);
    REQUIRE(gives_nothing(flipped));
    REQUIRE(gives_nothing(whole.substr(0, at)));
  }
  CHECK(gives_nothing(whole + "x"));
  CHECK(gives_nothing(whole + whole));
  std::mt19937 random(1);
  for (const size_t size : {1UL, 16UL, 24UL, 25UL, 96UL, 1000UL, 100'000UL}) {
    std::string noise(size, '\0');
    for (char& byte : noise) byte = static_cast<char>(random());
    CHECK(gives_nothing(noise));
  }
  // One byte of the file after the other was changed; unchanged, it is good.
  write_file(folder.file(), whole);
  Store store;
  cache::restore(*store.store, folder.file());
  CHECK(store.find("a"));
}

// A file with a sum that fits, whatever is in it.
std::string with_sum(const std::vector<std::string>& pieces) {
  std::string bytes;
  uint64_t sum = 16;
  for (const std::string& piece : pieces) {
    bytes += piece;
    if (!piece.empty()) sum = cache::mix(sum ^ cache::hash_of(piece), 0xd6e8feb86659fd93ULL);
  }
  return bytes + std::string(reinterpret_cast<const char*>(&sum), sizeof sum);
}

struct Record {
  uint32_t key_size = 1, vary_size = 0, tag_count = 0, head_size = 0, flags = 0, reserved = 0;
  uint64_t body_size = 4;
  int64_t stored = 0, fresh_until = 0, stale_until = 0, error_until = 0;
};

std::string bytes_of(const Record& record) {
  return {reinterpret_cast<const char*>(&record), sizeof record};
}

TEST_CASE("a file that is whole and makes no sense gives nothing either") {
  const askr::testing::Host host(*askr_plugin_v1(), {{"cache.slots", "1"}});
  const Folder folder;
  const std::string magic("askr-cache/1\n\0\0\0", 16);
  const int64_t later = cache::wall_now() + 60 * cache::kSecond;
  const auto responses_of = [&](const std::string& bytes) {
    write_file(folder.file(), bytes);
    Store store;
    cache::restore(*store.store, folder.file());
    return store.store->stats(cache::coarse_now()).responses;
  };
  const Record good{.fresh_until = later};
  CHECK(responses_of(with_sum({magic, bytes_of(good), "k", "", "", "", "body"})) == 1);
  CHECK(responses_of(with_sum({magic})) == 0);
  const Record no_key{.key_size = 0, .fresh_until = later};
  const Record other_fields{.head_size = 3, .fresh_until = later};
  const Record no_time{.stored = INT64_MIN, .fresh_until = later};
  const Record many_tags{.tag_count = UINT32_MAX, .fresh_until = later};
  const Record large{.body_size = UINT64_MAX, .fresh_until = later};
  const Record over{.fresh_until = later - 61 * cache::kSecond};
  CHECK(responses_of(with_sum({magic, bytes_of(no_key), "", "", "", "", "body"})) == 0);
  CHECK(responses_of(with_sum({magic, bytes_of(other_fields), "k", "", "", "abc", "body"})) == 0);
  CHECK(responses_of(with_sum({magic, bytes_of(good), "k", "", "", "", "body", bytes_of(no_time), "l", "body"})) == 0);
  CHECK(responses_of(with_sum({magic, bytes_of(many_tags), "k", "", "", "", "body"})) == 0);
  CHECK(responses_of(with_sum({magic, bytes_of(large), "k", "", "", "", "body"})) == 0);
  CHECK(responses_of(with_sum({magic, bytes_of(over), "k", "", "", "", "body"})) == 0);
  CHECK(responses_of(with_sum({"askr-cache/2\n", bytes_of(good), "k", "", "", "", "body"})) == 0);
}

TEST_CASE("what is no file is not read, and where none can be written the log says so") {
  const askr::testing::Host host(*askr_plugin_v1(), {{"cache.slots", "1"}});
  const Folder folder;
  Store store;
  cache::restore(*store.store, folder.file());
  CHECK(host.log().empty());
  REQUIRE(::mkfifo(folder.file().c_str(), 0600) == 0);
  cache::restore(*store.store, folder.file());  // and nobody waits
  CHECK(host.logged("it begins empty"));
  write_file(folder.path / "elsewhere", "x");
  std::filesystem::create_symlink(folder.path / "elsewhere", folder.file());
  cache::restore(*store.store, folder.file());
  CHECK(read_file(folder.path / "elsewhere") == "x");
  std::filesystem::create_symlink(folder.path / "elsewhere", folder.file() + ".new");
  store.put("a", "a", 60);
  cache::save(*store.store, folder.file());
  CHECK(read_file(folder.path / "elsewhere") == "x");
  CHECK(host.logged("saved 1 responses"));
  cache::save(*store.store, folder.path / "no" / "folder");
  CHECK(host.logged("cannot save the responses"));
}

}  // namespace
