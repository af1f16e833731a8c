// PHP's limit is a timer of the processor time of this process. Setting it costs a system call; a request that starts
// within a tenth of a second of the last setting has, to a tenth of a second, the whole limit left.
#include "php/time_limit.hpp"

#include "base/clock.hpp"
#include "php/zend.hpp"

namespace askr::php {
namespace {

constexpr int64_t kTolerance = 100 * kMillisecond;
int64_t set_at = 0;

void set_limit(zend_long seconds) {
  zend_string* name = ZSTR_INIT_LITERAL("max_execution_time", false);
  zend_string* text = zend_long_to_str(seconds);
  zend_alter_ini_entry(name, text, PHP_INI_USER, PHP_INI_STAGE_RUNTIME);  // sets the timer
  zend_string_release(text);
  zend_string_release(name);
}

}  // namespace

void restart_time_limit() {
  static const zend_long limit = EG(timeout_seconds);  // what the boot chose
  const int64_t now = monotonic_now();
  if (EG(timeout_seconds) != limit) {
    set_limit(limit);
  } else if (now - set_at >= kTolerance) {
    zend_set_timeout(limit, false);
  } else {
    return;
  }
  set_at = now;
}

void suspend_time_limit() {
  zend_unset_timeout();
  set_at = 0;
}

void lift_time_limit() {
  set_limit(0);
}

}  // namespace askr::php
