#include "exchange/exchange.hpp"

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <bit>
#include <catch2/catch.hpp>
#include <csignal>
#include <cstring>
#include <random>
#include <set>

#include "fixture.hpp"

namespace askr::exchange {
namespace {

void require_nothing_leaked(const Exchange& exchange) {
  const ExchangeUsage now = usage(exchange);
  REQUIRE(now.slots_used == 0);
  REQUIRE(now.blocks_used == 0);
  REQUIRE(now.queue_depth == 0);
}

void require_nothing_leaked_of_blocks(const Exchange& exchange) {
  REQUIRE(usage(exchange).blocks_used == 0);
}

Segment scribbled(std::mt19937& random) {
  const uint64_t bytes = uint64_t{random()} << 32 | random();
  Segment segment;
  std::memcpy(static_cast<void*>(&segment), &bytes, sizeof segment);
  return segment;
}

// A process that writes to the lock of the queue all the time, as if one after the other had it.
class Rewriter {
 public:
  explicit Rewriter(arena::OwnerLock& lock) {
    auto& word = reinterpret_cast<std::atomic<uint32_t>&>(lock);
    word.store(1);
    child_ = ::fork();
    REQUIRE(child_ >= 0);
    if (child_ > 0) return;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (uint32_t turn = 1;; ++turn) word.store(1 | (turn % 256) << 22);
  }
  ~Rewriter() {
    ::kill(child_, SIGKILL);
    ::waitpid(child_, nullptr, 0);
  }

