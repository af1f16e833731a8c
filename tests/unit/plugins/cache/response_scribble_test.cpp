// The response store when somebody has written rubbish into it, which only a gateway can: no operation leaves the
// memory, each one ends, and what is stored next is there. And the messages of workers, where any rubbish makes sense.
#include <cstring>
#include <optional>
#include <string>

#include "many_processes.hpp"
#include "response_store.hpp"
#include "scribble.hpp"

namespace {

using cache::FoundResponse;
using cache::NewResponse;
using cache::ResponseStore;
using cache::Stored;

constexpr int64_t kNow = 1'000'000'000;
constexpr int64_t kLater = kNow + 1'000'000'000'000;
constexpr uint64_t kSlots = 40;
const cache::VaryTest kAnyVary{[](const void*, std::string_view) { return true; }, nullptr};

std::string last_report;

struct Store {
  Store() : memory(ResponseStore::bytes(kSlots)), message_memory(sizeof(cache::Messages)) {
    ResponseStore::format(memory.get(), kSlots, kShm, 1);
    const auto report = [](const std::string& line) { last_report = line; };
    store.emplace(memory.get(), kSlots, kShm, 0, &messages(), report);
    store->take_over(1);
  }
  ResponseStore* operator->() { return &*store; }
  [[nodiscard]] cache::Messages& messages() const { return *static_cast<cache::Messages*>(message_memory.get()); }
  [[nodiscard]] cache::ResponseHeader& header() const { return *static_cast<cache::ResponseHeader*>(memory.get()); }
  [[nodiscard]] cache::ResponseEntry* entries() const {
    return reinterpret_cast<cache::ResponseEntry*>(static_cast<char*>(memory.get()) +
                                                   cache::ResponseGeometry::of(kSlots).entry_at);
  }
  [[nodiscard]] uint32_t* links() const {
    return reinterpret_cast<uint32_t*>(static_cast<char*>(memory.get()) + cache::ResponseGeometry::of(kSlots).link_at);
  }
  [[nodiscard]] uint32_t* buckets() const {
    return reinterpret_cast<uint32_t*>(static_cast<char*>(memory.get()) +
                                       cache::ResponseGeometry::of(kSlots).bucket_at);
  }
  cache::ResponseEntry& of(std::string_view key) {
    const FoundResponse found = store->find(store->hash(key), key, 0, kAnyVary);
    REQUIRE(found);
    return found.entry();
  }

  Stored put(std::string_view key, std::string_view body) {
    NewResponse response{.key = key, .tags = {1, 2}, .head = "head", .body = body, .fresh_until = kLater};
    store->hear();
    response.born = store->tags().now();
    return store->store(store->hash(key), response, now, evicted);
  }
  std::optional<std::string> body(std::string_view key) {
    const FoundResponse found = store->find(store->hash(key), key, 0, kAnyVary);
    return found ? std::optional(found.body()) : std::nullopt;
  }

