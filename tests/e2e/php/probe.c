/* An extension of PHP that tells when its requests begin and end, by a line in the file that probe.log names. It is a
 * Zend extension and a module at once, as debuggers are. */
#include "SAPI.h"
#include "php.h"
#include "php_ini.h"
#include "zend_extensions.h"

static const char* uri(void) {
  zval* server = &PG(http_globals)[TRACK_VARS_SERVER];
  zval* value = Z_TYPE_P(server) == IS_ARRAY ? zend_hash_str_find(Z_ARRVAL_P(server), "REQUEST_URI", 11) : NULL;
  return value != NULL && Z_TYPE_P(value) == IS_STRING ? Z_STRVAL_P(value) : "-";
}

static void tell(const char* what) {
  FILE* log = fopen(INI_STR("probe.log"), "a");
  if (log == NULL) return;
  fprintf(log, "%d %s %s\n", (int)getpid(), what, uri());
  fclose(log);
}

PHP_INI_BEGIN()
PHP_INI_ENTRY("probe.log", "", PHP_INI_SYSTEM, NULL)
PHP_INI_END()

static zend_result begin_module(INIT_FUNC_ARGS) {
  REGISTER_INI_ENTRIES();
  return SUCCESS;
}

static zend_result begin_request(INIT_FUNC_ARGS) {
  tell("begin");
  return SUCCESS;
}

static zend_result end_request(SHUTDOWN_FUNC_ARGS) {
  tell("end");
  return SUCCESS;
}

static zend_result release(void) {
  tell("release");
  return SUCCESS;
}

zend_module_entry probe_module_entry = {STANDARD_MODULE_HEADER,
                                        "probe",
                                        NULL,
                                        begin_module,
                                        NULL,
                                        begin_request,
                                        end_request,
                                        NULL,
                                        "1",
                                        0,
                                        NULL,
                                        NULL,
                                        NULL,
                                        release,
                                        STANDARD_MODULE_PROPERTIES_EX};

static int start(zend_extension* extension) {
  (void)extension;
  return zend_startup_module(&probe_module_entry);
}

static void activate(void) {
  tell("activate");
}
static void deactivate(void) {
  tell("deactivate");
}

ZEND_DLEXPORT zend_extension_version_info extension_version_info = {ZEND_EXTENSION_API_NO,
                                                                    (char*)ZEND_EXTENSION_BUILD_ID};
ZEND_DLEXPORT zend_extension zend_extension_entry = {"Probe",
                                                     "1",
                                                     "",
                                                     "",
                                                     "",
                                                     start,
                                                     NULL,
                                                     activate,
                                                     deactivate,
                                                     NULL,
                                                     NULL,
                                                     NULL,
                                                     NULL,
                                                     NULL,
                                                     NULL,
                                                     NULL,
                                                     STANDARD_ZEND_EXTENSION_PROPERTIES};
