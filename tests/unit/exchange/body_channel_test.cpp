#include "exchange/body_channel.hpp"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <utility>

#include "fixture.hpp"

namespace askr::exchange {
namespace {

std::shared_ptr<const UniqueFd> file_with(std::string_view content) {
  char name[] = "/tmp/askr-test-XXXXXX";
  auto file = std::make_shared<const UniqueFd>(::mkstemp(name));
  ::unlink(name);
  REQUIRE(::write(file->get(), content.data(), content.size()) == static_cast<ssize_t>(content.size()));
  return file;
}

uint32_t submit_file(GatewayPort& gateway, std::shared_ptr<const UniqueFd> file, uint64_t size) {
  RequestView request;
  request.id = "id";
  request.method = "PUT";
  request.uri = "/";
  request.body_size = size;
  uint32_t slot = 0;
  REQUIRE(gateway.submit(request, {{}, std::move(file)}, monotonic_now() + kSecond, slot) == Submitted::queued);
  return slot;
}

// A worker that answers with the body of its one request, in a process of its own: it waits for the gateway.
pid_t fork_worker(TestExchange& test) {
  const pid_t child = ::fork();
  if (child != 0) return child;
  test.assigned(0).retire = kRetireWhenIdle;
  WorkerPort worker(*test.exchange, 0, 1);
  if (worker.wait() == Wait::request) {
    char buffer[100];
    const int64_t size = worker.read_body(buffer, sizeof buffer);
    worker.head(200, "", nullptr, 0);
    worker.body(buffer, static_cast<size_t>(std::max<int64_t>(size, 0)));
    worker.finish();
  }
  ::_exit(0);
}

void answer_until_exit(GatewayPort& gateway, pid_t child) {
  while (::waitpid(child, nullptr, WNOHANG) == 0) gateway.hand_out_bodies();
}

// A worker that waits for a body, in this process.
class Asking {
 public:
  Asking(TestExchange& test, unsigned worker, uint64_t request)
      : test_(test), request_(test.exchange->workers()[worker], request) {}
  bool gets_a_file(GatewayPort& gateway) {
    const unsigned record = test_.exchange->gateway_record(0);
    return static_cast<bool>(request_.wait(test_.exchange->assignments()[record].pid, [&] {
      test_.exchange->sleep(record).body_asked = 1;
      gateway.hand_out_bodies();
      return true;
    }));
  }

