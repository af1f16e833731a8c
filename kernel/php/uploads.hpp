// The files of uploads. PHP writes them, and bodies that it does not keep in memory, into a folder of the worker, so
// that they can be removed when it is killed.
//
// The list of uploaded files for worker mode: $_FILES turns `a[b][]` into nested arrays and forgets how the field was
// written, so the names are noted while PHP parses the body.
#pragma once

#include "php/zend.hpp"

namespace askr::php {

// In a worker, once: from now on PHP uses its folder, unless an ini line of the operator names another one.
void use_upload_dir_of_worker();
// Makes that folder if the request may need it. Costs nothing otherwise.
void make_upload_dir();
// Listens to PHP's multipart parser. Called once, after PHP has started.
void watch_uploads();
// Forgets the files of the last request.
void forget_uploads();
// A list of [field, name, type, tmp_name, size, error], in the order of the body: the files of $_FILES, which has to be
// built.
void list_uploads(zval* result);

}  // namespace askr::php
