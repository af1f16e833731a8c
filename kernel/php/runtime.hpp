// PHP in this process: starting libphp once (template), serving requests with it (workers forked from the template).
//
// The two sides meet only here and in exchange: this room knows no sockets and no HTTP grammar.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "php/plugin_interface.hpp"

namespace askr::php {

class ForkPoint;

// worker.preload_classes: what the template does with RuntimeOptions::class_list.
enum class ClassList : uint8_t { none, learn, preload };

struct RuntimeOptions {
  std::string root;               // absolute document root of this generation, symlinks resolved
  std::string worker_script;      // absolute; empty: per-request mode
  std::string app_base;           // exported as ASKR_APP_BASE when not empty
  std::vector<std::string> ini;   // extra php.ini lines, override the files
  uint64_t max_body_size = 0;     // becomes post_max_size and upload_max_filesize unless `ini` sets them
  std::string upload_dir;         // where PHP puts uploads; each worker in a folder of its own
  uint64_t max_growth = 0;        // recycle when a worker's own memory has grown by so many bytes; 0: never
  uint64_t max_requests = 0;      // recycle after so many, spread by up to a tenth per worker; 0: never
  bool boot_in_template = false;  // the worker script runs in the template, up to askr_cow_ready()
  bool isolate = false;           // a worker serves one request
  bool rewind = false;            // or goes back to where it was before, and serves the next one
  bool cow_strict = false;        // what workers would share is an error instead of a warning
  bool paranoid = false;          // worker script: look for state that requests leave behind
  bool behind_proxy = false;      // clients are proxies that are trusted
  std::string preload_script;     // absolute; run in the template, before the front controller of each request
  std::string front;              // relative to the root
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

// Starts libphp: module start-up, php.ini, opcache. Once per template process, before any fork. Errors: a broken
// php.ini or ini line (names file and line), opcache installed but refused.
Result<RuntimeFacts> start_runtime(const RuntimeOptions& options);

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

// The folder of the worker of that index, below RuntimeOptions::upload_dir. It is there if the worker's record has
// uploads.
std::string worker_upload_dir(const std::string& upload_dir, uint32_t index);

// In the template, after start_runtime(): brings PHP to the place where it is to be forked and calls `fork_point`
// there. Returns in workers only, once they have served their requests, with the exit code, and in sidecars, once their
// script has ended, with its. Errors are the template's:
// the application could not be booted.
Result<int> run_template(ForkPoint& fork_point);

}  // namespace askr::php
