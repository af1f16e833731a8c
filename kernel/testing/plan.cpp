#include "testing/plan.hpp"

#include <algorithm>
#include <numeric>
#include <set>

#include <nlohmann/json.hpp>

namespace askr::testing {
namespace {

using nlohmann::json;

constexpr double kUnknown = 0.005;  // seconds of a test that has never run here

double expected_of(const PlannedTest& test, const Times& times) {
  return times.of(test.id, kUnknown);
}

bool is_wanted(const PlannedTest& test, const Times& times, const TestOptions& options) {
  return !options.only_failed || times.failed(test.id);
}

Piece whole_file(const PlannedFile& file, const Times& times, const TestOptions& options) {
  Piece piece;
  piece.file = file.path;
  bool all = true;
  for (const PlannedClass& each : file.classes) {
    for (const PlannedTest& test : each.tests) {
      if (!is_wanted(test, times, options)) {
        all = false;
        continue;
      }
      piece.tests.push_back(test.id);
      piece.expected += expected_of(test, times);
    }
  }
  if (!all) piece.only = piece.tests;
  return piece;
}

bool can_split(const PlannedFile& file) {
  return std::none_of(file.classes.begin(), file.classes.end(), [](const PlannedClass& each) { return each.depends; });
}

// Methods in their order, filled into pieces of about `share` seconds.
std::vector<Piece> split(const PlannedFile& file, const Piece& whole, double share, const Times& times) {
  std::vector<Piece> pieces;
  const std::set<std::string> wanted(whole.tests.begin(), whole.tests.end());
  std::string method;
  for (const PlannedClass& each : file.classes) {
    for (const PlannedTest& test : each.tests) {
      if (!wanted.contains(test.id)) continue;
      const std::string next = each.name + "::" + test.method;
      if (pieces.empty() || (next != method && pieces.back().expected >= share)) {
        pieces.emplace_back();
        pieces.back().file = file.path;
      }
      method = next;
      Piece& piece = pieces.back();
      piece.tests.push_back(test.id);
      piece.expected += expected_of(test, times);
    }
  }
  if (pieces.size() == 1) return {whole};
  for (Piece& piece : pieces) piece.only = piece.tests;
  return pieces;
}

// Longest first to whoever has least, which is the same on each machine that has the same times.
std::vector<Piece> shard_of(std::vector<Piece> pieces, Shard shard) {
  if (shard.of <= 1) return pieces;
  std::vector<double> load(shard.of, 0);
  std::vector<Piece> ours;
  for (Piece& piece : pieces) {
    const auto least = std::min_element(load.begin(), load.end());
    *least += piece.expected;
    if (static_cast<unsigned>(least - load.begin()) + 1 == shard.index) ours.push_back(std::move(piece));
  }
  return ours;
}

std::vector<Piece> one_piece(const std::vector<Piece>& pieces) {
  Piece all;
  for (const Piece& piece : pieces) {
    all.tests.insert(all.tests.end(), piece.tests.begin(), piece.tests.end());
    all.expected += piece.expected;
  }
  return {all};
}

void add_needed(const PlannedClass& planned, const std::set<std::string>& wanted, std::vector<std::string>& needed) {
  const auto is_wanted = [&wanted](const PlannedTest& test) { return wanted.contains(test.id); };
  const bool any = std::any_of(planned.tests.begin(), planned.tests.end(), is_wanted);
  for (const PlannedTest& test : planned.tests) {
    if (is_wanted(test) || (planned.depends && any)) needed.push_back(test.id);
  }
}

PlannedFile read_file(const json& from) {
  PlannedFile file{from.at("file").get<std::string>(), {}};
  for (const json& each : from.at("classes")) {
    PlannedClass planned{each.at("name").get<std::string>(), each.at("depends").get<bool>(), {}};
    for (const json& test : each.at("tests")) {
      planned.tests.push_back({test.at(0).get<std::string>(), test.at(1).get<std::string>()});
    }
    file.classes.push_back(std::move(planned));
  }
  return file;
}

}  // namespace

Result<Plan> read_plan(std::string_view text) {
  Plan plan;
  try {
    const json from = json::parse(text);
    for (const json& file : from.at("files")) plan.files.push_back(read_file(file));
    plan.runner = from.value("runner", "");
    plan.fails_on = from.value("fails_on", std::vector<std::string>{});
  } catch (const json::exception& error) {
    return usage_error(std::string("the runner has handed over a plan that cannot be read: ") + error.what());
  }
  return plan;
}

std::vector<Piece> cut(const Plan& plan, const Times& times, const TestOptions& options) {
  std::vector<Piece> wholes;
  double sum = 0;
  for (const PlannedFile& file : plan.files) {
    wholes.push_back(whole_file(file, times, options));
    if (!wholes.back().only.empty()) wholes.back().only = needed_for(plan, file.path, wholes.back().tests);
    sum += wholes.back().expected;
  }
  if (options.in_one_process) return one_piece(wholes);
  // Some pieces more than processes, so that the last ones end at about the same time.
  const double share = sum / (std::max(options.parallel, 1U) * std::max(options.shard.of, 1U));
  std::vector<Piece> pieces;
  for (size_t at = 0; at < wholes.size(); ++at) {
    if (wholes[at].tests.empty()) continue;
    if (options.split && times.known() && options.parallel * options.shard.of > 1 && wholes[at].expected > share &&
        can_split(plan.files[at])) {
      for (Piece& piece : split(plan.files[at], wholes[at], share / 4, times)) pieces.push_back(std::move(piece));
    } else {
      pieces.push_back(std::move(wholes[at]));
    }
  }
  std::stable_sort(pieces.begin(), pieces.end(),
                   [](const Piece& one, const Piece& other) { return one.expected > other.expected; });
  pieces = shard_of(std::move(pieces), options.shard);
  const size_t once = pieces.size();
  for (unsigned round = 1; round < options.repeat; ++round) {
    for (size_t at = 0; at < once; ++at) pieces.push_back(pieces[at]);
  }
  return pieces;
}

std::vector<std::string> needed_for(const Plan& plan, const std::string& file, const std::vector<std::string>& tests) {
  const std::set<std::string> wanted(tests.begin(), tests.end());
  std::vector<std::string> needed;
  for (const PlannedFile& planned : plan.files) {
    if (planned.path != file) continue;
    for (const PlannedClass& each : planned.classes) add_needed(each, wanted, needed);
  }
  return needed.empty() ? tests : needed;
}

}  // namespace askr::testing
