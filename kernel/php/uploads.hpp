// The list of uploaded files for worker mode. $_FILES turns `a[b][]` into nested arrays and forgets how the field was
// written, so the names are noted while PHP parses the body.
#pragma once

#include "php/zend.hpp"

namespace askr::php {

// Listens to PHP's multipart parser. Called once, after PHP has started.
void watch_uploads();
// Forgets the files of the last request.
void forget_uploads();
// A list of [field, name, type, tmp_name, size, error], in the order of the body. Needs $_FILES to be built.
void list_uploads(zval* result);

}  // namespace askr::php
