// Two snapshots per request, compared when the script comes back for the next one. The snapshots and what is known of a
// place live in static memory: PHP may leave a request by longjmp, between the two.
//
// A place is told when it is first seen changing, and once more when it changes again, because that is the difference
// between something made at first use and something that grows. Then it is known, and only counted for the summary.
#include "php/leaks.hpp"

#include <algorithm>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/log.hpp"
#include "php/leak_compare.hpp"
#include "php/leak_sources.hpp"
#include "php/zend.hpp"

extern "C" {
#include "ext/date/php_date.h"
}

namespace askr::php {
namespace {

constexpr size_t kMostPlaces = 200;
constexpr size_t kLongestPath = 200;
constexpr size_t kMostInSummary = 20;

struct Place {
  std::string name;        // of the first that was seen there
  bool of_a_list = false;  // others were seen, too
  uint64_t times = 0;      // requests that have changed it
  uint64_t last = 0;       // number of the request
  bool grew = false;       // then
};

struct Hunt {
  Snapshot before, after;
  bool armed = false;  // a request runs, or has run since the last report
  std::string request;
  uint64_t requests = 0;
  std::unordered_map<std::string, Place> places;
  bool full = false;
};
Hunt hunt;

// PHP allocates for a time zone that it has not met, so it is asked while nothing with a destructor is alive.
void take(Snapshot& snapshot) {
  const char* time_zone = get_timezone_info()->name;
  snapshot.clear();
  Slot slot;
  slot.kind = StateKind::time_zone;
  slot.key = "time zone";
  slot.value.push_back({.shown = time_zone});
  snapshot.add(std::move(slot));
  note_settings(snapshot);
  note_process(snapshot);
  note_variables(snapshot);
}

std::string_view verb(const Difference& difference, bool again) {
  switch (difference.change) {
    case Change::left:
      return "left";
    case Change::removed:
      return "removed";
    case Change::changed:
      break;
  }
  return again ? "changed again" : "changed";
}

std::string values(const Difference& difference) {
  if (difference.was.empty() && difference.is.empty()) return "";
  if (difference.was.empty()) return ": " + difference.is;
  if (difference.is.empty()) return ": was " + difference.was;
  return fmt::format(": was {}, is {}", difference.was, difference.is);
}

// Growth is said only of what grew in two requests in a row.
std::string_view tendency(const Difference& difference, const Place& place) {
  const bool in_a_row = place.times > 0 && place.last + 1 == hunt.requests;
  return in_a_row && place.grew && difference.grew ? "; it grows with each request so far" : "";
}

void tell(const Difference& difference, const Place& place) {
  log::warning("leak: {} {} by {}{}{}", difference.place, verb(difference, place.times > 0), hunt.request,
               values(difference), tendency(difference, place));
}

// An application can make up new places for ever.
bool has_room_for(const std::string& place) {
  if (hunt.places.size() < kMostPlaces || hunt.places.contains(place)) return true;
  if (!hunt.full) log::warning("leak: there are more than {} places; no others are told", kMostPlaces);
  hunt.full = true;
  return false;
}

// Where the indexes `[a][b]` end that begin at `at`; `at` when none does.
size_t end_of_indexes(const std::string& place, size_t at) {
  while (at < place.size() && place[at] == '[') {
    const size_t end = place.find(']', at);
    if (end == std::string::npos) break;
    at = end + 1;
  }
  return at;
}

// The objects of a list are one place: a table of routes would be hundreds.
std::string group_of(const std::string& place) {
  std::string group;
  for (size_t at = 0; at < place.size();) {
    const size_t end = end_of_indexes(place, at);
    if (end > at && place.compare(end, 2, "->") == 0) {
      group += "[]->";
      at = end + 2;
    } else {
      group += place[at++];
    }
  }
  return group;
}

void judge(const Difference& difference) {
  const std::string group = group_of(difference.place);
  if (!has_room_for(group)) return;
  Place& place = hunt.places[group];
  if (place.times > 0 && place.name != difference.place) place.of_a_list = true;
  if (place.last == hunt.requests) return;  // told of another object of the list
  if (place.times < 2) tell(difference, place);
  if (place.times == 0) place.name = difference.place;
  ++place.times;
  place.last = hunt.requests;
  place.grew = difference.grew;
}

// Those that more than one request has changed, the worst first.
std::vector<const Place*> places_that_change() {
  std::vector<const Place*> places;
  for (const auto& [group, place] : hunt.places) {
    if (place.times > 1) places.push_back(&place);
  }
  std::sort(places.begin(), places.end(), [](const Place* left, const Place* right) {
    return left->times != right->times ? left->times > right->times : left->name < right->name;
  });
  return places;
}

}  // namespace

void remember_state(const exchange::RequestView& request) {
  ++hunt.requests;
  const std::string_view path = request.uri.substr(0, std::min(request.uri.find('?'), kLongestPath));
  hunt.request = fmt::format("{} {} ({})", request.method, path, request.id);
  hunt.armed = true;
  take(hunt.before);
}

void report_leaks() {
  if (!hunt.armed) return;
  hunt.armed = false;
  take(hunt.after);
  for (const Difference& difference : compare(hunt.before, hunt.after)) judge(difference);
}

void sum_up_leaks() {
  if (hunt.places.empty()) {
    log::info("leak hunt: {} requests left nothing behind", hunt.requests);
    return;
  }
  const std::vector<const Place*> places = places_that_change();
  log::warning("leak hunt: {} requests left state in {} places, {} of them more than once", hunt.requests,
               hunt.places.size(), places.size());
  for (size_t at = 0; at < std::min(places.size(), kMostInSummary); ++at) {
    log::warning("leak hunt: {} requests changed {}{}", places[at]->times, places[at]->name,
                 places[at]->of_a_list ? " or another of its list" : "");
  }
}

}  // namespace askr::php
