/* Counters and gauges, one number each for the whole server: "askr.metrics/1". They live in shared memory, exist with 0
 * from the start, and keep their value over crashes and reloads. */
#ifndef ASKR_ABI_METRICS_H
#define ASKR_ABI_METRICS_H

#include "askr/abi/plugin.h"

#ifdef __cplusplus
extern "C" {
#endif

#define ASKR_METRICS "askr.metrics/1"

enum askr_metric_kind {
  ASKR_METRIC_COUNTER = 0, /* only grows; its name ends with _total */
  ASKR_METRIC_GAUGE = 1
};

typedef struct askr_metrics {
  uint32_t size;
  /* In the step `register`. `name` as in Prometheus: "askr_defer_callbacks_total". `help` is one sentence. */
  askr_status (*add)(askr_registrar* registrar, uint32_t kind, const char* name, const char* help, uint32_t* metric);
  /* Any process, from process_start on; one atomic addition. */
  void (*increment)(uint32_t metric, int64_t by);
  void (*set)(uint32_t metric, int64_t value);
  int64_t (*value)(uint32_t metric);
} askr_metrics;

#ifdef __cplusplus
}
#endif
#endif
