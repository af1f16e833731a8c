// The key-value store when somebody has written rubbish into it: no operation leaves the memory, each one ends, nothing
// is read that nobody has stored, and what is stored next is there.
#include <cstdlib>
#include <optional>
#include <string>

#include "kv_store.hpp"
#include "many_processes.hpp"
#include "scribble.hpp"

namespace {

using cache::KvStore;

constexpr int64_t kNow = 1'000'000'000;
constexpr uint64_t kSlots = 1000;

class Text final : public cache::Destination {
 public:
  char* prepare(size_t size) override {
    text.resize(size);
    return text.data();
  }
  std::string text;
};

std::string last_report;

struct Store {
  Store() : memory(KvStore::bytes(kSlots)) {
    KvStore::format(memory.get(), kSlots, kShm);
    store.emplace(memory.get(), kSlots, kShm, [](const std::string& line) { last_report = line; });
  }
  KvStore* operator->() { return &*store; }
  void fill() {
    for (unsigned i = 0; i < 300; ++i) store->set(key(i), sealed(i, i * 17 % 3000), 0, kNow);
    for (unsigned i = 0; i < 10; ++i) store->increment("number " + std::to_string(i), 1, 0, kNow);
  }
  static std::string key(unsigned i) { return "key " + std::to_string(i); }
  std::optional<std::string> get(std::string_view key) {
    Text text;
    return store->get(key, kNow, text) ? std::optional(text.text) : std::nullopt;
  }

