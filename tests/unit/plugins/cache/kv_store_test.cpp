// The key-value store: what a caller may rely on, and that no death of a process can break it.
#include "kv_store.hpp"

#include <cstdlib>
#include <map>
#include <optional>

#include "many_processes.hpp"

namespace {

using cache::KvStore;

class Text final : public cache::Destination {
 public:
  char* prepare(size_t size) override {
    text.resize(size);
    return text.data();
  }
  std::string text;
};

constexpr int64_t kNow = 1'000'000'000;

struct Store {
  explicit Store(uint64_t slots_in = 1000) : slots(slots_in), memory(KvStore::bytes(slots)) {
    KvStore::format(memory.get(), slots, kShm);
    store.emplace(memory.get(), slots, kShm);
  }

  std::optional<std::string> get(std::string_view key, int64_t now = kNow) {
    Text text;
    return store->get(key, now, text) ? std::optional(text.text) : std::nullopt;
  }
  KvStore* operator->() { return &*store; }

  uint64_t slots;
  SharedMemory memory;
  std::optional<KvStore> store;
};

TEST_CASE("what was stored is found until it is replaced, deleted or expired") {
  Store store;
  CHECK_FALSE(store.get("a"));
  CHECK(store->set("a", "one", 0, kNow));
  CHECK(store.get("a") == "one");
  CHECK(store->set("a", "two", kNow + 10, kNow));
  CHECK(store.get("a") == "two");
  CHECK(store.get("a", kNow + 9) == "two");
  CHECK_FALSE(store.get("a", kNow + 10));
  CHECK(store->set("a", "", 0, kNow));
  CHECK(store.get("a") == "");
  CHECK(store->remove("a", kNow));
  CHECK_FALSE(store->remove("a", kNow));
  CHECK_FALSE(store.get("a"));
  CHECK(store->check().empty());
}

TEST_CASE("keys and values of every size come back as they were") {
  Store store;
  std::mt19937 random(3);
  for (const size_t size : {0UL, 1UL, 251UL, 252UL, 253UL, 504UL, 5000UL, 100'000UL, cache::kLargestValue}) {
    for (const size_t key_size : {0UL, 1UL, 252UL, 300UL, cache::kLargestKey}) {
      std::string key(key_size, 'k');
      std::string value(size, '\0');
      for (char& byte : value) byte = static_cast<char>(random());
      REQUIRE(store->set(key, value, 0, kNow));
      CHECK(store.get(key) == value);
    }
  }
  CHECK_FALSE(store->set(std::string(cache::kLargestKey + 1, 'k'), "x", 0, kNow));
  CHECK_FALSE(store->set("k", std::string(cache::kLargestValue + 1, 'x'), 0, kNow));
  CHECK(store->check().empty());
}

TEST_CASE("add stores only what is not there, and touch only what is") {
  Store store;
  CHECK(store->add("lock", "mine", kNow + 10, kNow));
  CHECK_FALSE(store->add("lock", "yours", 0, kNow));
  CHECK(store.get("lock") == "mine");
  CHECK(store->add("lock", "yours", 0, kNow + 10));  // the first has expired
  CHECK(store.get("lock", kNow + 10) == "yours");
  CHECK(store->touch("lock", kNow + 20, kNow + 10));
  CHECK_FALSE(store.get("lock", kNow + 20));
  CHECK_FALSE(store->touch("nobody", 0, kNow));
}

TEST_CASE("numbers count, keep their lifetime, and read as text") {
  Store store;
  CHECK(store->increment("n", 1, kNow + 10, kNow) == 1);
  CHECK(store->increment("n", 41, kNow + 99, kNow) == 42);
  CHECK(store.get("n") == "42");
  CHECK_FALSE(store.get("n", kNow + 10));  // the second ttl changed nothing
  CHECK(store->set("text", "7", 0, kNow));
  CHECK(store->increment("text", -10, 0, kNow) == -3);
  CHECK(store->set("word", "seven", 0, kNow));
  CHECK(store->increment("word", 1, 0, kNow) == 1);
  CHECK(store->increment("big", INT64_MAX, 0, kNow) == INT64_MAX);
  CHECK(store->increment("big", 1, 0, kNow) == INT64_MAX);  // and no further
}

TEST_CASE("flush takes everything at once, and the memory comes back by use") {
  Store store(100);
  for (int i = 0; i < 100; ++i) store->set("key " + std::to_string(i), "value", 0, kNow);
  store->flush();
  for (int i = 0; i < 100; ++i) CHECK_FALSE(store.get("key " + std::to_string(i)));
  CHECK(store->stats(kNow).items == 0);
  for (int i = 0; i < 1000; ++i) REQUIRE(store->set("new " + std::to_string(i), "value", 0, kNow));
  CHECK(store->stats(kNow).expired > 0);
  CHECK(store->check().empty());
}

TEST_CASE("what is read stays when room is needed, what is not goes first") {
  Store store(1000);
  for (int i = 0; i < 20'000; ++i) {
    REQUIRE(store.get("hot").value_or("") == (i == 0 ? "" : "hot"));
    if (i == 0) store->set("hot", "hot", 0, kNow);
    store->set("cold " + std::to_string(i), std::string(300, 'c'), 0, kNow);
  }
  CHECK(store->stats(kNow).evictions > 15'000);
  CHECK(store->stats(kNow).items <= 1000);
  CHECK(store->check().empty());
}

TEST_CASE("a hundred thousand random operations agree with a map") {
  Store store(4000);
  std::mt19937 random(5);
  std::map<std::string, std::string> model;
  for (int i = 0; i < 100'000; ++i) {
    const std::string key = "key " + std::to_string(random() % 500);
    switch (random() % 4) {
      case 0: {
        const std::string value(random() % 2000, static_cast<char>('a' + random() % 26));
        REQUIRE(store->set(key, value, 0, kNow));
        model[key] = value;
        break;
      }
      case 1:
        CHECK(store->remove(key, kNow) == (model.erase(key) > 0));
        break;
      case 2:
        CHECK(store->add(key, "added", 0, kNow) == model.emplace(key, "added").second);
        break;
      default:
        CHECK(store.get(key) == (model.contains(key) ? std::optional(model[key]) : std::nullopt));
    }
  }
  CHECK(store->check().empty());
}

// ---------------------------------------------------------------- many processes

// Runs until it is killed; exits with 1 when it reads what nobody has written.
[[noreturn]] void torture(void* memory, uint64_t slots, unsigned seed) {
  KvStore store(memory, slots, kShm);
  std::mt19937 random(seed);
  Text text;
  for (;;) {
    const std::string key = "key " + std::to_string(random() % 40);
    switch (random() % 8) {
      case 0:
      case 1:
        store.set(key, sealed(random(), random() % 3000), 0, kNow);
        break;
      case 2:
        store.remove(key, kNow);
        break;
      case 3:
        store.increment("number " + std::to_string(random() % 10), 1, 0, kNow);
        break;
      case 4:
        if (random() % 50 == 0) store.set(key, sealed(random(), 200'000), 0, kNow);
        break;
      default:
        if (store.get(key, kNow, text) && !is_whole(text.text)) ::_exit(1);
    }
  }
}

TEST_CASE("eight processes on the same keys, some of them killed: nothing torn, nothing lost") {
  Store store(2000);
  kill_at_random([&](size_t, unsigned seed) { torture(store.memory.get(), store.slots, seed); });
  CHECK(store->check() == "");
  CHECK(store->stats(kNow).hits > 1000);
  // It still works.
  CHECK(store->set("after", "all", 0, kNow));
  CHECK(store.get("after") == "all");
}

TEST_CASE("of many who add, one wins, and no increment is lost") {
  Store store(8000);  // room for all: a lock that is evicted is no lock
  constexpr int kProcesses = 8;
  constexpr int kRounds = 2000;
  std::array<pid_t, kProcesses> processes{};
  for (pid_t& pid : processes) {
    pid = ::fork();
    if (pid != 0) continue;
    askr::refresh_process_id();
    KvStore mine(store.memory.get(), store.slots, kShm);
    for (int round = 0; round < kRounds; ++round) {
      if (mine.add("lock " + std::to_string(round), "x", 0, kNow)) mine.increment("winners", 1, 0, kNow);
      mine.increment("all", 1, 0, kNow);
    }
    ::_exit(0);
  }
  for (const pid_t pid : processes) {
    int status = 0;
    ::waitpid(pid, &status, 0);
    REQUIRE(WIFEXITED(status));
  }
  CHECK(store.get("winners") == std::to_string(kRounds));
  CHECK(store.get("all") == std::to_string(kRounds * kProcesses));
}

}  // namespace
