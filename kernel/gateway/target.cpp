// A path is decoded and normalised before the disk is asked, so `%2e%2e` and `//` cannot hide anything. Symbolic links
// are followed, because applications depend on them (Laravel's public/storage): who may write into the document root
// decides what is published.
//
// Never served, whatever is there:
//   - dotfiles and everything in dot-folders, except below /.well-known/;
//   - sources as bytes: .php and its kin, .phar and .inc, whatever follows (x.inc.txt). Only `.php`, in lower case, is
//     run;
//   - what editors leave behind: name~, #name#, .bak, .swp, .swo, .orig, .save;
//   - what is no regular file: devices, FIFOs, sockets.
#include "gateway/target.hpp"

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/clock.hpp"
#include "gateway/absent_files.hpp"
#include "http/text.hpp"
#include "http/uri.hpp"

namespace askr::gateway {
namespace {

using pipeline::Target;
using pipeline::TargetKind;
using pipeline::Transaction;

constexpr std::string_view kWellKnown = "/.well-known/";
constexpr std::string_view kScriptSuffix = ".php";
// How long a front controller that was there is believed to be there still. It is looked for with nearly every
// request, and if it has gone the worker says so too.
constexpr int64_t kFrontRemembered = kSecond;

constinit AbsentFiles absent_files;

bool has_dot_segment(std::string_view path) {
  if (path.starts_with(kWellKnown)) path.remove_prefix(kWellKnown.size() - 1);
  return path.find("/.") != std::string_view::npos;
}

std::string lower_case(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(), http::to_lower);
  return lower;
}

// .php, .php5, .phps, .phpt, .php-dist, ...
bool is_source_extension(std::string_view extension) {
  constexpr std::array<std::string_view, 5> kKin{".pht", ".phtm", ".phtml", ".phar", ".inc"};
  return extension.starts_with(kScriptSuffix) || std::find(kKin.begin(), kKin.end(), extension) != kKin.end();
}

// Each extension counts and not the last one alone, because `config.inc.old` is still the source of config.inc.
bool is_source(std::string_view name) {
  const std::string lower = lower_case(name);
  for (size_t dot = lower.find('.'); dot != std::string::npos;) {
    const size_t next = lower.find('.', dot + 1);
    if (is_source_extension(std::string_view(lower).substr(dot, next - dot))) return true;
    dot = next;
  }
  return false;
}

bool is_leftover(std::string_view name) {
  constexpr std::array<std::string_view, 5> kSuffixes{".bak", ".swp", ".swo", ".orig", ".save"};
  if (name.ends_with('~') || (name.starts_with('#') && name.ends_with('#'))) return true;
  const size_t dot = name.rfind('.');
  if (dot == std::string_view::npos) return false;
  const std::string suffix = lower_case(name.substr(dot));
  return std::find(kSuffixes.begin(), kSuffixes.end(), suffix) != kSuffixes.end();
}

class Resolver {
 public:
  Resolver(const DocumentRoot& root, Transaction& transaction)
      : root_(root), transaction_(transaction), path_(transaction.path), target_(transaction.target) {}

  void resolve() {
    if (is_for_front()) return;
    if (has_dot_segment(path_)) {
      if (!use_script_prefix()) target_.kind = TargetKind::forbidden;
    } else if (!look_at(path_)) {
      if (!use_script_prefix()) use_front_or_nothing();
    } else if (S_ISDIR(target_.file_status.st_mode)) {
      use_directory();
    } else {
      use_file();
    }
  }

 private:
  // The start page of an application, `/index.php` and `/index.php/a/b`: known without a look at the disk.
  bool is_for_front() {
    const std::string_view front = root_.front;
    if (path_ == "/") return use_front({});
    if (path_.compare(1, front.size(), front) != 0) return false;
    const std::string_view rest = std::string_view(path_).substr(front.size() + 1);
    const bool is_script = !rest.empty() || front.ends_with(kScriptSuffix);
    return (rest.empty() || rest[0] == '/') && is_script && use_front(rest);
  }

  // Fills file_path and file_status.
  bool look_at(std::string_view path) {
    target_.file_path.assign(root_.path).append(path);
    const int64_t now = transaction_.times.accepted;
    if (absent_files.has(target_.file_path, now)) return false;
    if (::stat(target_.file_path.c_str(), &target_.file_status) == 0) return true;
    if (errno == ENOENT || errno == ENOTDIR) absent_files.remember(target_.file_path, now);
    return false;
  }

