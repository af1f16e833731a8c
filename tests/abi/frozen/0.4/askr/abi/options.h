/* The options of a plugin: a table in its descriptor. From it the server makes parsing (askr.toml, environment, flags),
 * errors with a suggestion, --help, `askr config-check` and the reference. */
#ifndef ASKR_ABI_OPTIONS_H
#define ASKR_ABI_OPTIONS_H

#include "askr/abi/base.h"

#ifdef __cplusplus
extern "C" {
#endif

enum askr_option_kind {
  ASKR_OPTION_TEXT = 0,
  ASKR_OPTION_PATH = 1,     /* made absolute: relative to the folder of askr.toml, elsewhere to the working directory */
  ASKR_OPTION_BOOL = 2,     /* a flag without a value; "true" or "false" elsewhere */
  ASKR_OPTION_NUMBER = 3,   /* minimum <= value <= maximum */
  ASKR_OPTION_SIZE = 4,     /* "16M"; the value is in bytes */
  ASKR_OPTION_DURATION = 5, /* "1.5s"; the value is in nanoseconds */
  ASKR_OPTION_CHOICE = 6,   /* one of `choices` */
  ASKR_OPTION_LIST = 7      /* of texts */
};

enum askr_option_flags {
  ASKR_OPTION_SECRET = 1,   /* shown as *** by config-check */
  ASKR_OPTION_ACTIVATES = 2 /* setting it to anything but its default turns the plugin on (ASKR_ACTIVE_WHEN_SET) */
};

/* Static data of the plugin, valid for the life of the process. The struct may grow at its end: the descriptor says how
 * large an entry is. */
typedef struct askr_option {
  const char* path;         /* "compress.min_size": section and key in askr.toml, ASKR_COMPRESS_MIN_SIZE outside */
  const char* flag;         /* "--compress-min-size" */
  const char* placeholder;  /* "SIZE", for --help; NULL for ASKR_OPTION_BOOL */
  const char* help;         /* one sentence without a full stop */
  uint32_t kind;            /* enum askr_option_kind */
  uint32_t flags;           /* enum askr_option_flags */
  const char* default_text; /* as a person would write it; NULL or "": absent, 0, false, an empty list */
  int64_t minimum, maximum; /* of numbers, sizes and durations in their unit; both 0: any that is not negative */
  const char* choices;      /* of ASKR_OPTION_CHOICE: "fast best" */
} askr_option;

/* Handed out in the steps `configure` and `reload`, valid during that call. Values of own options only. A path that is
 * none of them, or is of another kind, answers an absent string, 0 or an empty list, and is logged. */
typedef struct askr_configuration {
  uint32_t size;
  askr_str (*text)(const struct askr_configuration* self, const char* path);  /* text, path, choice; copy it */
  int64_t (*number)(const struct askr_configuration* self, const char* path); /* bool, number, size, duration */
  uint32_t (*list_size)(const struct askr_configuration* self, const char* path);
  askr_str (*list_item)(const struct askr_configuration* self, const char* path, uint32_t index);
} askr_configuration;

#ifdef __cplusplus
}
#endif
#endif
