#include "testing/runner_script.hpp"

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string_view>

#include <fmt/core.h>

#include "testing/runner_text.hpp"

namespace askr::testing {

Result<std::string> write_runner_script(const std::string& cache) {
  const std::string_view text = runner_text();
  const std::string file = fmt::format("{}/runner-{:016x}.php", cache, std::hash<std::string_view>{}(text));
  {
    std::ifstream in(file, std::ios::binary);
    std::stringstream there;
    there << in.rdbuf();
    if (in && there.str() == text) return file;
  }
  std::error_code failed;
  std::filesystem::create_directories(cache, failed);
  const std::string unfinished = fmt::format("{}.{}", file, ::getpid());
  {
    std::ofstream out(unfinished, std::ios::binary);
    out << text;
    out.flush();
    if (!out) {
      ::unlink(unfinished.c_str());
      return system_error("cannot write " + file + "; name another folder with --cache");
    }
  }
  std::filesystem::rename(unfinished, file, failed);
  if (failed) return Error{"cannot write " + file + ": " + failed.message()};
  return file;
}

}  // namespace askr::testing
