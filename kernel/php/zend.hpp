// The headers of PHP, in an order that works. Nothing outside this room includes them.
//
// PHP reports fatal errors by longjmp ("bailout"). The rule of this room: in a function that may be jumped across, no
// C++ object with a destructor is alive while PHP runs. Containers with static life are fine, they are never destroyed.
#pragma once

#include "main/php.h"
// php.h first: the others need it.
#include "SAPI.h"
#include "Zend/zend_closures.h"
#include "Zend/zend_constants.h"
#include "Zend/zend_exceptions.h"
#include "Zend/zend_extensions.h"
#include "Zend/zend_ini.h"
#include "Zend/zend_interfaces.h"
#include "Zend/zend_observer.h"
#include "Zend/zend_signal.h"
#include "Zend/zend_smart_str.h"
#include "Zend/zend_stream.h"
#include "ext/standard/info.h"
#include "main/php_ini.h"
#include "main/php_main.h"
#include "main/php_output.h"
#include "main/php_variables.h"
#include "main/rfc1867.h"

// These forget to say that their functions are C.
extern "C" {
#include "ext/standard/basic_functions.h"
#include "ext/standard/file.h"
#include "ext/standard/php_filestat.h"
// php_session.h includes it.
#include "ext/session/php_session.h"
}

// The php.ini that was read; exported by libphp, declared in none of its headers.
extern PHPAPI char* php_ini_opened_path;
