// What this PHP was started with, what it turned out to be, and the exit codes of its processes: plain data, which all
// of the room may know.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "php/plugin_parts.hpp"

namespace askr::php {

// worker.preload_classes: what the template does with RuntimeOptions::class_list.
enum class ClassList : uint8_t { none, learn, preload };

struct RuntimeOptions {
  std::string root;           // absolute document root of this generation, symlinks resolved
  std::string worker_script;  // absolute; empty: per-request mode
  bool files = false;         // worker mode: a request may name another script, to be run as without a worker script
  std::string app_base;       // exported as ASKR_APP_BASE when not empty
  bool clear_env = false;     // of the server's environment, scripts get USER and HOME alone
  std::vector<std::string> keep_extensions;  // whose request lasts as long as the worker script
  std::vector<std::string> ini;              // extra php.ini lines, override the files
  uint64_t max_body_size = 0;                // becomes post_max_size and upload_max_filesize unless `ini` sets them
  std::string upload_dir;                    // where PHP puts uploads; each worker in a folder of its own
  uint64_t max_growth = 0;                   // recycle when a worker's own memory has grown by so many bytes; 0: never
  uint64_t max_requests = 0;                 // recycle after so many, spread by up to a tenth per worker; 0: never
  bool boot_in_template = false;             // the worker script runs in the template, up to askr_cow_ready()
  bool isolate = false;                      // a worker serves one request
  bool rewind = false;                       // or goes back to where it was before, and serves the next one
  bool cow_strict = false;                   // what workers would share is an error instead of a warning
  bool paranoid = false;                     // worker script: look for state that requests leave behind
  bool behind_proxy = false;                 // clients are proxies that are trusted
  bool command_line = false;                 // no server: PHP as a program of the command line has it
  std::string preload_script;  // absolute; run in the template, before the front controller of each request
  std::string front;           // relative to the root
  ClassList classes = ClassList::none;
  int class_list = -1;  // a file in memory: php/class_lessons.hpp
  PluginParts plugins;
};

struct RuntimeFacts {
  std::string php_version;  // "8.2.36"
  std::string sapi_name;
  bool opcache_installed = false, opcache_enabled = false, jit_enabled = false;
  unsigned preloaded_classes = 0;
  std::string ini_file;  // loaded php.ini, empty: none
  std::vector<std::string> extensions;
  std::vector<std::string> warnings;  // worth acting on, one line each
};

// Exit codes of a worker process, read by the master.
enum WorkerExit : int {
  kRetired = 0,           // asked to stop, or recycled after max_requests
  kBootFailed = 10,       // the worker script failed before its first askr_handle_request(); the note says why
  kNeverHandled = 11,     // the worker script ended without calling askr_handle_request()
  kStuck = 13,            // a callback after the response did not come back to PHP; the note says so
  kLearnt = 15,           // the rehearsals of a template that learns are over
  kRehearsalFailed = 14,  // see WorkerPort::set_rehearsals(); the note says which
  kRecycled = 12,         // reached max_requests, or a fatal error ended the worker script: start another one
};

}  // namespace askr::php
