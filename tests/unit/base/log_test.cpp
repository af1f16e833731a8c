#include "base/log.hpp"
#include "base/fd.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>

namespace {

using namespace askr;

// A log file in a folder of its own; the log goes back to standard error afterwards.
struct LogFile {
  std::string folder, path;
  LogFile() {
    char pattern[] = "/tmp/askr-log-test-XXXXXX";
    folder = mkdtemp(pattern);
    path = folder + "/error.log";
  }
  ~LogFile() {
    (void)log::open("", log::Level::info);
    std::filesystem::remove_all(folder);
  }
  [[nodiscard]] std::string text() const {
    std::ostringstream out;
    out << std::ifstream(path).rdbuf();
    return out.str();
  }
};

TEST_CASE("a line has date, level, speaker and text, and is there at once") {
  LogFile file;
  REQUIRE(log::open(file.path, log::Level::info));
  log::set_speaker("worker 3 (100%)");
  log::warning("took {} ms", 12);
  const std::regex line(R"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} warning worker 3 \(100%\): took 12 ms\n)");
  CHECK(std::regex_match(file.text(), line));
}

TEST_CASE("an argument cannot forge a line") {
  LogFile file;
  REQUIRE(log::open(file.path, log::Level::info));
  log::error("no such path: {}", "/a\r\n2026-01-01 error master: forged\x1b[2J");
  const std::string text = file.text();
  CHECK(std::count(text.begin(), text.end(), '\n') == 1);
  CHECK(text.find("/a\\r\\n2026-01-01 error master: forged\\x1b[2J") != std::string::npos);
}

TEST_CASE("what is no UTF-8, and what acts on the reader, is escaped") {
  LogFile file;
  REQUIRE(log::open(file.path, log::Level::info));
  log::info("caf\xe9 \xc0\xaf caf\xc3\xa9 {}", "\xc2\x85\xc2\x9b \xe2\x80\xae \xe2\x81\xa6 \xe2\x80\xa8 \xd8\x9c\x7f");
  CHECK(file.text().find("caf\\xe9 \\xc0\\xaf caf\xc3\xa9 \\u0085\\u009b \\u202e \\u2066 \\u2028 \\u061c\\x7f\n") !=
        std::string::npos);
  log::pass_on("a line of another program \x1b[2J");
  CHECK(file.text().ends_with("\na line of another program \\x1b[2J\n"));
}

TEST_CASE("a child takes what the master has opened again") {
  LogFile file;
  REQUIRE(log::open(file.path, log::Level::info));
  std::atomic<uint32_t> reopenings{0};
  const log::Following following(reopenings);
  std::filesystem::rename(file.path, file.path + ".1");
  log::reopen_for_all(reopenings);
  CHECK(reopenings == 1);
  CHECK(std::filesystem::exists(file.path));
  log::info("new");
  CHECK(file.text().find("new") != std::string::npos);
  CHECK(
      (std::filesystem::status(file.path).permissions() & std::filesystem::perms::mask) ==
      (std::filesystem::perms::owner_read | std::filesystem::perms::owner_write | std::filesystem::perms::group_read));
}

TEST_CASE("lines below the threshold are left out") {
  LogFile file;
  REQUIRE(log::open(file.path, log::Level::warning));
  CHECK_FALSE(log::enabled(log::Level::info));
  log::info("quiet");
  log::debug("quieter");
  log::error("loud");
  CHECK(file.text().find("quiet") == std::string::npos);
  CHECK(file.text().find("loud") != std::string::npos);
}

TEST_CASE("opening appends, and reopening after a rotation starts a new file") {
  LogFile file;
  std::ofstream(file.path) << "older\n";
  REQUIRE(log::open(file.path, log::Level::info));
  std::atomic<uint32_t> reopenings{0};
  const log::Following following(reopenings);
  log::info("first");
  CHECK(file.text().rfind("older\n", 0) == 0);

  std::filesystem::rename(file.path, file.path + ".1");
  reopenings = 1;
  log::info("second");
  CHECK(file.text().find("first") == std::string::npos);
  CHECK(file.text().find("second") != std::string::npos);
  CHECK(log::reopenings() == 1);
}

TEST_CASE("a log that cannot be opened is an error that names it, and the old one stays") {
  LogFile file;
  REQUIRE(log::open(file.path, log::Level::info));
  auto failed = log::open(file.folder, log::Level::info);
  REQUIRE_FALSE(failed);
  CHECK(failed.error().message.find(file.folder) != std::string::npos);
  log::info("still here");
  CHECK(file.text().find("still here") != std::string::npos);
}

TEST_CASE("a pipe that nobody reads takes what it can, and the rest is lost and counted") {
  LogFile file;
  REQUIRE(mkfifo(file.path.c_str(), 0600) == 0);
  const UniqueFd reader(::open(file.path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  REQUIRE(log::open(file.path, log::Level::info));
  const auto read_all = [&] {
    std::string text(1 << 20, '\0');
    const ssize_t got = ::read(reader.get(), text.data(), text.size());
    text.resize(got > 0 ? static_cast<size_t>(got) : 0);
    return text;
  };
  for (int number = 0; number < 5000; ++number) log::warning("line {}.", number);
  const std::string before = read_all();
  CHECK(before.find("line 0.\n") != std::string::npos);
  const auto taken = std::count(before.begin(), before.end(), '\n');
  REQUIRE(taken < 5000);

  log::warning("one more");
  CHECK(read_all().find(fmt::format("{} lines of this log lost", 5000 - taken)) != std::string::npos);
  log::warning("another");
  CHECK(read_all().find("lost") == std::string::npos);
}

TEST_CASE("a line that a pipe takes a part of does not run into the next one") {
  LogFile file;
  REQUIRE(mkfifo(file.path.c_str(), 0600) == 0);
  const UniqueFd reader(::open(file.path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  REQUIRE(log::open(file.path, log::Level::info));
  log::warning("long {}", std::string(1 << 20, 'x'));
  std::string taken(2 << 20, '\0');
  REQUIRE(::read(reader.get(), taken.data(), taken.size()) < 1 << 20);
  log::warning("short");
  const ssize_t got = ::read(reader.get(), taken.data(), taken.size());
  REQUIRE(got > 0);
  taken.resize(static_cast<size_t>(got));
  CHECK(taken.starts_with('\n'));
  CHECK(taken.ends_with("short\n"));
}

TEST_CASE("levels have four names") {
  CHECK(log::parse_level("debug").value() == log::Level::debug);
  CHECK(log::parse_level("error").value() == log::Level::error);
  CHECK(log::parse_level("verbose").error().exit_code == 2);
}

}  // namespace
