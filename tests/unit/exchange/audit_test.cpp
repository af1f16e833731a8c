#include "exchange/audit.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>

#include "fixture.hpp"

namespace askr::exchange {
namespace {

// Two workers that run, one gateway. Processes are not between two steps here, so a look finds what it would find in
// any other moment.
struct Audited : TestExchange {
  Audited() : TestExchange({1, 2, 8}), gateway(*exchange, 0), worker(*exchange, 0, 1), audit(*exchange) {
    for (unsigned index = 0; index < 2; ++index) {
      assigned(index).pid = ::getpid();
      assigned(index).role = Role::worker;
      exchange->workers()[index].state = ProcessState::idle;
    }
  }

  Findings look(unsigned times = 1) {
    Findings found;
    for (unsigned count = 0; count < times; ++count) found = audit.look(monotonic_now());
    return found;
  }
  // A request that the worker runs.
  uint32_t run() {
    const uint32_t at = submit(gateway, "/");
    REQUIRE(worker.wait() == Wait::request);
    return at;
  }
  [[nodiscard]] Slot& slot(uint32_t at) const { return exchange->slots()[at]; }
  [[nodiscard]] ProcessRecord& record(unsigned index = 0) const { return exchange->workers()[index]; }
  // Nothing is wrong, however often one looks.
  void require_sense() {
    for (unsigned count = 0; count < 3 * kLooks; ++count) REQUIRE(look().mended.empty());
  }
  // It is found at this look, and not before.
  std::string found_after(unsigned looks) {
    if (looks > 1) CHECK(look(looks - 1).mended.empty());
    const Findings found = look();
    REQUIRE(found.mended.size() == 1);
    return found.mended[0];
  }

