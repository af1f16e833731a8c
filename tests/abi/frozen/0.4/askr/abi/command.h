/* Subcommands: "askr.command/1". `askr cache flush` on the command line is sent to the running server and executed in
 * its master, which answers with text.
 * `askr cache --help` prints the usage and the summary; the plugin is not called. */
#ifndef ASKR_ABI_COMMAND_H
#define ASKR_ABI_COMMAND_H

#include "askr/abi/plugin.h"

#ifdef __cplusplus
extern "C" {
#endif

#define ASKR_COMMAND "askr.command/1"

/* Where the answer goes; valid during the call. */
typedef struct askr_reply {
  uint32_t size;
  void (*write)(struct askr_reply* self, askr_str text); /* appends; lines end with \n */
} askr_reply;

/* Static data. */
typedef struct askr_command {
  uint32_t size;
  uint32_t reserved;   /* 0 */
  const char* name;    /* "cache" */
  const char* usage;   /* "cache stats | flush | forget-tag NAME" */
  const char* summary; /* for `askr --help` */
  /* In the master: must not block. An error makes the command exit with 1, ASKR_E_INVALID with 2 and the usage. */
  askr_status (*run)(void* self, const askr_str* arguments, uint32_t count, askr_reply* reply);
} askr_command;

typedef struct askr_commands {
  uint32_t size;
  /* In the step `register`. ASKR_E_EXISTS: the server or another plugin has one of that name. */
  askr_status (*add)(askr_registrar* registrar, const askr_command* command);
} askr_commands;

#ifdef __cplusplus
}
#endif
#endif
