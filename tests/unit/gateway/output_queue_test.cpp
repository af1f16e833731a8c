#include "gateway/output_queue.hpp"

#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>

#include "spool_fixture.hpp"

namespace askr::gateway {
namespace {

// A client that takes `room` bytes and then no more.
class SlowClient final : public Transport {
 public:
  size_t room = 0;
  std::string received;
  bool gone = false;

  ssize_t read(char* /*buffer*/, size_t /*size*/) override { return kAgain; }
  ssize_t write(const iovec* pieces, int count) override {
    if (gone) return kBroken;
    size_t taken = 0;
    for (int index = 0; index < count && room > 0; ++index) {
      const size_t part = std::min(room, pieces[index].iov_len);
      received.append(static_cast<const char*>(pieces[index].iov_base), part);
      room -= part;
      taken += part;
    }
    return taken == 0 ? kAgain : static_cast<ssize_t>(taken);
  }
  ssize_t send_file(int file, uint64_t offset, size_t size) override {
    const size_t part = std::min(room, size);
    if (part == 0) return kAgain;
    std::string bytes(part, '\0');
    if (::pread(file, bytes.data(), part, static_cast<off_t>(offset)) != static_cast<ssize_t>(part)) return kBroken;
    received += bytes;
    room -= part;
    return static_cast<ssize_t>(part);
  }
  void finish_writing() override {}
  void abort_on_close() override {}
  [[nodiscard]] size_t unread() const override { return 0; }
  [[nodiscard]] bool at_end() const override { return gone; }
  [[nodiscard]] int fd() const override { return -1; }
};

Spool spool("/tmp");

std::string pattern(size_t size, unsigned seed) {
  std::string bytes(size, '\0');
  for (size_t at = 0; at < size; ++at) bytes[at] = static_cast<char>('a' + (at * 7 + seed) % 26);
  return bytes;
}

}  // namespace

TEST_CASE("what the client does not take at once waits, in order") {
  OutputQueue queue(spool);
  SlowClient client;
  client.room = 7;
  std::string head = "head";
  std::string body = "body-of-it";
  const iovec pieces[] = {{head.data(), head.size()}, {body.data(), body.size()}};
  CHECK(queue.send(client, pieces, 2) == Flow::blocked);
  head = body = "overwritten";
  CHECK(queue.pending() == 7);
  client.room = 100;
  CHECK(queue.write(client) == Flow::done);
  CHECK(client.received == "headbody-of-it");
}

TEST_CASE("a slow client's response goes through the spool file byte for byte") {
  OutputQueue queue(spool);
  SlowClient client;
  std::string expected;
  for (unsigned piece = 0; piece < 300; ++piece) {
    const std::string bytes = pattern(10'000, piece);
    expected += bytes;
    queue.append(bytes);
    client.room = piece % 3 == 0 ? 4'321 : 0;
    REQUIRE(queue.write(client) != Flow::broken);
  }
  CHECK(queue.pending() == expected.size() - client.received.size());
  CHECK_FALSE(queue.full());
  while (!queue.empty()) {
    client.room = 65'537;
    REQUIRE(queue.write(client) != Flow::broken);
  }
  CHECK(client.received == expected);
}

TEST_CASE("without room on the disk the bytes stay in memory and the worker is held back") {
  Spool nowhere("/nonexistent-folder");
  OutputQueue queue(nowhere);
  SlowClient client;
  const std::string bytes = pattern(OutputQueue::kMemoryLimit + 5, 1);
  queue.append(bytes);
  CHECK(queue.full());
  client.room = bytes.size();
  CHECK(queue.write(client) == Flow::done);
  CHECK(client.received == bytes);
  CHECK_FALSE(queue.full());
}

TEST_CASE("beyond the spool's limit the bytes stay in memory until the client has read them") {
  SpoolFixture test(1, 3 << 20);
  OutputQueue queue(test.spools[0]);
  SlowClient client;
  std::string expected;
  for (unsigned piece = 0; !queue.full(); ++piece) {
    const std::string bytes = pattern(100'000, piece);
    expected += bytes;
    queue.append(bytes);
    REQUIRE(expected.size() < 6 << 20);
  }
  CHECK(test.used() > 2 << 20);
  CHECK(test.used() <= 3 << 20);
  client.room = expected.size();
  CHECK(queue.write(client) == Flow::done);
  CHECK(client.received == expected);
  CHECK_FALSE(queue.full());
  CHECK(test.used() == 0);
}

TEST_CASE("a client that has gone is told apart from a slow one") {
  OutputQueue queue(spool);
  SlowClient client;
  queue.append("x");
  CHECK(queue.write(client) == Flow::blocked);
  client.gone = true;
  CHECK(queue.write(client) == Flow::broken);
}

TEST_CASE("shared memory and files are sent from where they are") {
  OutputQueue queue(spool);
  SlowClient client;
  auto file = SpoolFile::create(spool);
  REQUIRE(file);
  REQUIRE(file.value()->append("0123456789"));
  auto text = std::make_shared<const std::string>("abcdef");
  queue.append(text, std::string_view(*text).substr(2, 3));
  CHECK(text.use_count() == 2);
  queue.append(std::make_shared<const UniqueFd>(::dup(file.value()->file().get())), 4, 5);
  for (int turn = 0; turn < 100 && !queue.empty(); ++turn) {
    client.room = 1;
    REQUIRE(queue.write(client) != Flow::broken);
  }
  CHECK(client.received == "cde45678");
}

}  // namespace askr::gateway
