#include "php/fd_info.hpp"

#include <algorithm>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>

#include <fmt/core.h>

namespace askr::php {
namespace {

// Calls visit(name, rest) for each line, "eventfd-count:                5".
template <class Visit>
void for_each_line(int fd, Visit&& visit) {
  std::ifstream file(fmt::format("/proc/self/fdinfo/{}", fd));
  for (std::string line; std::getline(file, line);) {
    const size_t colon = std::min(line.find(':'), line.size());
    visit(std::string_view(line).substr(0, colon), line.substr(std::min(colon + 1, line.size())));
  }
}

// "        5 events: 80000019 data:                5  pos:0 ino:1abe8 sdev:9"
bool parse_interest(const std::string& text, Interest& interest) {
  std::istringstream words(text);
  std::string events_name, data_name;
  words >> std::dec >> interest.fd >> events_name >> std::hex >> interest.events >> data_name >> interest.data;
  return !words.fail() && events_name == "events:" && data_name == "data:";
}

}  // namespace

EventCounter event_counter(int eventfd) {
  EventCounter counter;
  for_each_line(eventfd, [&counter](std::string_view name, const std::string& rest) {
    std::istringstream words(rest);
    if (name == "eventfd-count") words >> std::hex >> counter.count >> std::dec;
    if (name == "eventfd-id") words >> counter.id;
    if (name == "eventfd-semaphore") words >> counter.is_semaphore;
  });
  return counter;
}

std::vector<Interest> interests_of(int epoll) {
  std::vector<Interest> interests;
  for_each_line(epoll, [&interests](std::string_view name, const std::string& rest) {
    Interest interest{};
    if (name == "tfd" && parse_interest(rest, interest)) interests.push_back(interest);
  });
  std::sort(interests.begin(), interests.end(), [](const Interest& a, const Interest& b) { return a.fd < b.fd; });
  return interests;
}

}  // namespace askr::php