  GatewayPort gateway;
  WorkerPort worker;
  Audit audit;
};

bool rung(const Doorbell& bell) {
  uint64_t count = 0;
  return ::read(bell.own_side(), &count, sizeof count) > 0;
}

bool poked(const Exchange& exchange) {
  return rung(exchange.gateway_bell(0));
}

}  // namespace

TEST_CASE("what makes sense is left alone in each state of a request") {
  Audited test;
  test.require_sense();
  CHECK_FALSE(test.look().has_work);
  const uint32_t at = test.submit(test.gateway, "/");
  test.require_sense();
  CHECK(test.look().has_work);
  REQUIRE(test.worker.wait() == Wait::request);
  test.require_sense();
  test.worker.head(200, "", nullptr, 0);
  test.require_sense();  // one block is being written to
  test.worker.flush();
  test.worker.body("more", 4);
  test.require_sense();  // and another one is under way
  test.worker.finish();
  test.require_sense();
  CHECK(test.slot(at).state == SlotState::done);
  TestExchange::collect(test.gateway, at);
  test.gateway.release(at);
  test.require_sense();
  CHECK_FALSE(test.look().has_work);
}

TEST_CASE("a response that fills all blocks makes sense") {
  Audited test;
  const uint32_t at = test.run();
  const std::string piece(kBlockSize, 'x');
  test.worker.head(200, "", nullptr, 0);
  test.worker.flush();
  for (unsigned block = 1; block < kBlocksPerWorker; ++block) test.worker.body(piece.data(), piece.size());
  REQUIRE(test.record().free_blocks == 0);
  test.require_sense();
  TestExchange::collect(test.gateway, at);
}

TEST_CASE("the last worker makes sense in the last slot, with all that it has published") {
  TestExchange test({1, 1, 8});
  const auto slots = static_cast<uint32_t>(test.exchange->slots().size());
  for (uint32_t other = 0; other + 1 < slots; ++other) {  // all others are in use
    test.exchange->orders()[other].open = 1;
    test.exchange->slots()[other].state = SlotState::running;
  }
  GatewayPort gateway(*test.exchange, 0);
  const unsigned last = test.exchange->worker_records() - 1;
  test.assigned(last).pid = ::getpid();
  Audit audit(*test.exchange);
  const uint32_t at = test.submit(gateway, "/");
  REQUIRE(at == slots - 1);
  WorkerPort worker(*test.exchange, last, 1);
  REQUIRE(worker.wait() == Wait::request);
  REQUIRE(test.exchange->workers()[last].current_slot == slots);
  worker.head(200, "", nullptr, 0);
  worker.flush();
  worker.body("more", 4);
  for (unsigned count = 0; count < 3 * kLooks; ++count) {
    const Findings found = audit.look(monotonic_now());
    CHECK(found.to_end.empty());
    CHECK(test.exchange->slots()[at].state == SlotState::running);
  }
}

TEST_CASE("an abandoned request that runs makes sense") {
  Audited test;
  const uint32_t at = test.run();
  test.gateway.abandon(at);
  test.require_sense();
}

TEST_CASE("counts of the queue that cannot be are set anew, and what was in it is a request whose worker died") {
  Audited test;
  const uint32_t at = test.submit(test.gateway, "/");
  QueueHeader* header = test.exchange->queue().header();
  SECTION("its end lies behind its beginning") {
    header->head = header->tail + 1;
  }
  SECTION("its end is far away") {
    header->tail = header->head + 1'000'000;
  }
  SECTION("its beginning is its end") {
    header->head.store(header->tail.load());
  }
  const Findings found = test.look();
  CHECK_FALSE(found.mended.empty());
  CHECK(test.slot(at).state == SlotState::crashed);
  CHECK(test.gateway.has_news());
  CHECK(test.exchange->queue().depth() == 0);
  CHECK(test.exchange->queue().looks_empty());
  test.require_sense();
  REQUIRE(test.gateway.retry(at, monotonic_now() + kSecond));
  REQUIRE(test.worker.wait() == Wait::request);
}

TEST_CASE("how many requests wait is counted again") {
  Audited test;
  test.submit(test.gateway, "/");
  QueueHeader& header = *test.exchange->queue().header();
  header.live = 4'000'000'000;
  test.submit(test.gateway, "/refused");
  CHECK(test.last == Submitted::queue_full);
  CHECK(test.found_after(1) == "the counts of the queue");
  CHECK(test.exchange->queue().depth() == 1);
  header.live = 0;
  CHECK(test.look().mended.empty());  // as it may be after a worker was killed in there
  CHECK(test.exchange->queue().depth() == 1);
}

TEST_CASE("a request whose time in the queue is over waits for its gateway, in the queue or not") {
  Audited test;
  const uint32_t at = test.submit(test.gateway, "/");
  test.exchange->orders()[at].queue_deadline = monotonic_now() - 1;
  QueueEntry taken{};
  CHECK_FALSE(test.exchange->queue().pop(0, monotonic_now(), taken, [] { return Takes::anything; }));
  REQUIRE(test.exchange->queue().looks_empty());
  test.require_sense();
  CHECK(test.exchange->queue().depth() == 1);
  CHECK(test.gateway.withdraw(at));
}

TEST_CASE("a state that there is not is a request whose worker died, at once") {
  Audited test;
  const uint32_t at = test.run();
  test.slot(at).state = static_cast<SlotState>(77);
  test.found_after(1);
  CHECK(test.gateway.progress(at) == Progress::crashed);
}

TEST_CASE("an open slot that says it is free, or being filled, is a request whose worker died") {
  for (const SlotState state : {SlotState::free, SlotState::filling}) {
    Audited test;
    const uint32_t at = test.submit(test.gateway, "/");
    test.slot(at).state = state;
    test.found_after(kLooks);
    CHECK(test.gateway.progress(at) == Progress::crashed);
    CHECK(test.gateway.has_news());
  }
}

TEST_CASE("what the worker half of a slot says that is not open is nobody's business") {
  Audited test;
  const uint32_t at = test.submit(test.gateway, "/");
  REQUIRE(test.gateway.withdraw(at));
  for (const auto state : {SlotState::queued, SlotState::running, SlotState::done, static_cast<SlotState>(77)}) {
    test.slot(at).state = state;
    test.require_sense();
  }
  CHECK(usage(*test.exchange).slots_used == 0);
  test.exchange->announce(at);
  test.gateway.drain([](uint32_t) { FAIL("there is no request in it"); });
  const uint32_t first = test.submit(test.gateway, "/a");
  const uint32_t second = test.submit(test.gateway, "/b");
  CHECK(first != second);  // it was not freed twice
}

TEST_CASE("a slot that is not open is not run, whatever the queue has of it") {
  Audited test;
  const uint32_t at = test.submit(test.gateway, "/");
  REQUIRE(test.gateway.withdraw(at));
  test.slot(at).state = SlotState::queued;
  QueueEntry taken{};
  CHECK_FALSE(test.exchange->queue().pop(0, monotonic_now(), taken, [] { return Takes::anything; }));
}

TEST_CASE("a request that runs by its state only is one whose worker died") {
  Audited test;
  const uint32_t at = test.submit(test.gateway, "/");
  test.slot(at).state = SlotState::running;
  SECTION("it names nobody") {}
  SECTION("it names one that is at something else") {
    test.slot(at).worker = 1;
  }
  SECTION("it names no worker") {
    test.slot(at).worker = 4'000'000'000;
  }
  test.found_after(kLooks);
  CHECK(test.gateway.progress(at) == Progress::crashed);
}

TEST_CASE("what moves is not suspicious") {
  Audited test;
  for (unsigned count = 0; count < 3 * kLooks; ++count) {
    const uint32_t at = test.submit(test.gateway, "/");
    test.slot(at).state = SlotState::running;  // taken, and its worker comes not a step further
    CHECK(test.look().mended.empty());
    test.slot(at).state = SlotState::queued;
    REQUIRE(test.gateway.withdraw(at));
  }
}

TEST_CASE("a slot that names another worker than who runs its request is set right") {
  Audited test;
  const uint32_t at = test.run();
  test.slot(at).worker = 2;
  test.found_after(kLooks);
  CHECK(test.slot(at).worker == 1);
  CHECK(test.slot(at).state == SlotState::running);
  test.require_sense();
}

TEST_CASE("a worker that runs what is no request any more is ended") {
  Audited test;
  const uint32_t at = test.run();
  SECTION("its gateway has given it up") {
    test.slot(at).state = SlotState::crashed;
    test.gateway.release(at);
  }
  SECTION("another one got it") {
    test.record(1).current_slot = at + 1;
  }
  SECTION("there is no such slot") {
    test.record().current_slot = 4'000'000'000;
    test.gateway.abandon(at);
  }
  Findings found;
  std::vector<unsigned> ended;
  for (unsigned count = 0; count < kLooks + 1; ++count) {
    found = test.look();
    ended.insert(ended.end(), found.to_end.begin(), found.to_end.end());
  }
  CHECK(std::find(ended.begin(), ended.end(), 0U) != ended.end());
  CHECK(test.look().to_end.empty());  // told once
}

TEST_CASE("a worker with blocks in use that belong to no response is ended") {
  Audited test;
  SECTION("while it runs a request: one is being written to") {
    const uint32_t at = test.run();
    test.record().free_blocks = ~uint64_t{1};
    test.require_sense();
    test.record().free_blocks = ~uint64_t{3};
    CHECK(test.look(kLooks).to_end.empty());
    CHECK(test.look().to_end == std::vector<unsigned>{0});
    test.gateway.abandon(at);
  }
  SECTION("while it is idle") {
    test.record().free_blocks = ~uint64_t{1};
    CHECK(test.look(kLooks).to_end.empty());
    CHECK(test.look().to_end == std::vector<unsigned>{0});
  }
  SECTION("another process in its place is another one") {
    test.record().free_blocks = ~uint64_t{1};
    test.look(kLooks);
    test.assigned(0).pid = ::getpid() + 1;
    CHECK(test.look(kLooks).to_end.empty());
  }
}

TEST_CASE("blocks of a dead worker come back, but for those that a gateway still sends") {
  Audited test;
  const uint32_t at = test.run();
  test.worker.head(200, "", nullptr, 0);
  test.worker.flush();
  test.worker.body("more", 4);
  test.worker.finish();
  const uint64_t under_way = ~test.record().free_blocks;
  REQUIRE(under_way == 3);
  test.record().free_blocks = 0;
  test.record().block_slot[9] = 4'000'000'000;
  test.assigned(0).pid = 0;
  test.slot(at).worker = 2;  // not even that is needed to know whose they are
  test.look(kLooks);
  CHECK(~test.record().free_blocks == under_way);
  CHECK(test.look().has_work);
  test.slot(at).worker = 1;
  TestExchange::collect(test.gateway, at);
  test.gateway.release(at);
  CHECK(test.record().free_blocks == ~uint64_t{0});
  CHECK_FALSE(test.look().has_work);
}

TEST_CASE("an announcement that was lost is made again") {
  Audited test;
  const uint32_t at = test.run();
  SECTION("of a complete response") {
    test.worker.head(200, "", nullptr, 0);
    test.worker.finish();
  }
  SECTION("of a part of one") {
    test.worker.head(200, "", nullptr, 0);
    test.worker.flush();
  }
  for (auto& word : test.exchange->ready_bits(0)) word = 0;
  test.look(kLooks - 2);
  CHECK_FALSE(test.gateway.has_news());
  poked(*test.exchange);
  CHECK(test.look().mended.empty());
  CHECK(test.gateway.has_news());
  CHECK(poked(*test.exchange));
  TestExchange::collect(test.gateway, at);
}

TEST_CASE("a gateway that sleeps without saying so is poked") {
  Audited test;
  const uint32_t at = test.run();
  REQUIRE(at < 64);
  test.exchange->ready_bits(0)[0] = ~(uint64_t{1} << at);
  test.look(2 * kLooks);
  CHECK_FALSE(poked(*test.exchange));  // news of slots that are not open are none
  test.exchange->ready_bits(0)[0] = uint64_t{1} << at;
  test.look(kLooks - 2);
  CHECK_FALSE(poked(*test.exchange));
  test.look();
  CHECK(poked(*test.exchange));
}

TEST_CASE("a worker that sleeps without saying so is woken when requests wait") {
  Audited test;
  const pid_t child = ::fork();
  if (child == 0) {
    WorkerPort sleeper(*test.exchange, 1, 1);
    ::_exit(sleeper.wait() == Wait::request ? 0 : 1);
  }
  while (test.sleep(1).parked == 0) ::usleep(1'000);
  ::usleep(20'000);  // it is in the system call, or on its way there
  test.sleep(1).parked = 0;
  test.submit(test.gateway, "/");
  for (unsigned count = 0; count < kLooks; ++count) CHECK(test.look().mended.empty());
  int status = 1;
  for (int tries = 0; tries < 1000 && ::waitpid(child, &status, WNOHANG) == 0; ++tries) {
    ::usleep(5'000);
    test.look();
  }
  CHECK(status == 0);
  ::kill(child, SIGKILL);
}

TEST_CASE("who was at work since the last look is told") {
  Audited test;
  CHECK(test.look().at_work.empty());
  const uint32_t at = test.run();
  CHECK(test.look().at_work == std::vector<unsigned>{0});
  test.worker.finish();
  test.gateway.release(at);
  CHECK(test.look().at_work.empty());
  test.record(1).last_request = monotonic_now();
  CHECK(test.look().at_work == std::vector<unsigned>{1});
}

TEST_CASE("a block is sent for that request only for which its worker has published it") {
  Audited test;
  const uint32_t at = test.run();
  test.worker.head(200, "", nullptr, 0);
  test.worker.flush();
  SegmentView segment;
  REQUIRE(test.gateway.peek(at, segment));
  SECTION("by another worker") {
    test.slot(at).worker = 2;
  }
  SECTION("another block") {
    Segment forged = test.slot(at).segments[0].load();
    forged.block = 7;
    test.slot(at).segments[0] = forged;
  }
  CHECK_FALSE(test.gateway.peek(at, segment));
  CHECK(test.gateway.waiting(at) == 0);  // it is distrusted from now on
}

TEST_CASE("a worker whose request was given up and begun anew answers neither") {
  Audited test;
  const uint32_t at = test.run();
  test.worker.head(200, "", nullptr, 0);
  test.worker.body("of the first", 12);
  test.slot(at).state = SlotState::crashed;  // scribbled
  REQUIRE(test.gateway.retry(at, monotonic_now() + kSecond));
  test.worker.finish();
  CHECK(test.slot(at).state == SlotState::queued);
  CHECK(test.slot(at).published == 0);
  CHECK(test.record().free_blocks == ~uint64_t{0});
}

TEST_CASE("an audit is asked for with the first request, and not again") {
  Audited test;
  const auto asked = [&test] { return rung(test.exchange->master_bell()); };
  CHECK_FALSE(asked());
  test.submit(test.gateway, "/");
  CHECK(asked());
  test.submit(test.gateway, "/");
  CHECK_FALSE(asked());
  test.exchange->gateway_words().audit_asked = 0;
  test.submit(test.gateway, "/");
  CHECK(asked());
}

TEST_CASE("a target of workers that there is no room for is none") {
  Audited test;
  test.exchange->gateway_words().worker_target = 4'000'000'000;
  CHECK(test.exchange->worker_target() == 2);
  test.exchange->gateway_words().worker_target = 0;
  CHECK(test.exchange->worker_target() == 1);
}

TEST_CASE("a time that a worker has noted is one between two others, or none") {
  CHECK(time_between(5, 4, 9) == 0);
  CHECK(time_between(5, 5, 9) == 5);
  CHECK(time_between(5, 9, 9) == 9);
  CHECK(time_between(5, 10, 9) == 0);
}

TEST_CASE("a process cannot write to what another one decides, nor to another one's record") {
  TestExchange test({1, 2, 8});
  const auto can = [&test](Role role, unsigned position, void* address) {
    const pid_t child = ::fork();
    if (child == 0) {
      ::signal(SIGSEGV, SIG_DFL);
      test.exchange->enter(Role::template_);
      test.exchange->enter(role, position);
      *static_cast<volatile char*>(address) = 1;
      ::_exit(0);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    return status == 0;
  };
  const Exchange& exchange = *test.exchange;
  for (const Role role : {Role::worker, Role::sidecar}) {
    CHECK_FALSE(can(role, 0, &exchange.global()));
    CHECK_FALSE(can(role, 0, &exchange.assignments()[0]));
    CHECK_FALSE(can(role, 0, &exchange.gateway_words()));
    CHECK_FALSE(can(role, 0, &exchange.overdue(0)));
    CHECK_FALSE(can(role, 0, &exchange.orders()[0]));
    CHECK_FALSE(can(role, 0, exchange.request_area(0)));
    CHECK_FALSE(can(role, 0, &exchange.records()[1]));
    CHECK_FALSE(can(role, 0, exchange.block(kBlocksPerWorker)));
    CHECK_FALSE(can(role, 0, &exchange.records()[exchange.gateway_record(0)]));
  }
  CHECK(can(Role::worker, 1, &exchange.records()[1]));
  CHECK(can(Role::worker, 1, exchange.block(kBlocksPerWorker)));
  CHECK(can(Role::worker, 1, &exchange.slots()[0]));
  CHECK(can(Role::worker, 1, &exchange.sleep(0)));
}

}  // namespace askr::exchange
