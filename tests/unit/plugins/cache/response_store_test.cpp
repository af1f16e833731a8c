// Stored responses: found as they were, invalidated at once, evicted in the right order, and safe from any death.
#include "response_store.hpp"

#include <cstdlib>
#include <map>
#include <optional>

#include "many_processes.hpp"

namespace {

using cache::FoundResponse;
using cache::NewResponse;
using cache::ResponseStore;
using cache::Stored;
using cache::TagClock;

constexpr int64_t kNow = 1'000'000'000;
constexpr int64_t kLater = kNow + 60'000'000'000;
const cache::VaryTest kAnyVary{[](const void*, std::string_view) { return true; }, nullptr};

struct Store {
  explicit Store(uint64_t slots_in = 100)
      : slots(slots_in), memory(ResponseStore::bytes(slots)), message_memory(sizeof(cache::Messages)) {
    ResponseStore::format(memory.get(), slots, kShm, 1);
    store.emplace(memory.get(), slots, kShm, 0, &messages());
    store->take_over(8);
  }
  ResponseStore* operator->() { return &*store; }

  Stored put(std::string_view key, std::string_view body, NewResponse more = {}) {
    more.key = key;
    more.body = body;
    if (more.fresh_until == 0) more.fresh_until = kLater;
    return store->store(store->hash(key), more, kNow, evicted);
  }
  FoundResponse find(std::string_view key, uint32_t coding = 0) {
    return store->find(store->hash(key), key, coding, kAnyVary);
  }
  std::optional<std::string> body(std::string_view key, uint32_t coding = 0) {
    const FoundResponse found = find(key, coding);
    return found ? std::optional(found.body()) : std::nullopt;
  }
  [[nodiscard]] cache::Messages& messages() const { return *static_cast<cache::Messages*>(message_memory.get()); }
  uint64_t slots;
  SharedMemory memory, message_memory;
  std::optional<ResponseStore> store;
  unsigned evicted = 0;
};

TEST_CASE("a response is found as it was stored, until something takes its place") {
  Store store;
  CHECK_FALSE(store.find("a"));
  CHECK(store.put("a", "one", {.head = "fields"}) == Stored::yes);
  CHECK(store.body("a") == "one");
  CHECK(store.find("a").head() == "fields");
  CHECK(store.put("a", "two") == Stored::yes);
  CHECK(store.body("a") == "two");
  CHECK(store->stats(kNow).responses == 1);
  CHECK(store->stats(kLater).responses == 0);
  CHECK(store.put("b", "stale", {.fresh_until = kNow + 1, .stale_until = kNow + 5, .error_until = kNow + 9}) ==
        Stored::yes);
  CHECK(store->stats(kNow + 8).responses == 2);
  CHECK(store->stats(kNow + 9).responses == 1);
  store->forget(store->hash("a"), "a");
  CHECK_FALSE(store.find("a"));
  CHECK(store->check() == "");
}

TEST_CASE("bodies of every size come back, and what is too large is refused") {
  Store store;
  for (const size_t size : {0UL, 1UL, 16'000UL, 16'384UL, 16'385UL, 40'000UL, 2'000'000UL}) {
    const std::string body = sealed(size, size);
    REQUIRE(store.put("key " + std::to_string(size), body, {.head = std::string_view("some fields")}) == Stored::yes);
    CHECK(store.body("key " + std::to_string(size)) == body);
  }
  CHECK(store.put("large", std::string(8'000'000, 'x')) == Stored::too_large);
  const std::string fields(17'000, 'f');
  CHECK(store.put("head", "x", {.head = fields}) == Stored::too_large);
  CHECK(store->check() == "");
}

TEST_CASE("a tag takes what was born before, and nothing else") {
  Store store;
  const std::vector<uint32_t> posts{TagClock::index_of("posts"), TagClock::index_of("home")};
  CHECK(store.put("a", "a", {.tags = posts, .born = store->tags().now()}) == Stored::yes);
  CHECK(store.put("b", "b", {.tags = {TagClock::index_of("other")}, .born = store->tags().now()}) == Stored::yes);
  const uint64_t before = store->tags().now();
  store->tags().forget("posts");
  CHECK_FALSE(store.find("a"));
  CHECK(store.find("b"));
  CHECK(store.put("a", "late", {.tags = posts, .born = before}) == Stored::dead);
  CHECK(store.put("a", "new", {.tags = posts, .born = store->tags().now()}) == Stored::yes);
  CHECK(store.body("a") == "new");
  store->tags().flush();
  CHECK_FALSE(store.find("a"));
  CHECK_FALSE(store.find("b"));
  CHECK(store->check() == "");
}

TEST_CASE("codings belong to the response that they were made of") {
  Store store;
  CHECK(store.put("a", "plain") == Stored::yes);
  const uint64_t version = store.find("a").entry().version;
  CHECK(store.put("a", "gzipped", {.coding = 1, .version = version}) == Stored::yes);
  CHECK(store.body("a", 1) == "gzipped");
  CHECK(store.body("a", 2) == "plain");
  CHECK(store.put("a", "new") == Stored::yes);
  CHECK(store.body("a", 1) == "new");
  CHECK(store.put("a", "late", {.coding = 1, .version = version}) == Stored::dead);
  CHECK(store.body("a", 1) == "new");
  CHECK(store->check() == "");
}

TEST_CASE("variants live side by side") {
  Store store;
  const auto wants = [](const void* context, std::string_view vary) {
    return vary == *static_cast<const std::string_view*>(context);
  };
  CHECK(store.put("a", "German", {.vary = "de"}) == Stored::yes);
  CHECK(store.put("a", "French", {.vary = "fr"}) == Stored::yes);
  CHECK(store.put("a", "Deutsch", {.vary = "de"}) == Stored::yes);
  for (const auto& [language, body] : std::map<std::string_view, std::string>{{"de", "Deutsch"}, {"fr", "French"}}) {
    const FoundResponse found = store->find(store->hash("a"), "a", 0, {wants, &language});
    REQUIRE(found);
    CHECK(found.body() == body);
  }
  store->forget(store->hash("a"), "a");
  CHECK_FALSE(store.find("a"));
}

TEST_CASE("what is held keeps its bytes, whatever happens to it") {
  Store store(16);
  const std::string body = sealed(1, 60'000);
  REQUIRE(store.put("held", body) == Stored::yes);
  void* held = nullptr;
  std::vector<std::string_view> pieces;
  {
    const FoundResponse found = store.find("held");
    held = found.hold();
    found.for_each_piece([&](std::string_view piece) { pieces.push_back(piece); });
  }
  REQUIRE(store.put("held", "new") == Stored::yes);
  for (int i = 0; i < 500; ++i) store.put("other " + std::to_string(i), sealed(i, 50'000));
  std::string seen;
  for (const std::string_view piece : pieces) seen.append(piece);
  CHECK(seen == body);
  const uint64_t before = store->stats(kNow).bytes;
  ResponseStore::release_held(held);
  CHECK(store->stats(kNow).bytes < before);
  CHECK(store->check() == "");
}

TEST_CASE("a gateway that died holds nothing any more") {
  Store store(16);
  REQUIRE(store.put("held", sealed(1, 60'000)) == Stored::yes);
  ResponseStore other(store.memory.get(), store.slots, kShm, 3);
  (void)other.find(other.hash("held"), "held", 0, kAnyVary).hold();  // and never lets go
  store->forget(store->hash("held"), "held");
  CHECK(store->stats(kNow).bytes > 0);
  ResponseStore successor(store.memory.get(), store.slots, kShm, 3);
  successor.take_over(8);
  CHECK(store->stats(kNow).bytes == 0);
  CHECK(store->check() == "");
}

TEST_CASE("a scan of pages that are asked for once does not push out those that are asked for again") {
  Store store(100);
  const std::string body(30'000, 'x');
  for (int i = 0; i < 20; ++i) store.put("hot " + std::to_string(i), body);
  unsigned lost = 0;
  for (int i = 0; i < 5000; ++i) {
    store.put("scan " + std::to_string(i), body);
    const std::string hot = "hot " + std::to_string(i % 20);
    if (store.find(hot)) continue;
    ++lost;
    store.put(hot, body);
  }
  CHECK(lost <= 20);  // each at most once, before anybody knows that it is hot
  CHECK(store.evicted > 4000);
  CHECK(store->check() == "");
}

// ---------------------------------------------------------------- many processes

// A gateway that finds, stores, forgets and holds on; exits when it reads a torn body.
[[noreturn]] void torture(void* memory, uint64_t slots, uint32_t gateway, unsigned seed) {
  ResponseStore store(memory, slots, kShm, gateway);
  store.take_over(8);
  std::mt19937 random(seed);
  std::vector<void*> held;
  unsigned evicted = 0;
  for (;;) {
    const std::string key = "key " + std::to_string(random() % 60);
    const uint64_t hash = store.hash(key);
    switch (random() % 16) {
      case 0:
      case 1:
      case 2: {
        const std::string body = sealed(random(), random() % 10 == 0 ? 200'000 : random() % 40'000);
        store.store(hash,
                    {.key = key,
                     .vary = "",
                     .tags = {static_cast<uint32_t>(random() % 5)},
                     .head = "head",
                     .body = body,
                     .born = store.tags().now(),
                     .fresh_until = kLater},
                    kNow, evicted);
        break;
      }
      case 3:
        store.forget(hash, key);
        break;
      case 4:
        if (random() % 20 == 0) store.tags().forget("tag");
        break;
      default: {
        const FoundResponse found = store.find(hash, key, 0, kAnyVary);
        if (!found) break;
        if (!is_whole(found.body()) || found.head() != "head") ::_exit(1);
        if (random() % 30 == 0) held.push_back(found.hold());
        if (held.size() > 5) {
          ResponseStore::release_held(held.front());
          held.erase(held.begin());
        }
      }
    }
  }
}

TEST_CASE("eight gateways on the same pages, some of them killed: no torn body, no lost block") {
  Store store(40);
  kill_at_random([&](size_t number, unsigned seed) {
    torture(store.memory.get(), store.slots, static_cast<uint32_t>(number), seed);
  });
  for (uint32_t gateway = 0; gateway < 8; ++gateway)
    ResponseStore(store.memory.get(), store.slots, kShm, gateway).take_over(8);
  CHECK(store->check() == "");
  CHECK(store->stats(kNow).stores > 1000);
  store->tags().flush();
  for (int i = 0; i < 200; ++i)
    store.put("after " + std::to_string(i), std::string(20'000, 'x'), {.born = store->tags().now()});
  CHECK(store.body("after 199").value_or("").size() == 20'000);
  CHECK(store->check() == "");
}

TEST_CASE("lists that were left half done are made anew of what is there") {
  Store store;
  for (int i = 0; i < 20; ++i) store.put("key " + std::to_string(i), sealed(i, 30'000));
  auto& header = *static_cast<cache::ResponseHeader*>(store.memory.get());
  const pid_t pid = ::fork();
  if (pid == 0) {
    askr::refresh_process_id();
    kShm.lock(&header.lock);
    header.changes.fetch_add(1);
    header.free_block = 3;
    header.free_entry = 5;
    header.small.oldest = header.main.newest = 7;
    ::_exit(0);
  }
  ::waitpid(pid, nullptr, 0);
  CHECK_FALSE(store.find("nobody"));
  for (int i = 0; i < 20; ++i) CHECK(store.body("key " + std::to_string(i)) == sealed(i, 30'000));
  CHECK(store->check() == "");
  CHECK(store->stats(kNow).recovered == 1);
  CHECK(store.put("new", "new") == Stored::yes);
  CHECK(store.body("new") == "new");
}

// What the application knows (`truth`), and what it may rely on (`promised`): pages made before that are not served.
struct Application {
  std::atomic<uint64_t> truth[16], promised[16], lookups, stops;
};

TEST_CASE("no page is served that is older than a forgotten tag, however fast they are read and made") {
  const double length = std::getenv("ASKR_SOAK") != nullptr ? 30 : 2;
  Store store(100);
  const SharedMemory memory(sizeof(Application));
  auto& application = *static_cast<Application*>(memory.get());
  const auto reader = [&](uint32_t gateway) {
    ResponseStore mine(store.memory.get(), store.slots, kShm, gateway, &store.messages());
    mine.take_over(8);
    std::mt19937 random(gateway);
    unsigned evicted = 0;
    uint64_t lookups = 0;
    while (application.stops.load(std::memory_order_relaxed) == 0) {
      const uint32_t page = random() % 16;
      const std::string key = "page " + std::to_string(page);
      const uint64_t promised = application.promised[page].load();
      uint64_t shown = 0;
      if (const FoundResponse found = mine.find(mine.hash(key), key, 0, kAnyVary)) {
        const std::string body = found.body();
        std::memcpy(&shown, body.data(), sizeof shown);
        if (shown < promised) ::_exit(1);
      } else {
        mine.hear();
        const uint64_t born = mine.tags().now();
        const uint64_t truth = application.truth[page].load();
        const std::string_view body(reinterpret_cast<const char*>(&truth), sizeof truth);
        mine.store(mine.hash(key),
                   {.key = key,
                    .vary = "",
                    .tags = {TagClock::index_of(key)},
                    .head = "",
                    .body = body,
                    .born = born,
                    .fresh_until = kLater},
                   kNow, evicted);
      }
      ++lookups;
    }
    application.lookups.fetch_add(lookups);
  };
  std::array<pid_t, 3> readers{};
  for (uint32_t number = 0; number < readers.size(); ++number) {
    readers[number] = ::fork();
    if (readers[number] != 0) continue;
    askr::refresh_process_id();
    reader(number);
    ::_exit(0);
  }
  uint64_t changes = 0;
  for (const double end = seconds() + length; seconds() < end; ++changes) {
    const uint32_t page = changes % 16;
    application.truth[page].store(changes);
    store.messages().forget("page " + std::to_string(page));
    application.promised[page].store(changes);
    ::usleep(900);
  }
  application.stops.store(1);
  for (const pid_t pid : readers) {
    int status = 0;
    ::waitpid(pid, &status, 0);
    REQUIRE(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 0);
  }
  WARN(static_cast<uint64_t>(static_cast<double>(application.lookups.load()) / length)
       << " lookups a second while " << static_cast<uint64_t>(static_cast<double>(changes) / length)
       << " tags a second were forgotten");
  CHECK(changes > 100);
  CHECK(store->check() == "");
}

// ---------------------------------------------------------------- writes

TEST_CASE("a response is older than a write to its address, whichever of the two ends first") {
  Store store;
  const uint32_t address = cache::WriteClock::index_of("http://host/a");
  const uint64_t before = store->writes().now();
  REQUIRE(store.put("http://host/a\nat:1", "old", {.began = before}) == Stored::yes);
  REQUIRE(store.put("http://host/a\nat:2", "old", {.began = before}) == Stored::yes);
  REQUIRE(store.put("http://host/b\nat:1", "other", {.began = before}) == Stored::yes);
  store->writes().note(address);
  CHECK_FALSE(store.find("http://host/a\nat:1"));
  CHECK_FALSE(store.find("http://host/a\nat:2"));  // another key of the same address
  CHECK(store.body("http://host/b\nat:1") == "other");
  CHECK(store.put("http://host/a\nat:1", "late", {.began = before}) == Stored::dead);
  CHECK(store.put("http://host/a\nat:1", "new", {.began = store->writes().now()}) == Stored::yes);
  CHECK(store.body("http://host/a\nat:1") == "new");
  CHECK(store->check().empty());
}

TEST_CASE("writes are numbered, and the last one counts") {
  SharedMemory memory(sizeof(cache::WriteClock));
  auto& clock = *new (memory.get()) cache::WriteClock;
  const uint32_t a = cache::WriteClock::index_of("a");
  const uint32_t b = cache::WriteClock::index_of("b");
  REQUIRE(a != b);
  CHECK_FALSE(clock.is_written_since(a, 0));
  clock.note(a);
  const uint64_t between = clock.now();
  CHECK(clock.is_written_since(a, 0));
  CHECK_FALSE(clock.is_written_since(a, between));
  clock.note(b);
  CHECK_FALSE(clock.is_written_since(a, between));
  CHECK(clock.is_written_since(b, between));
  clock.note(a);
  CHECK(clock.is_written_since(a, between));
}

}  // namespace
