// Who has opened what the boot leaves open: noted while it runs, for messages about what processes share.
#pragma once

#include <string>

namespace askr::php {

// Puts note-takers in front of PHP's functions and methods that open files and connections. Called once, after PHP has
// started, where a script boots in the template.
void watch_openers();

// "stream_socket_client() in /srv/app/boot.php:12"; empty: not known. `target` as in OpenFiles.
std::string opener_of(int fd, const std::string& target);

}  // namespace askr::php
