#include "process/sidecar_output.hpp"

#include <fcntl.h>

#include <algorithm>
#include <array>
#include <memory>
#include <string_view>

#include "base/log.hpp"
#include "base/output_limit.hpp"

namespace askr::process {
namespace {

constexpr size_t kPiece = 64 << 10;
constexpr size_t kLongestLine = 16 << 10;
// How long who writes too much has to wait for us.
constexpr int64_t kPause = kSecond / 10;

}  // namespace

class SidecarPipe final : public Watcher {
 public:
  SidecarPipe(SidecarOutput& output, std::string name, UniqueFd pipe)
      : output_(output), name_(std::move(name)), pipe_(std::move(pipe)) {}

  void on_ready(uint32_t /*events*/) override {
    std::array<char, kPiece> buffer;
    const ssize_t got = ::read(pipe_.get(), buffer.data(), buffer.size());
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got <= 0) {
      end();
    } else {
      take({buffer.data(), static_cast<size_t>(got)});
      if (limit_.is_dropping()) pause();
    }
  }

  [[nodiscard]] int fd() const { return pipe_.get(); }

 private:
  void take(std::string_view bytes) {
    while (!bytes.empty()) {
      const size_t end = bytes.find('\n');
      const size_t size = std::min({end, bytes.size(), kLongestLine - line_.size()});
      line_.append(bytes.substr(0, size));
      bytes.remove_prefix(size);
      const bool ended = !bytes.empty() && bytes.front() == '\n';
      if (ended) bytes.remove_prefix(1);
      if (ended || line_.size() == kLongestLine) write_line();
    }
  }

  void write_line() {
    const bool dropped = limit_.is_dropping();
    if (limit_.admits(line_.size() + 1, monotonic_now())) {
      if (dropped) report();
      log::pass_on(line_);
    }
    line_.clear();
  }

  void report() { log::warning("{} {}", name_, limit_.take_report()); }

  void pause() {
    output_.loop_.remove(pipe_.get());
    output_.alarms_.at(monotonic_now() + kPause, [weak = std::weak_ptr<SidecarPipe*>(alive_)] {
      if (const auto self = weak.lock()) (*self)->go_on();
    });
  }

  void go_on() {
    if (!output_.loop_.add(pipe_.get(), EPOLLIN, *this)) end();
  }

  void end() {
    if (!line_.empty()) write_line();
    if (limit_.is_dropping()) report();
    output_.drop(this);
  }

  SidecarOutput& output_;
  const std::string name_;
  UniqueFd pipe_;
  std::string line_;
  OutputLimit limit_;
  std::shared_ptr<SidecarPipe*> alive_ = std::make_shared<SidecarPipe*>(this);
};

SidecarOutput::SidecarOutput(EventLoop& loop, Alarms& alarms) : loop_(loop), alarms_(alarms) {}

SidecarOutput::~SidecarOutput() = default;

void SidecarOutput::forget() {
  pipes_.clear();
}

Result<UniqueFd> SidecarOutput::open(const std::string& name) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return system_error("cannot make a pipe for " + name);
  UniqueFd ours(ends[0]);
  UniqueFd theirs(ends[1]);
  ::fcntl(ours.get(), F_SETFL, O_NONBLOCK);
  SidecarPipe& pipe = pipes_.emplace_back(*this, name, std::move(ours));
  if (auto added = loop_.add(pipe.fd(), EPOLLIN, pipe); !added) {
    pipes_.pop_back();
    return added.error();
  }
  return theirs;
}

// The one whose turn it is may be this very one: it goes in the next.
void SidecarOutput::drop(SidecarPipe* pipe) {
  loop_.remove(pipe->fd());
  alarms_.at(0, [this, pipe] { pipes_.remove_if([pipe](const SidecarPipe& other) { return &other == pipe; }); });
}

}  // namespace askr::process
