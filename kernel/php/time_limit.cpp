// PHP's limit is a timer of the processor time of this process. Setting it costs a system call; a request that starts
// within a tenth of a second of the last setting has, to a tenth of a second, the whole limit left.
#include "php/time_limit.hpp"

#include "base/clock.hpp"
#include "php/zend.hpp"

namespace askr::php {
namespace {

constexpr int64_t kTolerance = 100 * kMillisecond;

}  // namespace

void restart_time_limit() {
  static int64_t set_at = 0;
  static const zend_long limit = zend_ini_long("max_execution_time", sizeof("max_execution_time") - 1, 1);
  const bool changed_by_script = EG(timeout_seconds) != limit;
  if (changed_by_script) {
    zend_string* name = ZSTR_INIT_LITERAL("max_execution_time", false);
    zend_restore_ini_entry(name, ZEND_INI_STAGE_DEACTIVATE);
    zend_string_release(name);
  }
  const int64_t now = monotonic_now();
  if (!changed_by_script && now - set_at < kTolerance) return;
  zend_set_timeout(limit, false);
  set_at = now;
}

}  // namespace askr::php
