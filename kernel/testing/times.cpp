#include "testing/times.hpp"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <nlohmann/json.hpp>

namespace askr::testing {

using nlohmann::json;

Times Times::load(const std::string& file) {
  Times times;
  std::ifstream in(file, std::ios::binary);
  const json from = json::parse(in, nullptr, false);
  if (!from.is_object()) return times;
  for (const auto& [test, entry] : from.items()) {
    if (!entry.is_array() || entry.size() != 2 || !entry[0].is_number() || !entry[1].is_boolean()) continue;
    times.entries_[test] = {entry[0].get<double>(), entry[1].get<bool>()};
  }
  return times;
}

Result<> Times::save(const std::string& file) const {
  json out = json::object();
  for (const auto& [test, entry] : entries_) out[test] = {entry.seconds, entry.failed};
  std::error_code failed;
  std::filesystem::create_directories(std::filesystem::path(file).parent_path(), failed);
  const std::string unfinished = file + "." + std::to_string(::getpid());
  {
    std::ofstream stream(unfinished, std::ios::binary);
    stream << out.dump(-1, ' ', false, json::error_handler_t::replace);
    stream.flush();
    if (!stream) {
      ::unlink(unfinished.c_str());
      return system_error("cannot write " + file);
    }
  }
  std::filesystem::rename(unfinished, file, failed);
  if (failed) return Error{"cannot write " + file + ": " + failed.message()};
  return ok();
}

double Times::of(const std::string& test, double unless_known) const {
  const auto found = entries_.find(test);
  return found != entries_.end() ? found->second.seconds : unless_known;
}

bool Times::failed(const std::string& test) const {
  const auto found = entries_.find(test);
  return found != entries_.end() && found->second.failed;
}

bool Times::any_failed() const {
  return std::any_of(entries_.begin(), entries_.end(), [](const auto& entry) { return entry.second.failed; });
}

void Times::note(const std::string& test, double seconds, bool failed) {
  entries_[test] = {seconds, failed};
}

}  // namespace askr::testing
