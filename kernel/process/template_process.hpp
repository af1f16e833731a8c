// The template: boots PHP once and forks workers on request of the master, over a socket pair of messages.
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

// From master to template: fork a worker for this place in the table of workers.
struct ForkRequest {
  uint32_t position;
  uint32_t first_rehearsal, rehearsals;  // which of TemplateOptions::rehearsals it runs before it is ready
};

// From template to master. A message is one datagram: this header, then `text_size` bytes.
struct TemplateMessage {
  enum Kind : uint32_t { ready, failed, forked } kind;
  uint32_t position;   // forked
  int32_t pid;         // forked; -1: the fork failed
  uint32_t text_size;  // failed: one line for a person; ready: encoded facts
};
inline constexpr size_t kTemplateTextMax = 16 << 10;

struct TemplateOptions {
  exchange::Exchange& exchange;
  pid_t master;
  uint32_t generation;
  php::RuntimeOptions runtime;
  std::vector<std::string> rehearsals;  // encoded
  UniqueFd socket;
  plugin::Host& plugins;
};

// The process after fork(). Does not return.
[[noreturn]] void run_template(TemplateOptions options);

// How facts cross the socket pair.
std::string encode_facts(const php::RuntimeFacts& facts);
php::RuntimeFacts decode_facts(std::string_view text);

}  // namespace askr::process
