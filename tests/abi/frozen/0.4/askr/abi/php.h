/* PHP functions and callables: "askr.php/1". A plugin never sees PHP's own types, so it works with whatever PHP the
 * server was built with.
 *
 * Functions are registered before PHP starts and run in workers. PHP leaves functions with longjmp, so a plugin must
 * not hold anything that needs a destructor across `invoke`; and `invoke` itself always returns.
 */
#ifndef ASKR_ABI_PHP_H
#define ASKR_ABI_PHP_H

#include "askr/abi/plugin.h"

#ifdef __cplusplus
extern "C" {
#endif

#define ASKR_PHP "askr.php/1"

enum askr_php_type {
  ASKR_PHP_VOID = 0,
  ASKR_PHP_BOOL = 1,
  ASKR_PHP_INT = 2,
  ASKR_PHP_FLOAT = 3,
  ASKR_PHP_STRING = 4,
  ASKR_PHP_CALLABLE = 5,
  ASKR_PHP_NULLABLE = 16 /* added to one of the others */
};

typedef struct askr_php_parameter {
  const char* name;         /* without '$' */
  uint32_t type;            /* enum askr_php_type */
  uint32_t reserved;        /* 0 */
  const char* default_text; /* NULL: required; else as in a declaration: "0" */
} askr_php_parameter;

/* One call; valid while it runs. */
typedef struct askr_php_call askr_php_call;
/* A PHP callable, kept with keep_callable(). Belongs to the request in which it was made: it must be released before
 * the phase request_end of that request has ended; what is not is released by the server and named in the log. */
typedef struct askr_callable askr_callable;

/* Static data. Arguments have been checked and converted as PHP does before `call` runs. */
typedef struct askr_php_function {
  uint32_t size;
  uint32_t return_type; /* enum askr_php_type */
  const char* name;
  const askr_php_parameter* parameters;
  uint32_t parameter_count;
  uint32_t parameter_size; /* sizeof(askr_php_parameter) where it was compiled */
  /* An error throws \Error in PHP. Without a value set, PHP gets null. */
  askr_status (*call)(void* self, askr_php_call* call);
} askr_php_function;

enum askr_outcome_kind {
  ASKR_OUTCOME_RETURNED = 0,
  ASKR_OUTCOME_THREW = 1,  /* an exception escaped */
  ASKR_OUTCOME_EXITED = 2, /* exit() */
  ASKR_OUTCOME_FATAL = 3,  /* fatal error; the worker is replaced when it has finished this request */
  ASKR_OUTCOME_TIMED_OUT = 4
};

typedef struct askr_outcome {
  uint32_t size;
  uint32_t kind;    /* enum askr_outcome_kind */
  askr_str message; /* what went wrong, "RuntimeException: no such user"; valid until the next invoke */
  askr_str file;
  uint32_t line;
} askr_outcome;

typedef struct askr_php {
  uint32_t size;
  /* In the step `register`. A function of the public contract (askr_defer, askr_cache_get, ...) takes the place of the
   * one that answers null or false. ASKR_E_EXISTS: another plugin has it. */
  askr_status (*add_function)(askr_registrar* registrar, const askr_php_function* function);

  /* --- inside `call`; `index` is below the number of declared parameters */
  int32_t (*is_given)(const askr_php_call* call, uint32_t index);     /* 0: left out, or null */
  int64_t (*int_argument)(const askr_php_call* call, uint32_t index); /* bool and int */
  double (*float_argument)(const askr_php_call* call, uint32_t index);
  askr_str (*string_argument)(const askr_php_call* call, uint32_t index); /* valid while the call runs */
  askr_callable* (*keep_callable)(askr_php_call* call, uint32_t index);
  void (*return_null)(askr_php_call* call);
  void (*return_bool)(askr_php_call* call, int32_t value);
  void (*return_int)(askr_php_call* call, int64_t value);
  void (*return_float)(askr_php_call* call, double value);
  /* Copied. */
  void (*return_string)(askr_php_call* call, askr_str value);
  /* A string of that size for the plugin to fill in before `call` returns; NULL: too large. */
  char* (*return_buffer)(askr_php_call* call, size_t size);
  void (*warn)(askr_php_call* call, askr_str message); /* E_WARNING; a handler of the application may run */

  /* --- worker, in request_end */
  /* Calls without arguments; the result is thrown away, what it prints goes nowhere. After `limit` nanoseconds (0:
   * none) it is unwound as by exit(). ASKR_E_WRONG_STEP: not in request_end. */
  askr_status (*invoke)(askr_callable* callable, int64_t limit, askr_outcome* outcome);
  void (*release)(askr_callable* callable);
  /* While it is 1 the worker is shown as `deferred`, not as busy with a request. */
  void (*set_deferred)(int32_t deferred);
  /* The id of the running request; absent between requests. */
  askr_str (*request_id)(void);
} askr_php;

#ifdef __cplusplus
}
#endif
#endif
