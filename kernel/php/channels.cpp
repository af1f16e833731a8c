#include "php/channels.hpp"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <set>
#include <string_view>

#include "base/fd.hpp"
#include "php/fd_info.hpp"
#include "php/unix_peer.hpp"

namespace askr::php {
namespace {

std::vector<Channel> to_renew;  // of the template
OpenFiles from_before_fork;     // but these

// Also one that has ended, as long as nobody has asked for its end: asking is up to the application.
bool has_children() {
  siginfo_t unused{};
  return ::waitid(P_ALL, 0, &unused, WEXITED | WNOHANG | WNOWAIT) == 0;
}

// "pipe:[4711]"
ino_t number_in(std::string_view target) {
  const size_t begin = target.find('[');
  ino_t number = 0;
  if (begin != std::string_view::npos)
    std::from_chars(target.data() + begin + 1, target.data() + target.size(), number);
  return number;
}

bool is_empty(int fd) {
  int bytes = 0;
  return ::ioctl(fd, FIONREAD, &bytes) == 0 && bytes == 0;
}

bool is_empty_pair(const Channel& sockets) {
  char byte = 0;
  return std::all_of(sockets.first.begin(), sockets.first.end(), is_empty) &&
         std::all_of(sockets.second.begin(), sockets.second.end(), is_empty) &&
         // A datagram may be empty.
         ::recv(sockets.first.front(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 &&
         ::recv(sockets.second.front(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0;
}

std::vector<int> all_of_target(const OpenFiles& files, std::string_view target) {
  std::vector<int> same;
  for (const auto& [fd, other] : files) {
    if (other == target) same.push_back(fd);
  }
  return same;
}

Channel pipe_of(const OpenFiles& files, const std::string& target) {
  Channel pipe{ChannelKind::pipe, {}, {}};
  for (const int fd : all_of_target(files, target)) {
    const int mode = ::fcntl(fd, F_GETFL) & O_ACCMODE;
    if (mode == O_RDONLY) pipe.first.push_back(fd);
    if (mode == O_WRONLY) pipe.second.push_back(fd);
  }
  return pipe;
}

bool is_unix(int socket) {
  int domain = 0;
  socklen_t size = sizeof domain;
  return ::getsockopt(socket, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 && domain == AF_UNIX;
}

Channel sockets_of(const OpenFiles& files, int fd, const std::string& target) {
  Channel sockets{ChannelKind::sockets, all_of_target(files, target), {}};
  const ino_t own = number_in(target);
  const ino_t peer = is_unix(fd) ? unix_peer(own) : 0;
  const bool has_name = !own_address(fd).empty() && own_address(fd) != "a Unix socket";
  if (peer == 0 || peer == own || has_name || unix_peer(peer) != own) return sockets;
  sockets.second = all_of_target(files, "socket:[" + std::to_string(peer) + "]");
  return sockets;
}

// The kernel has one name for all of them, and counts them.
std::vector<int> same_event(const OpenFiles& files, int eventfd) {
  const unsigned id = event_counter(eventfd).id;
  if (id == 0) return {eventfd};
  std::vector<int> same = all_of_target(files, files.at(eventfd));
  std::erase_if(same, [id](int fd) { return event_counter(fd).id != id; });
  return same;
}

bool is_whole(const Channel& channel) {
  return !channel.first.empty() && !channel.second.empty();
}

// ---------------------------------------------------------------- a new one

// What a descriptor is set to, beyond what it is.
void become(int replacement, int fd) {
  ::fcntl(replacement, F_SETFL, ::fcntl(fd, F_GETFL));
  const bool closes = (::fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0;
  ::dup3(replacement, fd, closes ? O_CLOEXEC : 0);
}

void become(int replacement, const std::vector<int>& all) {
  for (const int fd : all) become(replacement, fd);
}

bool renew_pipe(const Channel& pipe) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return false;
  const UniqueFd reader(ends[0]);
  const UniqueFd writer(ends[1]);
  ::fcntl(writer.get(), F_SETPIPE_SZ, ::fcntl(pipe.second.front(), F_GETPIPE_SZ));
  become(reader.get(), pipe.first);
  become(writer.get(), pipe.second);
  return true;
}

template <class Value>
void copy_option(int from, int to, int option) {
  Value value{};
  socklen_t size = sizeof value;
  if (::getsockopt(from, SOL_SOCKET, option, &value, &size) == 0) ::setsockopt(to, SOL_SOCKET, option, &value, size);
}

void copy_options(int from, int to) {
  for (const int option : {SO_RCVTIMEO, SO_SNDTIMEO}) copy_option<timeval>(from, to, option);
  copy_option<int>(from, to, SO_PASSCRED);
}

bool renew_sockets(const Channel& sockets) {
  int type = 0;
  socklen_t size = sizeof type;
  int pair[2];
  if (::getsockopt(sockets.first.front(), SOL_SOCKET, SO_TYPE, &type, &size) != 0) return false;
  if (::socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, pair) != 0) return false;
  const UniqueFd one(pair[0]);
  const UniqueFd other(pair[1]);
  copy_options(sockets.first.front(), one.get());
  copy_options(sockets.second.front(), other.get());
  become(one.get(), sockets.first);
  become(other.get(), sockets.second);
  return true;
}

bool renew_event(const Channel& event) {
  const EventCounter counter = event_counter(event.first.front());
  const UniqueFd fresh(::eventfd(0, EFD_CLOEXEC | (counter.is_semaphore ? EFD_SEMAPHORE : 0)));
  if (!fresh) return false;
  if (counter.count > 0 && ::eventfd_write(fresh.get(), counter.count) != 0) return false;
  become(fresh.get(), event.first);
  return true;
}

// The descriptors that it waits for are those of this process, which may have been renewed before.
bool renew_loop(const Channel& loop) {
  const UniqueFd fresh(::epoll_create1(EPOLL_CLOEXEC));
  if (!fresh) return false;
  for (const Interest& interest : interests_of(loop.first.front())) {
    epoll_event event{};
    event.events = interest.events;
    event.data.u64 = interest.data;
    ::epoll_ctl(fresh.get(), EPOLL_CTL_ADD, interest.fd, &event);  // fails for what was closed here
  }
  become(fresh.get(), loop.first);
  return true;
}

bool renew(const Channel& channel) {
  switch (channel.kind) {
    case ChannelKind::pipe:
      return renew_pipe(channel);
    case ChannelKind::sockets:
      return renew_sockets(channel);
    case ChannelKind::event:
      return renew_event(channel);
    case ChannelKind::loop:
      return renew_loop(channel);
  }
  return false;
}

}  // namespace

std::vector<Channel> find_channels(const OpenFiles& files) {
  std::vector<Channel> channels;
  const bool alone = !has_children();
  std::set<int> seen;
  for (const auto& [fd, target] : files) {
    if (seen.contains(fd)) continue;
    if (target == "anon_inode:[eventfd]") channels.push_back({ChannelKind::event, same_event(files, fd), {}});
    if (target == "anon_inode:[eventpoll]") channels.push_back({ChannelKind::loop, {fd}, {}});
    if (alone && target.starts_with("pipe:")) {
      Channel pipe = pipe_of(files, target);
      if (is_whole(pipe) && is_empty(pipe.first.front())) channels.push_back(std::move(pipe));
    }
    if (alone && target.starts_with("socket:")) {
      Channel sockets = sockets_of(files, fd, target);
      if (is_whole(sockets) && is_empty_pair(sockets)) channels.push_back(std::move(sockets));
    }
    if (channels.empty()) continue;
    seen.insert(channels.back().first.begin(), channels.back().first.end());
    seen.insert(channels.back().second.begin(), channels.back().second.end());
  }
  return channels;
}

std::vector<int> Channel::descriptors() const {
  std::vector<int> all = first;
  all.insert(all.end(), second.begin(), second.end());
  return all;
}

bool Channel::is_from_before_fork() const {
  const std::vector<int> all = descriptors();
  const OpenFiles now = open_files();
  return std::any_of(all.begin(), all.end(), [&now](int fd) {
    const auto before = from_before_fork.find(fd);
    const auto found = now.find(fd);
    return before != from_before_fork.end() && found != now.end() && before->second == found->second;
  });
}

void prepare_channels(const OpenFiles& files) {
  from_before_fork = files;
  to_renew = find_channels(files);
  // Event loops last: they wait for the others.
  std::stable_sort(to_renew.begin(), to_renew.end(),
                   [](const Channel& a, const Channel& b) { return a.kind < b.kind; });
}

void renew_channels() {
  for (const Channel& channel : to_renew) {
    if (!renew(channel)) continue;
    for (const int fd : channel.descriptors()) from_before_fork.erase(fd);
  }
}

}  // namespace askr::php
