// What this process has open, for reports.
#pragma once

#include <map>
#include <string>

namespace askr::php {

using OpenFiles = std::map<int, std::string>;  // descriptor -> what /proc says it is

OpenFiles open_files();

// "127.0.0.1:3306", "unix:/run/mysqld.sock", of the other end of a connection; empty: it is not connected.
std::string peer_address(int socket);
// The same of this end; empty: the socket is gone.
std::string own_address(int socket);

// For a person: "/tmp/list.txt", "connection to 127.0.0.1:3306", "pipe".
std::string describe_open_file(int fd, const std::string& target);

}  // namespace askr::php
