// The working directory that each request of an application starts in which has booted already.
#pragma once

namespace askr::php {

// The boot is over: a directory that it has chosen with chdir() is where requests start.
void keep_directory();
// Goes there. Otherwise to that of the front controller, where php-fpm starts its requests.
void enter_directory();

}  // namespace askr::php
