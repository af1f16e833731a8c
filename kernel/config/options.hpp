// The option table: everything that can be set, once. Flags, environment variables, keys of askr.toml, defaults,
// ranges,
// --help, config-check and the check of askr.toml.example all come from it.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "config/settings.hpp"

namespace askr::config {

enum class Kind : uint8_t {
  text,
  path,           // relative to the folder of askr.toml, elsewhere to the working directory; "" and "-" stay
  choice,         // one of `choices`
  number,         // minimum <= value <= maximum
  count_or_auto,  // a number, or "auto", which is stored as 0
  size,           // bytes
  duration,       // nanoseconds
  addresses,      // list of listen addresses
  networks,       // list of addresses, CIDR blocks or "unix"
  texts,          // list
  paths,          // list; each as Kind::path, none empty
  sidecars,       // list of NAME=COMMAND; tables in askr.toml
  mode,           // access rights in octal
  boolean,        // a flag without a value; "true" or "false" elsewhere
};

// The field of Settings that an option fills.
using Field = std::variant<std::string*, bool*, unsigned*, uint64_t*, int64_t*, std::vector<std::string>*,
                           std::vector<ListenAddress>*, std::vector<SidecarSettings>*>;

struct Option {
  std::string_view path;         // "server.listen": section and key in askr.toml; "sidecar": tables
  std::string_view flag;         // "--listen"
  std::string_view placeholder;  // "ADDR"
  std::string_view group;        // heading in --help
  Kind kind;
  Field (*member)(Settings& settings);  // nullptr: the option of a plugin, see plugin_value
  std::string_view help;                // one sentence without a full stop
  std::string_view default_text = {};   // where the default is more than the value of the field: "auto", "off"
  int64_t minimum = 0, maximum = 0;     // of numbers, sizes and durations, in their unit; 0, 0: any
  std::string_view choices = {};        // of Kind::choice: "debug info warning error"
  char separator = ',';                 // of lists, in flags and the environment
  std::string_view plugin = {};         // id of whose option it is; empty: the server's own
  size_t plugin_value = 0;              // index into Settings::plugin_values
  bool secret = false;                  // its value is not shown
  std::string_view if_true = {};        // what `true` stands for, where it is no boolean; `false` is 0
  bool needed = false;                  // of Kind::path: "" is a mistake, not the way to say "none"

  [[nodiscard]] std::string_view section() const;
  [[nodiscard]] std::string_view key() const;
  [[nodiscard]] bool is_list() const;
  // Where its value is.
  [[nodiscard]] Field field(Settings& settings) const;
  // For a person: "16M", "auto", "none".
  [[nodiscard]] std::string default_value() const;
};

std::span<const Option> options();
// Adds the options of plugins. Before anything is parsed: pointers to options are not valid any more. Texts of `added`
// outlive the process.
void add_options(std::vector<Option> added);
// nullptr when there is none.
const Option* find_option(std::string_view path);
const Option* find_flag(std::string_view flag);
// "server.listen": "ASKR_SERVER_LISTEN".
std::string environment_name(std::string_view path);
std::vector<std::string> option_paths();
std::vector<std::string> option_flags();

// The value of a field as askr.toml would have it: `"127.0.0.1:8000"`, `[ "a", "b" ]`, `"16M"`, `4`.
std::string format_field(const Option& option, Settings& settings);

}  // namespace askr::config
