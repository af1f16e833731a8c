#include "testing/times.hpp"

#include <fstream>

#include <nlohmann/json.hpp>

#include "base/json_text.hpp"
#include "base/replace_file.hpp"

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
  return replace_file(file, json_text(out));
}

double Times::of(const std::string& test, double unless_known) const {
  const auto found = entries_.find(test);
  return found != entries_.end() ? found->second.seconds : unless_known;
}

bool Times::failed(const std::string& test) const {
  const auto found = entries_.find(test);
  return found != entries_.end() && found->second.failed;
}

void Times::note(const std::string& test, double seconds, bool failed) {
  entries_[test] = {seconds, failed};
}

}  // namespace askr::testing
