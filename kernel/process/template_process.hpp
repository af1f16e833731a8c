// The template: boots PHP once and forks workers and sidecars on request of the master, over a socket pair of messages.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "base/fd.hpp"
#include "base/result.hpp"
#include "exchange/exchange.hpp"
#include "php/runtime.hpp"
#include "plugin/host.hpp"

namespace askr::process {

enum class ForkAs : uint32_t { worker, queue, scheduler, nobody };

// From master to template: fork a process for this place in the table of workers, or of sidecars, whose standard output
// comes with the message. Nobody: only look whether the log shall be reopened.
struct ForkRequest {
  uint32_t position;
  ForkAs as = ForkAs::worker;
  uint32_t first_rehearsal = 0,
           rehearsals = 0;  // which of TemplateOptions::rehearsals a worker runs before it is ready
};

// From template to master. A message is one datagram: this header, then `text_size` bytes.
struct TemplateMessage {
  enum Kind : uint32_t { ready, failed, forked, forked_sidecar } kind;
  uint32_t position;      // forked, forked_sidecar
  int32_t pid;            // of these; -1: the fork failed
  uint32_t text_size;     // failed: one line for a person; ready: encoded facts
  int32_t exit_code = 0;  // failed: of the Error
};
inline constexpr size_t kTemplateTextMax = 16 << 10;

struct SidecarOptions {
  std::string queue_script, scheduler_script;  // absolute
  int64_t shutdown_timeout;                    // ns
};

struct TemplateOptions {
  exchange::Exchange& exchange;
  pid_t master;
  uint32_t generation;
  php::RuntimeOptions runtime;
  std::vector<std::string> rehearsals;  // encoded
  UniqueFd socket;
  plugin::Host& plugins;
  SidecarOptions sidecars;
  int64_t patience_without_master;  // ns that a worker may go on when the master has died
};

// The process after fork(). Does not return.
[[noreturn]] void run_template(TemplateOptions options);

// In a process that the template has forked: the plugins learn which one they are in. A failure ends it.
void start_plugins(const TemplateOptions& options, uint32_t index);

// How facts cross the socket pair.
std::string encode_facts(const php::RuntimeFacts& facts);
php::RuntimeFacts decode_facts(std::string_view text);

}  // namespace askr::process
