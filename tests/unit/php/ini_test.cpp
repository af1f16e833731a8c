#include "php/ini.hpp"

#include <algorithm>
#include <catch2/catch.hpp>

using namespace askr::php;

namespace {

RuntimeOptions with_lines(std::vector<std::string> lines) {
  RuntimeOptions options;
  options.max_body_size = 1000;
  options.upload_dir = "/tmp/up loads";
  options.ini = std::move(lines);
  return options;
}

size_t line_of(const std::string& text, const std::string& line) {
  return static_cast<size_t>(std::count(text.begin(), text.begin() + static_cast<long>(text.find(line)), '\n')) + 1;
}

}  // namespace

TEST_CASE("the operator's lines come after ours, so they win") {
  const auto text = compose_ini(with_lines({"post_max_size=5", "; a comment", "[a section]"}));
  CHECK(text.find("post_max_size=1000\n") < text.find("post_max_size=5\n"));
  CHECK(text.find("upload_max_filesize=1000\n") != std::string::npos);
  CHECK(text.find("upload_tmp_dir=\"/tmp/up loads\"\n") != std::string::npos);
}

TEST_CASE("PHP does not say that it reads settings of folders, whatever its files say") {
  CHECK(compose_ini(RuntimeOptions{}).find("user_ini.filename=\n") != std::string::npos);
}

TEST_CASE("without a body limit PHP keeps its own") {
  RuntimeOptions options;
  const auto text = compose_ini(options);
  CHECK(text.find("post_max_size") == std::string::npos);
  CHECK(text.find("upload_tmp_dir") == std::string::npos);
}

TEST_CASE("a syntax error in a file keeps PHP's file and line") {
  std::vector<std::string> warnings;
  const auto judged =
      judge_startup_output("PHP:  syntax error, unexpected '(' in /etc/php.ini on line 7\n", with_lines({}), warnings);
  REQUIRE_FALSE(judged);
  CHECK(judged.error().message.find("/etc/php.ini on line 7") != std::string::npos);
  CHECK(warnings.empty());
}

TEST_CASE("a syntax error in the composed text names the operator's line") {
  const auto options = with_lines({"memory_limit=1M", "broken = (((", "display_errors=1"});
  const auto text = compose_ini(options);
  const std::string output =
      "PHP:  syntax error, unexpected '(' in Unknown on line " + std::to_string(line_of(text, "broken")) + "\n";
  std::vector<std::string> warnings;
  const auto judged = judge_startup_output(output, options, warnings);
  REQUIRE_FALSE(judged);
  CHECK(judged.error().message.find("\"broken = (((\"") != std::string::npos);
  CHECK(judged.error().message.find("Unknown") == std::string::npos);
}

TEST_CASE("other messages of the start are warnings, one each, without blank lines") {
  std::vector<std::string> warnings;
  REQUIRE(judge_startup_output("\nPHP Warning:  one\n\n  two  \n", with_lines({}), warnings));
  CHECK(warnings == std::vector<std::string>{"PHP Warning:  one", "two"});
}
