#include "php/rewinding.hpp"

#include <string>
#include <vector>

#include "base/log.hpp"
#include "php/binding_lessons.hpp"
#include "php/fork_hazards.hpp"
#include "php/fresh_request.hpp"
#include "php/last_steps.hpp"
#include "php/process_changes.hpp"
#include "php/random_state.hpp"
#include "php/regex_lessons.hpp"
#include "php/request_objects.hpp"
#include "php/rewind.hpp"
#include "php/state.hpp"
#include "php/zend.hpp"

#include <fmt/core.h>

namespace askr::php {
namespace {

using exchange::NotRewound;

zend_ulong first_resource = 0;  // that a request could make
ChannelContents channels;

// Those of the boot live on until the worker ends.
void close_new_resources() {
  for (auto handle = static_cast<zend_ulong>(EG(regular_list).nNextFreeElement); handle-- > first_resource;) {
    zval* entry = zend_hash_index_find(&EG(regular_list), handle);
    if (entry != nullptr && Z_RES_P(entry)->type >= 0) zend_list_close(Z_RES_P(entry));
  }
}

// What is connected now would be the same connection for request after request, and its other end is not rewound.
bool shares_files() {
  const std::vector<std::string> shared = find_shared_files();
  if (shared.empty()) return false;
  if (state.port->note_not_rewound(NotRewound::shared_files)) {
    log::warning("workers are not rewound, each request has one of its own: when they wait for the first request, {}",
                 shared.front());
  }
  return true;
}

bool shall_rewind() {
  if (!state.options.rewind || state.port->rehearses()) return false;
  if (state.port->may_rewind()) return !shares_files();
  state.port->note_not_rewound(NotRewound::not_tried);
  return false;
}

bool learn() {
  const bool has_new_regexes = learn_regexes();
  return learn_bindings() || has_new_regexes;
}

// The request has ended, and what is left of it is taken back. Returns why not.
NotRewound go_back() {
  if (state.port->has_forked() || state.port->is_copy()) return NotRewound::forked;
  if (state.port->log_was_reopened()) return NotRewound::log_reopened;
  if (!channels.put_back()) return NotRewound::descriptor;
  return rewind(process_may_have_changed() ? Look::complete : Look::quick);
}

}  // namespace

void begin_rewinding() {
  if (!shall_rewind()) return;
  remember_boot_objects();
  channels.take(own_channels());
  first_resource = static_cast<zend_ulong>(EG(regular_list).nNextFreeElement);
  reseed_openssl();  // now, so that it is quick later
  prepare_regex_lessons();
  prepare_binding_lessons();
  Checkpoint checkpoint = take_checkpoint(server_files());
  const bool has_gone_back = checkpoint == Checkpoint::rewound;  // and so have the generators of random numbers
  while (checkpoint == Checkpoint::rewound && learn()) checkpoint = take_checkpoint({});
  if (has_gone_back) {
    reseed_php();
    reseed_openssl();
  }
  state.rewinds = checkpoint != Checkpoint::unavailable;
  if (!state.rewinds) give_up_rewinding(NotRewound::too_large);
}

void start_over() {
  state.recycle = true;
  end_pause_for_good();
  run_step_alone(close_new_resources);
  run_step_alone(free_request_objects);
  note_regexes();
  note_bindings();
  give_up_rewinding(go_back());
}

void give_up_rewinding(NotRewound reason) {
  const bool is_first = state.port->note_not_rewound(reason);
  if (!is_first || reason == NotRewound::log_reopened) return;
  const exchange::RequestView& last = state.port->request();
  const std::string after = last.method.empty() ? "" : fmt::format(" after {} {}", last.method, last.uri);
  log::warning("a worker is not rewound{}: {}; another process takes its place", after, exchange::reason_text(reason));
}

}  // namespace askr::php