 private:
  pid_t child_ = 0;
};

}  // namespace

TEST_CASE("a request reaches the worker and its response comes back") {
  TestExchange test;
  GatewayPort gateway(*test.exchange, 0);
  WorkerPort worker(*test.exchange, 0, 1);
  const uint32_t slot = test.submit(gateway, "/hello?x=1", "name=value");

  REQUIRE(worker.wait() == Wait::request);
  CHECK(worker.request().uri == "/hello?x=1");
  CHECK(worker.request().method == "POST");
  char body[64];
  REQUIRE(worker.read_body(body, sizeof body) == 10);
  CHECK(std::string_view(body, 10) == "name=value");
  CHECK(worker.read_body(body, sizeof body) == 0);

  const WorkerPort::HeadField field{"Content-Type", "text/plain"};
  REQUIRE(worker.head(200, "", &field, 1) == Written::ok);
  REQUIRE(worker.body("hi", 2) == Written::ok);
  CHECK_FALSE(gateway.has_news());
  worker.finish();

  REQUIRE(gateway.has_news());
  REQUIRE(gateway.progress(slot) == Progress::complete);
  CHECK(TestExchange::collect(gateway, slot) == "hi");
  gateway.release(slot);
  require_nothing_leaked(*test.exchange);
}

TEST_CASE("a request that was taken this very moment has not begun long ago") {
  TestExchange test;
  GatewayPort gateway(*test.exchange, 0);
  const int64_t before = monotonic_now();
  const uint32_t at = test.submit(gateway, "/");
  Slot& slot = test.exchange->slots()[at];
  QueueEntry taken{};  // the worker comes not a step further than that
  REQUIRE(test.exchange->queue().pop(test.worker_record(), before, taken, [] { return Takes::anything; }));
  REQUIRE(slot.state == SlotState::running);
  CHECK(gateway.begun(at) >= before);
  slot.started = before - kSecond;  // by an attempt that has failed
  CHECK(gateway.begun(at) >= before);
  slot.started = INT64_MAX;  // by who knows no time
  CHECK(gateway.begun(at) <= monotonic_now());
}

TEST_CASE("a response larger than the window waits for the gateway") {
  TestExchange test;
  GatewayPort gateway(*test.exchange, 0);
  const uint32_t slot = test.submit(gateway, "/large");
  const size_t total = size_t{3} * kBlocksPerWorker * kBlockSize + 17;
  const pid_t child = ::fork();
  if (child == 0) {
    WorkerPort worker(*test.exchange, 0, 1);
    worker.wait();
    worker.head(200, "", nullptr, 0);
    const std::string piece(1000, 'x');
    for (size_t sent = 0; sent < total; sent += std::min(piece.size(), total - sent)) {
      worker.body(piece.data(), std::min(piece.size(), total - sent));
    }
    worker.finish();
    ::_exit(0);
  }
  size_t received = 0;
  Progress progress = Progress::running;
  while (progress == Progress::running) {
    progress = gateway.progress(slot);
    received += TestExchange::collect(gateway, slot).size();
  }
  CHECK(received == total);
  gateway.release(slot);
  ::waitpid(child, nullptr, 0);
  reclaim_worker(*test.exchange, test.worker_record());
  require_nothing_leaked(*test.exchange);
}

TEST_CASE("the queue is bounded and says so") {
  TestExchange test({1, 1, 3});
  GatewayPort gateway(*test.exchange, 0);
  std::vector<uint32_t> slots;
  for (int count = 0; count < 3; ++count) {
    slots.push_back(test.submit(gateway, "/"));
    REQUIRE(test.last == Submitted::queued);
  }
  test.submit(gateway, "/one-too-many");
  CHECK(test.last == Submitted::queue_full);
  REQUIRE(gateway.withdraw(slots[1]));
  test.submit(gateway, "/fits-again");
  CHECK(test.last == Submitted::queued);
}

TEST_CASE("a lock of the queue that is never free costs requests, and keeps no gateway") {
  TestExchange test({1, 1, 8});
  GatewayPort gateway(*test.exchange, 0);
  const uint32_t waits = test.submit(gateway, "/waits");
  const uint32_t crashed = test.submit(gateway, "/crashed");
  REQUIRE(test.last == Submitted::queued);
  RequestQueue& queue = test.exchange->queue();
  REQUIRE(test.exchange->slots()[crashed].state.exchange(SlotState::crashed) == SlotState::queued);
  {
    const Rewriter rewriter(queue.header()->lock);
    const int64_t begun = monotonic_now();
    for (int i = 0; i < 20; ++i) {
      test.submit(gateway, "/more");
      CHECK(test.last == Submitted::queue_full);
    }
    CHECK_FALSE(gateway.retry(crashed, monotonic_now() + kSecond));
    CHECK(test.exchange->slots()[crashed].state.load() == SlotState::crashed);
    CHECK(gateway.withdraw(waits));
    CHECK(monotonic_now() - begun < kSecond + 20 * RequestQueue::kPatience);  // they do not wait that long each time
  }
  std::vector<uint32_t> lost;
  const int64_t end = monotonic_now() + 60 * kSecond;
  while (queue.mend(monotonic_now(), lost) == RequestQueue::Sense::busy) REQUIRE(monotonic_now() < end);
  CHECK(lost.empty());
  CHECK(queue.depth() == 0);
  test.submit(gateway, "/serves-again");
  CHECK(test.last == Submitted::queued);
  CHECK(gateway.retry(crashed, monotonic_now() + kSecond));
  CHECK(queue.depth() == 2);
}

TEST_CASE("a worker that has scribbled over its request before it died takes nobody with it") {
  TestExchange test;
  GatewayPort gateway(*test.exchange, 0);
  const uint32_t slot = test.submit(gateway, "/hello");
  WorkerPort worker(*test.exchange, 0, 1);
  REQUIRE(worker.wait() == Wait::request);
  std::memset(test.exchange->request_area(slot), 0xff, kRequestArea);
  CHECK(reclaim_worker(*test.exchange, test.worker_record()).uri.empty());
  CHECK(gateway.progress(slot) == Progress::crashed);
}

TEST_CASE("what a worker knows of its request stays so when the slot is another request's") {
  TestExchange test;
  GatewayPort gateway(*test.exchange, 0);
  const uint32_t slot = test.submit(gateway, "/mine");
  WorkerPort worker(*test.exchange, 0, 1);
  REQUIRE(worker.wait() == Wait::request);
  worker.head(200, "", nullptr, 0);
  worker.finish();
  gateway.release(slot);
  REQUIRE(test.submit(gateway, "/other") == slot);
  CHECK(worker.request().uri == "/mine");
  CHECK(worker.request().id == "id");
}

TEST_CASE("a worker is marked for one request, not for the next one in the same slot") {
  TestExchange test;
  GatewayPort gateway(*test.exchange, 0);
  WorkerPort worker(*test.exchange, 0, 1);
  const auto mark_of_next = [&] {
    const uint32_t slot = test.submit(gateway, "/");
    REQUIRE(worker.wait() == Wait::request);
    gateway.request_kill(slot);
    worker.finish();
    gateway.release(slot);
    CHECK(slot_of_mark(test.exchange->overdue(0)) == slot);
    return test.exchange->overdue(0).exchange(0);
  };
  CHECK(mark_of_next() != mark_of_next());
}

TEST_CASE("a new gateway lets run what is queued, if it is told to and has its body") {
  TestExchange test;
  uint32_t whole = 0;
  {
    GatewayPort dead(*test.exchange, 0);
    whole = test.submit(dead, "/whole", "body");
    const uint32_t lost = test.submit(dead, "/lost", "body");
    test.exchange->orders()[lost].spooled = 1;
  }
  GatewayPort gateway(*test.exchange, 0, GatewayPort::Leftovers::run);
  CHECK(usage(*test.exchange).slots_used == 1);
  WorkerPort worker(*test.exchange, 0, 1);
  REQUIRE(worker.wait() == Wait::request);
  CHECK(worker.request().uri == "/whole");
  CHECK(worker.client_gone());
  worker.finish();
  gateway.drain([](uint32_t) { FAIL("nobody waits for it"); });
  CHECK(test.exchange->slots()[whole].state == SlotState::free);
}

TEST_CASE("a worker whose request was given up reads and writes nothing of the one that comes after it") {
  TestExchange test({1, 2, 8});
  GatewayPort gateway(*test.exchange, 0);
  WorkerPort worker(*test.exchange, 0, 1);
  const uint32_t at = test.submit(gateway, "/first", "body of the first");
  REQUIRE(worker.wait() == Wait::request);
  char buffer[100];
  REQUIRE(worker.read_body(buffer, 5) == 5);
  test.exchange->slots()[at].state = SlotState::done;  // scribbled
  gateway.release(at);
  SECTION("its slot is free") {
    worker.head(200, "", nullptr, 0);
    worker.flush();
    worker.body("more", 4);
    worker.finish();
    const Slot& slot = test.exchange->slots()[at];
    CHECK(slot.state == SlotState::free);
    CHECK(slot.published == 0);
    CHECK(slot.flags == 0);
    require_nothing_leaked(*test.exchange);
  }
  SECTION("its slot is another one's") {
    REQUIRE(test.submit(gateway, "/second", "another body, of another client") == at);
    REQUIRE(worker.read_body(buffer, sizeof buffer) == 12);
    CHECK(std::string_view(buffer, 12) == "of the first");
    worker.head(200, "", nullptr, 0);
    worker.flush();
    worker.finish();
    const Slot& slot = test.exchange->slots()[at];
    CHECK(slot.state == SlotState::queued);
    CHECK(slot.published == 0);
    CHECK(slot.flags == 0);
    CHECK(slot.done == 0);
    require_nothing_leaked_of_blocks(*test.exchange);
  }
}

TEST_CASE("of a dead worker's blocks those come back that no gateway has to send, whatever its record says") {
  TestExchange test;
  GatewayPort gateway(*test.exchange, 0);
  ProcessRecord& record = test.exchange->workers()[0];
  const uint32_t at = test.submit(gateway, "/");
  {
    WorkerPort worker(*test.exchange, 0, 1);
    REQUIRE(worker.wait() == Wait::request);
    worker.head(200, "", nullptr, 0);
    worker.flush();
    worker.body("sent", 4);
    worker.flush();
  }
  const uint64_t published = ~record.free_blocks.load();
  REQUIRE(std::popcount(published) == 2);
  SegmentView segment;
  REQUIRE(gateway.peek(at, segment));
  gateway.consume(at, segment);
  const uint64_t waiting = ~record.free_blocks.load();
  REQUIRE(std::popcount(waiting) == 1);
  for (auto& slot : record.block_slot) slot = at + 1;
  record.free_blocks = 0;
  reclaim_worker(*test.exchange, test.worker_record());
  CHECK(record.free_blocks == ~waiting);
  CHECK(TestExchange::collect(gateway, at) == "sent");
  gateway.release(at);
  require_nothing_leaked_of_blocks(*test.exchange);
}

TEST_CASE("news of every slot arrive, however many are in use, and at the successor of a gateway too") {
  TestExchange test({1, 1, 200});
  const auto serve = [&](unsigned count) {
    WorkerPort worker(*test.exchange, 0, 1);
    for (unsigned i = 0; i < count; ++i) {
      REQUIRE(worker.wait() == Wait::request);
      worker.finish();
    }
  };
  std::set<uint32_t> asked, answered;
  {
    GatewayPort gateway(*test.exchange, 0);
    for (int i = 0; i < 129; ++i) {
      asked.insert(test.submit(gateway, "/"));
      REQUIRE(test.last == Submitted::queued);
    }
    REQUIRE(asked.size() == 129);
    serve(65);
    while (gateway.has_news()) gateway.drain([&](uint32_t slot) { answered.insert(slot); });
    CHECK(answered.size() == 65);
    serve(64);
    CHECK(gateway.has_news());
    while (gateway.has_news()) gateway.drain([&](uint32_t slot) { answered.insert(slot); });
    CHECK(answered == asked);
    for (const uint32_t slot : answered) {
      TestExchange::collect(gateway, slot);
      gateway.release(slot);
    }
    for (int i = 0; i < 129; ++i) test.submit(gateway, "/of the dead");
  }
  GatewayPort successor(*test.exchange, 0, GatewayPort::Leftovers::run);
  serve(129);
  successor.drain([](uint32_t) { FAIL("nobody waits for it"); });
  require_nothing_leaked(*test.exchange);
}

TEST_CASE("whether a worker may take a request is decided before a later one is queued") {
  TestExchange test;
  GatewayPort gateway(*test.exchange, 0);
  RequestQueue& queue = test.exchange->queue();
  test.submit(gateway, "/first");
  QueueEntry taken{};
  CHECK_FALSE(queue.pop(test.worker_record(), 0, taken, [] { return Takes::nothing; }));
  CHECK(queue.depth() == 1);

  pid_t child = 0;
  CHECK_FALSE(queue.pop(test.worker_record(), 0, taken, [&] {
    child = ::fork();
    if (child == 0) {
      test.submit(gateway, "/second");
      ::_exit(0);
    }
    ::usleep(50'000);
    CHECK(queue.depth() == 1);
    return Takes::nothing;
  }));
  ::waitpid(child, nullptr, 0);
  CHECK(queue.depth() == 2);
}

TEST_CASE("a withdrawn request never reaches a worker, however often clients come and go") {
  TestExchange test({1, 1, 4});
  GatewayPort gateway(*test.exchange, 0);
  for (int round = 0; round < 10'000; ++round) {
    const uint32_t slot = test.submit(gateway, "/gone");
    REQUIRE(test.last == Submitted::queued);
    REQUIRE(gateway.withdraw(slot));
  }
  test.submit(gateway, "/stays");
  WorkerPort worker(*test.exchange, 0, 1);
  REQUIRE(worker.wait() == Wait::request);
  CHECK(worker.request().uri == "/stays");
}

TEST_CASE("workers take requests in the order of their arrival, retries first") {
  TestExchange test;
  GatewayPort gateway(*test.exchange, 0);
  const uint32_t first = test.submit(gateway, "/first");
  test.submit(gateway, "/second");
  {
    WorkerPort worker(*test.exchange, 0, 1);
    REQUIRE(worker.wait() == Wait::request);
    test.exchange->slots()[first].state = SlotState::crashed;  // as the master does when the worker dies
  }
  REQUIRE(gateway.retry(first, monotonic_now() + kSecond));
  test.exchange->workers()[0].current_slot = 0;
  WorkerPort worker(*test.exchange, 1, 1);
  REQUIRE(worker.wait() == Wait::request);
  CHECK(worker.request().uri == "/first");
  worker.finish();
  REQUIRE(worker.wait() == Wait::request);
  CHECK(worker.request().uri == "/second");
}

TEST_CASE("what has killed a worker on trial is run again by the code that is known to work") {
  TestExchange test;
  GatewayPort gateway(*test.exchange, 0);
  test.assigned(0).generation = 2;
  test.exchange->global().canary_generation = 2;
  const uint32_t slot = test.submit(gateway, "/deadly");
  {
    WorkerPort on_trial(*test.exchange, 0, 2);
    REQUIRE(on_trial.wait() == Wait::request);
    REQUIRE(reclaim_worker(*test.exchange, test.worker_record()).uri == "/deadly");
  }
  REQUIRE(gateway.retry(slot, monotonic_now() + kSecond));
  const pid_t child = ::fork();
  if (child == 0) {
    WorkerPort next_on_trial(*test.exchange, 0, 2);
    next_on_trial.wait();
    ::_exit(0);
  }
  for (int tries = 0; test.sleep(0).parked == 0 && tries < 1000; ++tries) ::usleep(5'000);
  CHECK(test.sleep(0).parked == 1);  // it sleeps, because there is nothing for it
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  WorkerPort proven(*test.exchange, 1, 1);
  REQUIRE(proven.wait() == Wait::request);
  CHECK(proven.request().uri == "/deadly");
}

TEST_CASE("a gateway learns for how many requests there was no worker to wake") {
  TestExchange test({1, 2, 8});
  GatewayPort gateway(*test.exchange, 0);
  for (const char* uri : {"/a", "/b", "/c"}) test.submit(gateway, uri);
  test.sleep(0).parked = 1;
  test.sleep(1).parked = 1;
  CHECK(gateway.wake_ups().wake_needed(monotonic_now()) == 1);
  CHECK(gateway.wake_ups().wake_needed(monotonic_now()) == 0);
  test.submit(gateway, "/d");
  CHECK(gateway.wake_ups().wake_all() == 1);
}

TEST_CASE("a worker that was woken for a request and told to end in the same moment wakes another one") {
  TestExchange test({1, 2, 8});
  GatewayPort gateway(*test.exchange, 0);
  Sleep& other = test.sleep(1);
  other.parked = 1;
  test.submit(gateway, "/");
  test.assigned(0).retire = kRetireNow;
  WorkerPort worker(*test.exchange, 0, 1);
  CHECK(worker.wait() == Wait::retire);
  CHECK(other.parked == 0);
}

TEST_CASE("a worker is idle since it fell asleep, not since its last request began") {
  TestExchange test;
  ProcessRecord& worker = test.exchange->workers()[0];
  test.assigned(0).started = 10;
  CHECK(idle_since(test.assigned(0), worker) == 10);
  worker.last_request = 20;
  CHECK(idle_since(test.assigned(0), worker) == 20);
  worker.slept_at = 30;
  CHECK(idle_since(test.assigned(0), worker) == 30);
  test.assigned(0).started = 40;  // another process in the same place
  CHECK(idle_since(test.assigned(0), worker) == 40);
}

TEST_CASE("a request whose time in the queue is over is not run") {
  TestExchange test;
  GatewayPort gateway(*test.exchange, 0);
  const uint32_t late = test.submit(gateway, "/late");
  test.exchange->orders()[late].queue_deadline = monotonic_now() - 1;
  test.submit(gateway, "/in-time");
  WorkerPort worker(*test.exchange, 0, 1);
  REQUIRE(worker.wait() == Wait::request);
  CHECK(worker.request().uri == "/in-time");
  CHECK(gateway.withdraw(late));
}

TEST_CASE("an abandoned request frees its slot when the worker is done") {
  TestExchange test;
  GatewayPort gateway(*test.exchange, 0);
  const uint32_t slot = test.submit(gateway, "/");
  WorkerPort worker(*test.exchange, 0, 1);
  worker.wait();
  gateway.abandon(slot);
  CHECK(worker.client_gone());
  CHECK(worker.body("x", 1) == Written::client_gone);
  worker.finish();
  gateway.drain([](uint32_t) { FAIL("nobody waits for it"); });
  require_nothing_leaked(*test.exchange);
}

TEST_CASE("a worker that scribbles over its slot costs the request, not the gateway") {
  TestExchange test;
  GatewayPort gateway(*test.exchange, 0);
  WorkerPort worker(*test.exchange, 0, 1);
  std::mt19937 random(7);
  for (int round = 0; round < 20'000; ++round) {
    const uint32_t slot_index = test.submit(gateway, "/");
    REQUIRE(test.last == Submitted::queued);
    REQUIRE(worker.wait() == Wait::request);
    worker.head(200, "", nullptr, 0);
    worker.body("body", 4);
    worker.finish();
    Slot& slot = test.exchange->slots()[slot_index];
    switch (random() % 4) {
      case 0:
        slot.published = random();
        break;
      case 1:
        slot.segments[0] = scribbled(random);
        break;
      case 2:
        slot.segments[1] = scribbled(random);
        break;
      default:
        slot.worker = random();
        break;
    }
    TestExchange::collect(gateway, slot_index);
    gateway.release(slot_index);
    // A scribbler is killed; its master gives its blocks back.
    reclaim_worker(*test.exchange, test.worker_record());
    test.exchange->workers()[0].free_blocks = ~uint64_t{0};
    gateway.drain([](uint32_t) {});
  }
  CHECK(usage(*test.exchange).slots_used == 0);
}

TEST_CASE("what is consumed is what was peeked, whatever the worker has written there since") {
  TestExchange test;
  GatewayPort gateway(*test.exchange, 0);
  WorkerPort worker(*test.exchange, 0, 1);
  const uint32_t at = test.submit(gateway, "/");
  REQUIRE(worker.wait() == Wait::request);
  worker.head(200, "", nullptr, 0);
  worker.finish();
  SegmentView segment;
  REQUIRE(gateway.waiting(at) == 1);
  REQUIRE(gateway.peek(at, segment));
  Slot& slot = test.exchange->slots()[at];
  slot.segments[0] = Segment{.offset = 0, .length = 1, .block = 5, .kind = SegmentKind::body, .last_of_block = 0};
  gateway.consume(at, segment);
  CHECK(gateway.waiting(at) == 0);
  require_nothing_leaked_of_blocks(*test.exchange);
}

TEST_CASE("a loop over what is published ends, whatever a worker publishes meanwhile") {
  TestExchange test;
  GatewayPort gateway(*test.exchange, 0);
  WorkerPort worker(*test.exchange, 0, 1);
  const uint32_t at = test.submit(gateway, "/");
  REQUIRE(worker.wait() == Wait::request);
  Slot& slot = test.exchange->slots()[at];
  slot.published = kSegments;
  CHECK(gateway.waiting(at) == kSegments);
  slot.published = kSegments + 1;
  CHECK(gateway.waiting(at) == 0);
  slot.published = 1;
  CHECK(gateway.waiting(at) == 0);  // it is not believed any more
  SegmentView segment;
  CHECK_FALSE(gateway.peek(at, segment));
}

TEST_CASE("slots and blocks of killed workers are all found again") {
  TestExchange test({1, 2, 16});
  GatewayPort gateway(*test.exchange, 0);
  std::mt19937 random(11);
  for (int round = 0; round < 1'000; ++round) {
    const uint32_t slot = test.submit(gateway, "/");
    REQUIRE(test.last == Submitted::queued);
    const pid_t child = ::fork();
    if (child == 0) {
      WorkerPort worker(*test.exchange, 0, 1);
      for (;;) {
        worker.wait();
        worker.head(200, "", nullptr, 0);
        const std::string piece(5'000, 'x');
        for (int count = 0; count < 40; ++count) worker.body(piece.data(), piece.size());
        worker.flush();
        worker.finish();
      }
    }
    ::usleep(random() % 400);
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    reclaim_worker(*test.exchange, test.worker_record());
    TestExchange::collect(gateway, slot);
    if (!gateway.withdraw(slot)) gateway.release(slot);
    gateway.drain([](uint32_t) { FAIL("no other request is under way"); });
    require_nothing_leaked(*test.exchange);
  }
}

TEST_CASE("a new gateway takes over what a dead one left") {
  TestExchange test;
  uint32_t running = 0;
  WorkerPort worker(*test.exchange, 0, 1);
  {
    GatewayPort dead(*test.exchange, 0);
    running = test.submit(dead, "/running");
    REQUIRE(worker.wait() == Wait::request);
    test.submit(dead, "/queued");
  }
  GatewayPort gateway(*test.exchange, 0);
  CHECK(worker.client_gone());
  CHECK(usage(*test.exchange).slots_used == 1);
  worker.finish();
  gateway.drain([](uint32_t) { FAIL("its client went with the dead gateway"); });
  require_nothing_leaked(*test.exchange);
  CHECK(test.exchange->slots()[running].state == SlotState::free);
}

TEST_CASE("a worker of an old generation takes nothing more") {
  TestExchange test;
  GatewayPort gateway(*test.exchange, 0);
  test.exchange->global().active_generation = 2;
  test.submit(gateway, "/");
  test.assigned(0).retire = kRetireNow;
  WorkerPort old(*test.exchange, 0, 1);
  CHECK(old.wait() == Wait::retire);
  test.assigned(1).generation = 2;
  WorkerPort current(*test.exchange, 1, 2);
  CHECK(current.wait() == Wait::request);
}

}  // namespace askr::exchange
