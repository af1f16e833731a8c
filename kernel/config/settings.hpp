// Settings: every effective setting of one server, after flags, environment, askr.toml and defaults were merged.
//
// Plain data, filled by config/, read by everybody else. Durations are nanoseconds, sizes are bytes.
// A field's default is the default of the contract.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"

namespace askr::config {

// Where to listen. `unix_path` set: a Unix socket; otherwise host (numeric or name, IPv6 without brackets) and port.
struct ListenAddress {
  std::string host;
  uint16_t port = 0;
  std::string unix_path;

  // As a person writes it: `127.0.0.1:8000`, `[::1]:8000`, `unix:/run/a.sock`.
  [[nodiscard]] std::string text() const;
  // What to click: `http://127.0.0.1:8000`; the text for a Unix socket.
  [[nodiscard]] std::string url() const;
};

struct ServerSettings {
  std::vector<ListenAddress> listen;  // default 127.0.0.1:8000
  unsigned socket_mode = 0660;        // of the files of Unix sockets
  std::string root;                   // as written; each generation resolves it again (symlinked releases)
  std::string front = "index.php";    // relative to the root
  bool https = false;                 // clients come over TLS that somebody in front ends
  std::string user, group;            // what all but the master run as; empty: as it was started
  unsigned workers = 0;               // resolved: never 0 after load
  unsigned gateways = 0;              // resolved: never 0 after load
  unsigned workers_min = 0, workers_max = 0;
  unsigned spares = 1;                   // resolved: so many times the workers when rewinding turns out not to pay
  uint64_t max_requests = 0;             // 0: never recycle
  uint64_t max_worker_rss = 0;           // bytes that a worker's own memory may grow by; 0: any
  int64_t max_worker_age = 0;            // 0: any
  uint64_t max_body_size = 16ULL << 20;  // 0: no limit
  int64_t request_timeout = 60 * kSecond;
  int64_t queue_timeout = 10 * kSecond;
  unsigned queue_size = 1024;
  std::string abandon = "never";   // queued requests whose clients have gone: "never" dropped, or from the "queue"
  bool trace = false;              // PHP gets TRACE; otherwise it is 405
  std::string access_log;          // empty: off, "-": standard output
  std::string error_log;           // empty: standard error
  std::string log_level = "info";  // debug info warning error
  int64_t shutdown_timeout = 30 * kSecond;
  std::vector<std::string> trusted_proxies;  // addresses or CIDR blocks, "unix" for Unix sockets
  int64_t idle_timeout = 75 * kSecond;       // keep-alive connection without a request
  int64_t head_timeout = 10 * kSecond;       // first byte of a head to its end
  int64_t body_timeout = 30 * kSecond;       // between two pieces of a body
  int64_t send_timeout = 60 * kSecond;       // client reads nothing
  uint64_t max_head_size = 32ULL << 10;      // request line and header fields; at most 48K
  unsigned max_headers = 100;
  unsigned max_connections = 0;  // per gateway; 0: what the descriptor limit allows
  std::string spool_dir;         // default $TMPDIR or /tmp
  uint64_t spool_limit = 0;      // bytes of all waiting bodies; resolved: never 0 after load
  std::string control;           // control socket; after load never empty

  // More than any disk takes, and still a number that PHP and its applications can calculate with.
  static constexpr uint64_t kLargestBody = 1ULL << 50;
  // max_body_size for those who compare: never 0.
  [[nodiscard]] uint64_t body_limit() const { return max_body_size == 0 ? kLargestBody : max_body_size; }
};

struct WorkerSettings {
  std::string script;                        // empty: per-request mode
  std::string app_base;                      // exported as ASKR_APP_BASE
  bool clear_env = false;                    // PHP gets none of the server's environment
  bool files = false;                        // worker mode: other scripts below the root run as well
  std::vector<std::string> keep_extensions;  // they see a worker script as one request
  std::vector<std::string> ini;              // extra php.ini lines, later wins
  bool cow = false;         // boot the worker script once, in the template, and fork workers from there
  bool cow_strict = false;  // refuse a template that cannot be forked safely
  std::string isolation = "none";
  bool paranoid = false;         // name the state that requests leave behind in a worker script
  std::string preload_script;    // isolation of per-request mode: run once, in the template
  bool preload_classes = false;  // per-request mode: opcache preloads what the warm URLs load
};

struct ReloadSettings {
  std::vector<std::string> warm_urls;  // paths, or URLs with a host
  int64_t boot_timeout = 60 * kSecond;
  int64_t canary = 0;  // how long one new worker is compared with the old ones; 0: not at all
  bool watch = false;  // reload when sources change
};

struct QueueSettings {
  std::string script;    // empty: no queue workers
  unsigned workers = 1;  // processes that run it
};

struct SchedulerSettings {
  std::string script;  // run at the start of each minute; empty: never
};

// A command that runs beside the server.
struct SidecarSettings {
  std::string name;
  std::string shell;               // for /bin/sh -c; empty: `words`
  std::vector<std::string> words;  // the program, looked up in $PATH, and its arguments
  std::string folder;              // where it runs; after load never empty
};

struct PluginSettings {
  std::vector<std::string> enable, disable;
  std::vector<std::string> required;  // never taken out of a running server, however often they crash
  std::vector<std::string> dir;       // folders beside the one that comes with the server
  int64_t hook_timeout = 10 * kSecond;

  [[nodiscard]] bool is_disabled(std::string_view name) const;
  [[nodiscard]] bool is_required(std::string_view name) const;
};

// The value of a plugin's option; its kind says which of them.
struct PluginValue {
  std::string text;
  int64_t number = 0;
  std::vector<std::string> list;
};

struct Settings {
  ServerSettings server;
  WorkerSettings worker;
  ReloadSettings reload;
  QueueSettings queue;
  SchedulerSettings scheduler;
  std::vector<SidecarSettings> sidecars;
  PluginSettings plugins;
  std::string folder;                      // where the server was started
  std::string config_file;                 // empty: none was read
  std::vector<PluginValue> plugin_values;  // see Option::plugin_value

  [[nodiscard]] bool worker_mode() const { return !worker.script.empty(); }
  // Nothing of a request is left for the next one: each has a forked worker of its own, ...
  [[nodiscard]] bool isolates() const { return worker.isolation != "none"; }
  // ... or one that becomes again what it was.
  [[nodiscard]] bool rewinds() const { return worker.isolation == "rewind"; }
  // The worker script boots in the template.
  [[nodiscard]] bool boots_in_template() const { return worker_mode() && (worker.cow || isolates()); }
};

}  // namespace askr::config