  SharedMemory memory, message_memory;
  std::optional<ResponseStore> store;
  unsigned evicted = 0;
  int64_t now = kNow;
};

std::string key(unsigned i) {
  return "key " + std::to_string(i);
}

// One of everything. What is read may be rubbish, but all of it can be read.
size_t use(Store& store, Scribbler& random) {
  const std::string name = key(random.noise() % 60);
  switch (random.noise() % 8) {
    case 0:
    case 1:
      store.put(name, sealed(random.noise(), random.noise() % 40'000));
      return 0;
    case 2:
      store->forget(store->hash(name), name);
      return 0;
    case 3:
      return store->stats(kNow).responses;
    default: {
      const FoundResponse found = store->find(store->hash(name), name, 0, kAnyVary);
      if (!found) return 0;
      size_t sum = found.body().size() + found.tags().size();
      for (const char byte : found.head()) sum += static_cast<unsigned char>(byte);
      for (const char byte : found.vary()) sum += static_cast<unsigned char>(byte);
      return sum;
    }
  }
}

TEST_CASE("rubbish in the response store costs what was in it, and nothing else") {
  for (unsigned seed = 0; seed < scribble_seeds(); ++seed) {
    CAPTURE(seed);
    Store store;
    Scribbler scribbler(seed);
    for (unsigned i = 0; i < 100; ++i) store.put(key(i), sealed(i, i * 777 % 50'000));
    // All but the bodies, which are what they are.
    scribbler.scribble(store.memory.get(), cache::ResponseGeometry::of(kSlots).block_at, 400);
    for (unsigned i = 0; i < 200; ++i) use(store, scribbler);
    // Clocks that were set far ahead outdate everything; a flush is a number above all others.
    new (&store.header().tags) cache::TagClock();
    new (&store.header().writes) cache::WriteClock();
    for (unsigned i = 0; i < 50; ++i) {
      const std::string name = "new " + std::to_string(i);
      // The first ones may find what is left of the rubbish, and mend it.
      Stored stored = store.put(name, sealed(i, 20'000));
      for (unsigned tries = 0; tries < 2 && stored != Stored::yes; ++tries) {
        store.now += 1'000'000'000;
        stored = store.put(name, sealed(i, 20'000));
      }
      REQUIRE(stored == Stored::yes);
      const auto found = store.body(name);
      CAPTURE(i, found.has_value(), store->check());
      const bool is_it = found == sealed(i, 20'000);
      REQUIRE(is_it);
    }
  }
}

TEST_CASE("lists of the response store that cannot be are found and made anew, and what is whole stays") {
  struct Damage {
    const char* what;
    void (*make)(Store& store);
  };
  const Damage damage = GENERATE(values<Damage>({
      {"a bucket", [](Store& store) { std::fill_n(store.buckets(), 128, 5'000U); }},
      {"a circle",
       [](Store& store) {
         const auto index = static_cast<uint32_t>(&store.of("b") - store.entries());
         std::fill_n(store.buckets(), 128, index);
         store.entries()[index].next = index;
       }},
      {"a version", [](Store& store) { store.header().changes.fetch_add(1); }},
      {"the free entries", [](Store& store) { store.header().free_entry = 120; }},
      {"the free entries, with what is used",
       [](Store& store) { store.header().free_entry = static_cast<uint32_t>(&store.of("b") - store.entries()); }},
      {"the free blocks", [](Store& store) { store.header().free_block = 350; }},
      {"the links of free blocks", [](Store& store) { store.links()[store.header().free_block] = 350; }},
      {"a newest", [](Store& store) { store.header().small.newest = 120; }},
      {"a neighbour", [](Store& store) { store.of("a").older = 120; }},
      {"the other neighbour", [](Store& store) { store.of("a").newer = 120; }},
      {"an end that is none", [](Store& store) { store.of("a").newer = cache::kNobody; }},
      {"the number of blocks in a queue", [](Store& store) { store.header().small.blocks = 0; }},
      {"its state", [](Store& store) { store.of("a").state.store(cache::ResponseState::free); }},
      {"a bucket that lacks it",
       [](Store& store) {
         const auto index = static_cast<uint32_t>(&store.of("a") - store.entries());
         for (unsigned i = 0; i < 128; ++i) {
           if (store.buckets()[i] == index) store.buckets()[i] = store.entries()[index].next;
         }
         for (unsigned i = 0; i < 500; ++i) {  // until its turn to go has come
           store.put(key(i), sealed(i, 40'000));
           store.body(key(i));
         }
         store.put("b", sealed(1, 40'000));
         store.put("c", sealed(1, 40'000));
       }},
  }));
  CAPTURE(damage.what);
  last_report.clear();
  Store store;
  const std::string body = sealed(1, 40'000);
  REQUIRE(store.put("b", body) == Stored::yes);
  REQUIRE(store.put("a", sealed(2, 100)) == Stored::yes);
  REQUIRE(store.put("c", body) == Stored::yes);
  damage.make(store);
  store.body("nobody");
  Stored stored = store.put("a", sealed(3, 40'000));
  if (stored != Stored::yes) stored = store.put("a", sealed(3, 40'000));
  CHECK(stored == Stored::yes);
  CHECK(store.body("a") == sealed(3, 40'000));
  if (last_report.empty()) store->forget(store->hash("a"), "a");
  CHECK(last_report.find("made no sense") != std::string::npos);
  CHECK(store->stats(kNow).mended >= 1);
  CHECK(store.body("b") == body);
  CHECK(store.body("c") == body);
  CHECK(store->check() == "");
}

TEST_CASE("what is being sent does not change when its entry is scribbled over") {
  Store store;
  const std::string body = sealed(1, 40'000);
  REQUIRE(store.put("a", body) == Stored::yes);
  const FoundResponse found = store->find(store->hash("a"), "a", 0, kAnyVary);
  REQUIRE(found);
  cache::ResponseEntry& entry = found.entry();
  entry.body_size = UINT64_MAX;
  entry.key_size = entry.vary_size = entry.tag_count = entry.head_size = entry.first_block = UINT32_MAX;
  CHECK(found.body() == body);
  CHECK(found.head() == "head");
  CHECK(found.tags() == std::vector<uint32_t>{1, 2});
}

// ---------------------------------------------------------------- messages

TEST_CASE("what workers say is heard by who begins or answers next, once") {
  Store store;
  cache::Messages& messages = store.messages();
  REQUIRE(store.put("a", "a") == Stored::yes);
  messages.forget("something else");
  CHECK(store.body("a") == "a");
  const auto tag_of = [](uint32_t wanted) {
    for (unsigned i = 0;; ++i) {
      if (cache::TagClock::index_of(std::to_string(i)) == wanted) return std::to_string(i);
    }
  };
  messages.forget(tag_of(2));
  CHECK(store->stats(kNow).responses == 0);  // though nobody has listened yet
  CHECK_FALSE(store.body("a"));
  REQUIRE(store.put("a", "new") == Stored::yes);
  CHECK(store.body("a") == "new");
  messages.flush();
  CHECK(store->stats(kNow).responses == 0);
  CHECK_FALSE(store.body("a"));
  REQUIRE(store.put("a", "newer") == Stored::yes);
  CHECK(store.body("a") == "newer");
}

TEST_CASE("the first and the last tag can be said, and each one alone") {
  Store store;
  for (const uint32_t tag : {0U, 63U, 64U, cache::TagClock::kCounters - 1}) {
    const uint64_t before = store->tags().now();
    std::memset(store.message_memory.get(), 0, sizeof(cache::Messages));
    auto* bits = reinterpret_cast<uint64_t*>(&store.messages() + 1) - cache::TagClock::kCounters / 64;
    // The bits are what the region ends with, but for what alignment adds.
    bits = reinterpret_cast<uint64_t*>(static_cast<char*>(store.message_memory.get()) + 16);
    bits[tag / 64] = uint64_t{1} << tag % 64;
    CHECK(store.messages().has(tag));
    CHECK_FALSE(store.messages().has(tag ^ 1));
    store.messages().take(store->tags());
    CHECK(store->tags().now() == before + 1);
    CHECK(store->tags().is_forgotten(tag, before));
    CHECK_FALSE(store->tags().is_forgotten(tag, before + 1));
    CHECK_FALSE(store->tags().is_forgotten(tag ^ 1, before));
    CHECK_FALSE(store.messages().has(tag));
  }
}

TEST_CASE("a page that was begun before a message is dead when it is stored after it") {
  Store store;
  NewResponse response{.key = "a", .tags = {7}, .head = "", .body = "old", .fresh_until = kLater};
  store->hear();
  response.born = store->tags().now();
  store.messages().flush();
  CHECK(store->store(store->hash("a"), response, kNow, store.evicted) == Stored::dead);
  store->hear();
  response.born = store->tags().now();
  CHECK(store->store(store->hash("a"), response, kNow, store.evicted) == Stored::yes);
}

TEST_CASE("rubbish among the messages forgets pages, and the next ones are kept") {
  Store store;
  for (unsigned seed = 0; seed < 64; ++seed) {
    CAPTURE(seed);
    Scribbler scribbler(seed);
    REQUIRE(store.put("a", "a") == Stored::yes);
    scribbler.scribble(store.message_memory.get(), sizeof(cache::Messages), 100);
    store.body("a");
    REQUIRE(store.put("b", "b") == Stored::yes);
    REQUIRE(store.body("b") == "b");
  }
}

TEST_CASE("a gateway that dies while it listens leaves nothing that is too old") {
  Store store;
  REQUIRE(store.put("a", "a") == Stored::yes);
  const pid_t pid = ::fork();
  if (pid == 0) {
    askr::refresh_process_id();
    kShm.lock(&store.header().news);
    store.messages().flush();
    std::memset(static_cast<char*>(store.message_memory.get()) + 8, 0, sizeof(cache::Messages) - 8);  // taken
    ::_exit(0);
  }
  ::waitpid(pid, nullptr, 0);
  CHECK_FALSE(store.body("a"));
}

}  // namespace
