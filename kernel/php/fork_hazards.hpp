// What forked workers would share without wanting to: open connections, positions in files, threads that are not there
// any more, random numbers.
#pragma once

#include <string>
#include <vector>

#include "php/channels.hpp"

namespace askr::php {

// Remembers what the server itself has open. Once PHP has started, before any script.
void remember_open_files();
// What it has open, of these.
std::vector<int> server_files();
// In a forked process: files and folders that a script had open for reading are opened anew, so that each process has a
// position of its own in them, and channels are made anew.
void separate_open_files();
// Of scripts, and of this process alone.
std::vector<Channel> own_channels();
// What a script has left open since, for a person, each with what to do about it.
std::vector<std::string> find_shared_files();
// These and all else that forked workers would share.
std::vector<std::string> find_fork_hazards();

}  // namespace askr::php
