/* The server's error log: "askr.log/1". */
#ifndef ASKR_ABI_LOG_H
#define ASKR_ABI_LOG_H

#include "askr/abi/plugin.h"

#ifdef __cplusplus
extern "C" {
#endif

#define ASKR_LOG "askr.log/1"

enum askr_log_level { ASKR_LOG_DEBUG = 0, ASKR_LOG_INFO = 1, ASKR_LOG_WARNING = 2, ASKR_LOG_ERROR = 3 };

typedef struct askr_log {
  uint32_t size;
  /* One line, without an end of line; the plugin's id is put before it. Any process, any step. */
  void (*write)(const askr_host* host, uint32_t level, askr_str line);
  int32_t (*is_on)(uint32_t level); /* 1: such a line would be written */
} askr_log;

#ifdef __cplusplus
}
#endif
#endif
