#include "testing/runner_script.hpp"

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string_view>

#include <fmt/core.h>

#include "base/replace_file.hpp"
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
  if (auto written = replace_file(file, text); !written) {
    return Error{written.error().message + "; name another folder with --cache"};
  }
  return file;
}

}  // namespace askr::testing