  bool is_file_at(std::string_view path) { return look_at(path) && S_ISREG(target_.file_status.st_mode); }

  void use_script(std::string_view script, std::string_view path_info) {
    target_.kind = TargetKind::script;
    target_.script_name = script;
    target_.path_info = path_info;
  }

  [[nodiscard]] bool runs_scripts() const { return !root_.worker_mode || root_.files; }

  // The worker script boots the application, which has been done. Looked at by what it is, as there are links.
  [[nodiscard]] bool is_worker_script() const {
    struct stat own {};
    return root_.worker_mode && ::stat(root_.worker_script.c_str(), &own) == 0 &&
           own.st_ino == target_.file_status.st_ino && own.st_dev == target_.file_status.st_dev;
  }

  void use_script_or_front(std::string_view script, std::string_view path_info) {
    if (!runs_scripts() || is_worker_script()) {
      use_front_or_nothing();
    } else {
      use_script(script, path_info);
    }
  }

  void use_file() {
    const std::string_view name = std::string_view(path_).substr(path_.rfind('/') + 1);
    if (!S_ISREG(target_.file_status.st_mode)) {
      target_.kind = TargetKind::forbidden;
    } else if (name.ends_with(kScriptSuffix)) {
      use_script_or_front(path_, {});
    } else {
      target_.kind = is_source(name) || is_leftover(name) ? TargetKind::forbidden : TargetKind::file;
    }
  }

  // A folder is its index, under the name with a slash. A folder without one belongs to the application.
  void use_directory() {
    const bool has_slash = path_.back() == '/';
    const std::string base = has_slash ? path_ : path_ + '/';
    const std::string script = base + "index.php";
    if (runs_scripts() && is_file_at(script)) {
      if (has_slash) {
        use_script_or_front(script, {});
      } else {
        target_.kind = TargetKind::directory;
      }
      return;
    }
    if (is_file_at(base + "index.html")) {
      target_.kind = has_slash ? TargetKind::file : TargetKind::directory;
      return;
    }
    use_front_or_nothing();
  }

  // `/a.php/b/c` is the script `/a.php` with the path info `/b/c`. From the left: what lies behind a file is path info,
  // and behind what is not there is nothing, so that a path of many such names costs one look. The path info names no
  // file, so it may begin with a dot.
  bool use_script_prefix() {
    if (!runs_scripts()) return false;
    for (size_t slash = path_.find(".php/"); slash != std::string::npos; slash = path_.find(".php/", slash + 1)) {
      const size_t end = slash + kScriptSuffix.size();
      const std::string_view script = std::string_view(path_).substr(0, end);
      if (has_dot_segment(script) || !look_at(script)) return false;
      if (S_ISREG(target_.file_status.st_mode)) {
        use_script_or_front(script, std::string_view(path_).substr(end));
        return true;
      }
    }
    return false;
  }

  bool use_front(std::string_view path_info) {
    const std::string front = '/' + root_.front;
    if (!root_.worker_mode && !front_exists(front)) return false;
    use_script(front, path_info);
    return true;
  }

  void use_front_or_nothing() {
    if (!use_front({})) target_.kind = TargetKind::missing;
  }

  bool front_exists(const std::string& front) {
    static std::string seen;
    static int64_t seen_until = 0;
    const int64_t now = transaction_.times.accepted;
    const bool same =
        seen.size() == root_.path.size() + front.size() && seen.starts_with(root_.path) && seen.ends_with(front);
    if (same && now < seen_until) return true;
    if (!is_file_at(front)) return false;
    seen = target_.file_path;
    seen_until = now + kFrontRemembered;
    return true;
  }

  const DocumentRoot& root_;
  Transaction& transaction_;
  const std::string& path_;
  Target& target_;
};

}  // namespace

void resolve_target(const DocumentRoot& root, Transaction& transaction) {
  transaction.target.kind = TargetKind::missing;
  if (!http::decode_path(transaction.head.raw_path, transaction.path)) {
    transaction.target.kind = TargetKind::bad_path;
    return;
  }
  Resolver(root, transaction).resolve();
}

}  // namespace askr::gateway
