// Pipes, pairs of sockets, eventfds and event loops (epoll) that have all their ends in this process. Libraries wake
// themselves up with them, as libcurl does for each set of transfers: nobody else listens there.
//
// A fork would put every worker at the ends of the same ones, so each makes its own: other files under the same
// numbers. And a request may leave something in them, so they are emptied when a worker is rewound.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "php/fd_info.hpp"
#include "php/open_files.hpp"

namespace askr::php {

enum class ChannelKind : uint8_t { pipe, sockets, event, loop };

struct Channel {
  ChannelKind kind;
  std::vector<int> first;   // descriptors of the end that is read, of one of two sockets, or of all that there is
  std::vector<int> second;  // of the end that is written, or of the other socket

  [[nodiscard]] std::vector<int> descriptors() const;
  // It was there before this process was forked, and has not been renewed: the others have it too.
  [[nodiscard]] bool is_from_before_fork() const;
};

// Of these files. A pipe or a pair of sockets with something in it is none: what is under way could not be given to
// each worker. Neither are any where this process has children, which may be at the ends too.
std::vector<Channel> find_channels(const OpenFiles& files);

// In the template, before it forks: all that scripts have open, of which the channels are to be renewed.
void prepare_channels(const OpenFiles& files);
// In a forked process.
void renew_channels();

// Between requests: what channels are like, and that they are again.
class ChannelContents {
 public:
  void take(const std::vector<Channel>& channels);
  // False: one of them can never be again what it was.
  [[nodiscard]] bool put_back() const;

 private:
  struct State {
    int fd;
    int flags;
    ChannelKind kind;
    EventCounter counter;             // of an eventfd
    std::vector<Interest> interests;  // of an event loop
  };
  static bool put_back(const State& state, short found);

  std::vector<State> states_;
};

}  // namespace askr::php