  SharedMemory memory;
  std::optional<KvStore> store;
};

// One of everything; false: something was read that nobody has stored.
bool use(KvStore& store, Scribbler& random) {
  const std::string key = Store::key(random.noise() % 400);
  const std::string number = "number " + std::to_string(random.noise() % 10);
  Text text;
  switch (random.noise() % 10) {
    case 0:
      store.remove(key, kNow);
      return true;
    case 1:
      store.touch(key, kNow + 10, kNow);
      return true;
    case 2:
      store.add(key, sealed(random.noise(), random.noise() % 2000), 0, kNow);
      return true;
    case 3:
    case 4:
      store.set(key, sealed(random.noise(), random.noise() % 2000), 0, kNow);
      return true;
    case 5:
      store.increment(number, 1, 0, kNow);
      return true;
    case 6:
      return store.stats(kNow).bytes <= KvStore::bytes(kSlots);
    default:
      return !store.get(key, kNow, text) || is_whole(text.text);
  }
}

TEST_CASE("rubbish in the key-value store costs what was in it, and nothing else") {
  for (unsigned seed = 0; seed < scribble_seeds(); ++seed) {
    CAPTURE(seed);
    Store store;
    Scribbler scribbler(seed);
    store.fill();
    scribbler.scribble(store.memory.get(), cache::KvStore::bytes(kSlots), 2000);
    for (unsigned i = 0; i < 200; ++i) REQUIRE(use(*store.store, scribbler));
    for (unsigned i = 0; i < 200; ++i) {
      REQUIRE(store->set(Store::key(i), sealed(i, i * 13 % 3000), 0, kNow));
      REQUIRE(store.get(Store::key(i)) == sealed(i, i * 13 % 3000));
    }
    for (unsigned i = 0; i < 10; ++i) {
      const auto number = store->increment("new " + std::to_string(i), 5, 0, kNow);
      REQUIRE(number == 5);
    }
  }
}

TEST_CASE("a store into which somebody writes rubbish all the time stays whole, and works when that has ended") {
  Store store;
  std::array<pid_t, 4> processes{};
  for (size_t number = 0; number < processes.size(); ++number) {
    processes[number] = ::fork();
    if (processes[number] != 0) continue;
    askr::refresh_process_id();
    Scribbler random(number * 8 + 6);
    KvStore mine(store.memory.get(), kSlots, kShm);
    while (number == 0) {
      random.scribble(store.memory.get(), cache::KvStore::bytes(kSlots), 2000);
      ::usleep(200);
    }
    for (;;) {
      if (!use(mine, random)) ::_exit(1);
    }
  }
  ::usleep(std::getenv("ASKR_SOAK") != nullptr ? 30'000'000 : 2'000'000);
  for (const pid_t process : processes) {
    ::kill(process, SIGKILL);
    int status = 0;
    ::waitpid(process, &status, 0);
    CHECK(WIFSIGNALED(status));
    CHECK(WTERMSIG(status) == SIGKILL);
  }
  for (unsigned i = 0; i < 200; ++i) {
    REQUIRE(store->set(Store::key(i), sealed(i, 1000), 0, kNow));
    REQUIRE(store.get(Store::key(i)) == sealed(i, 1000));
  }
}

// ---------------------------------------------------------------- one thing at a time

// The parts of the only shard of a small store.
struct Parts {
  explicit Parts(void* region)
      : header(*static_cast<cache::Header*>(region)),
        shard(*reinterpret_cast<cache::Shard*>(static_cast<char*>(region) + (sizeof(cache::Header) + 63) / 64 * 64)),
        buckets(reinterpret_cast<uint32_t*>(&shard + 1)),
        entries(reinterpret_cast<cache::Entry*>(buckets + 1024)),
        blocks(reinterpret_cast<cache::Block*>(entries + kSlots)) {}
  cache::Header& header;
  cache::Shard& shard;
  uint32_t* buckets;
  cache::Entry* entries;
  cache::Block* blocks;
  [[nodiscard]] cache::Entry& of(std::string_view key) const {
    const uint64_t hash = cache::hash_of(key);
    for (uint32_t index = 0; index < kSlots; ++index) {
      if (entries[index].state == cache::EntryState::live && entries[index].hash == hash) return entries[index];
    }
    FAIL("there is no such entry");
    return entries[0];
  }
};

struct Damage {
  const char* what;
  void (*make)(const Parts& parts);
};

TEST_CASE("whatever is damaged is found, said, and mended by the next who uses it; what is whole stays") {
  const Damage damage = GENERATE(values<Damage>(
      {{"a value", [](const Parts& parts) { parts.blocks[parts.of("a").first_block].bytes[1] ^= 1; }},
       {"the size of a value", [](const Parts& parts) { ++parts.of("a").value_size; }},
       {"a size that cannot be", [](const Parts& parts) { parts.of("a").value_size = UINT32_MAX; }},
       {"the first block", [](const Parts& parts) { parts.of("a").first_block ^= 1; }},
       {"when it expires", [](const Parts& parts) { parts.of("a").expires = INT64_MAX; }},
       {"which it is", [](const Parts& parts) { ++parts.of("a").sequence; }},
       {"a number that is none", [](const Parts& parts) { parts.of("a").is_number = 1; }},
       {"its state", [](const Parts& parts) { parts.of("a").state = cache::EntryState::free; }},
       {"its state, with what is none",
        [](const Parts& parts) { parts.of("a").state = static_cast<cache::EntryState>(7); }},
       {
           "its bucket, with what is no index",
           [](const Parts& parts) { std::fill_n(parts.buckets, 1024, 5'000'000U); },
       },
       {
           "all buckets, with a circle",
           [](const Parts& parts) {
             std::fill_n(parts.buckets, 1024, static_cast<uint32_t>(&parts.of("a") - parts.entries));
             parts.of("a").next = parts.buckets[0];
           },
       },
       {"a version", [](const Parts& parts) { parts.shard.version.fetch_add(1); }},
       {"everything", [](const Parts& parts) { std::memset(static_cast<void*>(parts.entries), 1, 1000); }}}));
  CAPTURE(damage.what);
  Store store;
  last_report.clear();
  const Parts parts(store.memory.get());
  const std::string value = sealed(1, 20);
  REQUIRE(store->set("a", value, 0, kNow));
  REQUIRE(store->set("b", value, kNow + 9, kNow));
  REQUIRE(&parts.of("a") != &parts.of("b"));
  damage.make(parts);
  const auto found = store.get("a");
  CHECK((found == std::nullopt || found == value));
  if (last_report.empty()) store.get("another");
  if (last_report.empty()) store->set("a", value, 0, kNow);
  CHECK(store->stats(kNow).mended == 1);
  CHECK(last_report.find("made no sense") != std::string::npos);
  CHECK(last_report.find("process " + std::to_string(::getpid()) + " changed it last") != std::string::npos);
  CHECK(store->check() == "");
  if (std::string_view(damage.what) != "everything") CHECK(store.get("b") == value);
  CHECK(store->set("a", "new", 0, kNow));
  CHECK(store.get("a") == "new");
  CHECK(store->check() == "");
}

TEST_CASE("free lists that lead elsewhere are found by who needs them") {
  struct List {
    const char* what;
    void (*damage)(const Parts& parts);
  };
  const List list = GENERATE(values<List>(
      {{"no entry", [](const Parts& parts) { parts.shard.free_entry = 5'000'000; }},
       {"an entry that is used",
        [](const Parts& parts) { parts.shard.free_entry = static_cast<uint32_t>(&parts.of("a") - parts.entries); }},
       {"the one behind the last", [](const Parts& parts) { parts.shard.free_entry = kSlots; }},
       {"no block", [](const Parts& parts) { parts.shard.free_block = 5'000'000; }},
       {"a number that is too small", [](const Parts& parts) { parts.shard.free_blocks = 4; }},
       {"a number that is too large", [](const Parts& parts) { parts.shard.free_blocks = UINT32_MAX; }},
       {"too few blocks", [](const Parts& parts) { parts.blocks[parts.shard.free_block].next = cache::kNone; }},
       {"nothing", [](const Parts& parts) { parts.shard.free_entry = cache::kNone; }},
       {"a number of none", [](const Parts& parts) { parts.shard.free_blocks = 0; }}}));
  CAPTURE(list.what);
  Store store;
  const Parts parts(store.memory.get());
  const std::string value = sealed(1, 20);
  REQUIRE(store->set("a", value, 0, kNow));
  list.damage(parts);
  // Where nothing seems to be free, what is there may have to go for it.
  const std::string large = sealed(2, 1000);
  CHECK(store->set("b", large, 0, kNow));
  CHECK(store.get("b") == large);
  CHECK(store->stats(kNow).mended == 1);
  CHECK(store->check() == "");
}

TEST_CASE("a hand and a sequence that somebody has set do no harm") {
  Store store;
  const Parts parts(store.memory.get());
  for (const uint32_t hand : {UINT32_MAX, static_cast<uint32_t>(kSlots), static_cast<uint32_t>(kSlots - 1)}) {
    parts.shard.hand = hand;
    parts.shard.last_sequence = UINT64_MAX;
    for (unsigned i = 0; i < 2 * kSlots; ++i) {
      const std::string value = sealed(i, 100);
      REQUIRE(store->set("key " + std::to_string(i), value, 0, kNow));
      REQUIRE(store.get("key " + std::to_string(i)) == value);
    }
  }
  CHECK(store->check() == "");
  CHECK(store->stats(kNow).mended == 0);
}

TEST_CASE("two blocks of one value are not given out when they belong to another one") {
  Store store;
  const Parts parts(store.memory.get());
  const std::string value = sealed(1, 2000);
  REQUIRE(store->set("a", value, 0, kNow));
  // The next free block is one of a's.
  parts.shard.free_block = parts.blocks[parts.of("a").first_block].next;
  REQUIRE(store->set("b", sealed(2, 500), 0, kNow));
  CHECK_FALSE(store.get("a"));
  CHECK(store.get("b").value_or(sealed(2, 500)) == sealed(2, 500));
  CHECK(store->stats(kNow).mended == 1);
  CHECK(store->check() == "");
}

}  // namespace