 private:
  TestExchange& test_;
  BodyRequest request_;
};

unsigned open_descriptors() {
  unsigned count = 0;
  for (int fd = 0; fd < 256; ++fd) count += ::fcntl(fd, F_GETFD) >= 0 ? 1 : 0;
  return count;
}

}  // namespace

TEST_CASE("a worker is handed the file of its request, whatever has become of the gateway's other descriptors") {
  TestExchange test;
  GatewayPort gateway(*test.exchange, 0);
  const uint32_t slot = submit_file(gateway, file_with("this very body"), 14);
  const pid_t child = fork_worker(test);
  answer_until_exit(gateway, child);
  CHECK(TestExchange::collect(gateway, slot) == "this very body");
  gateway.release(slot);
}

TEST_CASE("the file of a body is kept until its slot is free, and not longer") {
  TestExchange test;
  GatewayPort gateway(*test.exchange, 0);
  const auto file = file_with("body");
  const uint32_t queued = submit_file(gateway, file, 4);
  CHECK(file.use_count() == 2);
  REQUIRE(gateway.withdraw(queued));
  CHECK(file.use_count() == 1);

  const uint32_t slot = submit_file(gateway, file, 4);
  QueueEntry taken{};
  REQUIRE(test.exchange->queue().pop(test.worker_record(), 0, taken, [] { return Takes::anything; }));
  gateway.abandon(slot);
  CHECK(file.use_count() == 2);  // the worker may still ask for it
  test.exchange->slots()[slot].state = SlotState::done;
  test.exchange->announce(slot);
  gateway.drain([](uint32_t) { FAIL("nobody waits for it"); });
  CHECK(file.use_count() == 1);
}

TEST_CASE("a request whose gateway has died is not run without its body") {
  TestExchange test;
  uint32_t slot = 0;
  {
    GatewayPort dead(*test.exchange, 0);
    slot = submit_file(dead, file_with("lost"), 4);
  }
  const pid_t child = fork_worker(test);
  while (test.exchange->slots()[slot].state == SlotState::queued) ::usleep(100);
  GatewayPort successor(*test.exchange, 0);
  answer_until_exit(successor, child);
  successor.drain([](uint32_t) {});
  const Slot& after = test.exchange->slots()[slot];
  CHECK(after.state == SlotState::free);
  CHECK(after.published == 0);
  CHECK((after.flags & kAborted) != 0);
}

TEST_CASE("nobody is given the file of another request") {
  TestExchange test({1, 2, 8});
  GatewayPort gateway(*test.exchange, 0);
  const uint32_t slot = submit_file(gateway, file_with("secret"), 6);
  const uint32_t ticket = test.exchange->orders()[slot].ticket;
  ProcessRecord& worker = test.exchange->workers()[0];
  worker.current_slot = slot + 1;
  const auto asked = [&](uint32_t for_slot, uint32_t with_ticket) {
    Asking asking(test, 0, overdue_mark(for_slot, with_ticket));
    return asking.gets_a_file(gateway);
  };
  CHECK_FALSE(asked(slot, ticket));  // queued, so nobody's
  QueueEntry taken{};
  REQUIRE(test.exchange->queue().pop(test.worker_record(), 0, taken, [] { return Takes::anything; }));
  CHECK(taken.ticket == ticket);
  CHECK(asked(slot, ticket));
  CHECK_FALSE(asked(slot, ticket - 1));
  CHECK_FALSE(asked(slot + 1, ticket));
  worker.current_slot = 0;
  CHECK_FALSE(asked(slot, ticket));
  worker.current_slot = slot + 1;
  test.exchange->workers()[1].current_slot = slot + 1;
  CHECK_FALSE(asked(slot, ticket));  // whose is it?
}

TEST_CASE("a body is read and not written to by who is handed it, and only its gateway hands it over") {
  TestExchange test;
  GatewayPort gateway(*test.exchange, 0);
  const auto file = file_with("body");
  const uint32_t slot = submit_file(gateway, file, 4);
  QueueEntry taken{};
  REQUIRE(test.exchange->queue().pop(test.worker_record(), 0, taken, [] { return Takes::anything; }));
  ProcessRecord& worker = test.exchange->workers()[0];
  worker.current_slot = slot + 1;
  const BodyRequest request(worker, overdue_mark(slot, taken.ticket));
  const auto other = file_with("from somebody else on this machine");
  const pid_t stranger = ::fork();
  if (stranger == 0) {
    test.exchange->body_desk().answer(worker, other->get());
    ::_exit(0);
  }
  ::waitpid(stranger, nullptr, 0);
  bool reminded = false;
  const UniqueFd got = request.wait(test.exchange->assignments()[test.exchange->gateway_record(0)].pid, [&] {
    test.exchange->sleep(test.exchange->gateway_record(0)).body_asked = 1;
    gateway.hand_out_bodies();
    return !std::exchange(reminded, true);
  });
  REQUIRE(got);
  char buffer[10];
  CHECK(::pread(got.get(), buffer, sizeof buffer, 0) == 4);
  CHECK(::pwrite(got.get(), "x", 1, 0) < 0);
}

TEST_CASE("questions cost the gateway no descriptor, and those that make no sense are answered too") {
  TestExchange test;
  GatewayPort gateway(*test.exchange, 0);
  const unsigned before = open_descriptors();
  ProcessRecord& worker = test.exchange->workers()[0];
  Sleep& sleep = test.exchange->sleep(test.exchange->gateway_record(0));
  for (const uint64_t wanted : {uint64_t{1}, uint64_t{8}, uint64_t{9}, ~uint64_t{0}, uint64_t{1} << 32}) {
    worker.body_wanted = wanted;
    worker.body_address = wanted;
    sleep.body_asked = 1;
    gateway.hand_out_bodies();
    CHECK(sleep.body_asked == 0);
  }
  for (int round = 0; round < 100; ++round) {
    Asking asking(test, 0, overdue_mark(0, 77));
    CHECK_FALSE(asking.gets_a_file(gateway));
  }
  CHECK(open_descriptors() == before);
}

}  // namespace askr::exchange
