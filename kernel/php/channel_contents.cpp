// Most requests leave nothing in any channel, and one poll() says so of all.
#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "php/channels.hpp"

namespace askr::php {
namespace {

short state_of(int fd) {
  pollfd question{fd, POLLIN | POLLRDHUP, 0};
  ::poll(&question, 1, 0);
  return question.revents;
}

// There is something to read, so reading does not wait. One datagram at a time, and descriptors in it are let go of.
void empty(int fd, ChannelKind kind) {
  std::array<char, 4096> waste;
  while (state_of(fd) == POLLIN) {
    const ssize_t got = kind == ChannelKind::sockets ? ::recv(fd, waste.data(), waste.size(), MSG_DONTWAIT)
                                                     : ::read(fd, waste.data(), waste.size());
    if (got < 0) return;
  }
}

void set_counter(int eventfd, uint64_t count) {
  empty(eventfd, ChannelKind::event);
  if (count > 0) ::eventfd_write(eventfd, count);
}

void change(int epoll, int operation, const Interest& interest) {
  epoll_event event{};
  event.events = interest.events;
  event.data.u64 = interest.data;
  ::epoll_ctl(epoll, operation, interest.fd, &event);
}

bool set_interests(int epoll, const std::vector<Interest>& wanted) {
  const std::vector<Interest> found = interests_of(epoll);
  if (found == wanted) return true;
  for (const Interest& interest : found) change(epoll, EPOLL_CTL_DEL, interest);
  for (const Interest& interest : wanted) change(epoll, EPOLL_CTL_ADD, interest);
  return interests_of(epoll) == wanted;
}

}  // namespace

void ChannelContents::take(const std::vector<Channel>& channels) {
  states_.clear();
  for (const Channel& channel : channels) {
    for (const int fd : channel.descriptors()) {
      State state{fd, ::fcntl(fd, F_GETFL), channel.kind, {}, {}};
      if (channel.kind == ChannelKind::event) state.counter = event_counter(fd);
      if (channel.kind == ChannelKind::loop) state.interests = interests_of(fd);
      states_.push_back(std::move(state));
    }
  }
}

bool ChannelContents::put_back(const State& state, short found) {
  if ((found & ~POLLIN) != 0) return false;
  if (::fcntl(state.fd, F_GETFL) != state.flags) ::fcntl(state.fd, F_SETFL, state.flags);
  switch (state.kind) {
    case ChannelKind::event:
      if (found != 0 || state.counter.count > 0) set_counter(state.fd, state.counter.count);
      return true;
    case ChannelKind::loop:
      return set_interests(state.fd, state.interests);
    case ChannelKind::pipe:
    case ChannelKind::sockets:
      break;
  }
  if (found == 0) return true;
  empty(state.fd, state.kind);
  return state_of(state.fd) == 0;
}

bool ChannelContents::put_back() const {
  std::vector<pollfd> questions;
  for (const State& state : states_) questions.push_back({state.fd, POLLIN | POLLRDHUP, 0});
  if (!questions.empty()) ::poll(questions.data(), questions.size(), 0);
  for (size_t index = 0; index < states_.size(); ++index) {
    if (!put_back(states_[index], questions[index].revents)) return false;
  }
  return true;
}

}  // namespace askr::php
