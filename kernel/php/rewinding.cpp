#include "php/rewinding.hpp"

#include <string>
#include <vector>

#include "base/log.hpp"
#include "php/fork_hazards.hpp"
#include "php/fresh_request.hpp"
#include "php/last_steps.hpp"
#include "php/random_state.hpp"
#include "php/regex_lessons.hpp"
#include "php/request_objects.hpp"
#include "php/rewind.hpp"
#include "php/state.hpp"
#include "php/zend.hpp"

namespace askr::php {
namespace {

zend_ulong first_resource = 0;  // that a request could make

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
  if (state.port->is_first_to_warn(exchange::SharedWarning::not_rewound)) {
    log::warning("workers are not rewound, each request has one of its own: when they wait for the first request, {}",
                 shared.front());
  }
  return true;
}

}  // namespace

void begin_rewinding() {
  if (!state.options.rewind || state.port->rehearses() || shares_files()) return;
  remember_boot_objects();
  first_resource = static_cast<zend_ulong>(EG(regular_list).nNextFreeElement);
  reseed_openssl();  // now, so that it is quick later
  prepare_regex_lessons();
  Checkpoint checkpoint = take_checkpoint();
  const bool has_gone_back = checkpoint == Checkpoint::rewound;  // and so have the generators of random numbers
  while (checkpoint == Checkpoint::rewound && learn_regexes()) checkpoint = take_checkpoint();
  if (has_gone_back) {
    reseed_php();
    reseed_openssl();
  }
  state.rewinds = checkpoint != Checkpoint::unavailable;
}

void start_over() {
  state.recycle = true;
  end_pause_for_good();
  run_step_alone(close_new_resources);
  run_step_alone(free_request_objects);
  note_regexes();
  if (!state.port->log_was_reopened() && !state.port->has_forked()) rewind();
}

}  // namespace askr::php
