#include "exchange/not_rewound.hpp"

namespace askr::exchange {

std::string_view reason_text(NotRewound reason) {
  switch (reason) {
    case NotRewound::not_tried:
      return "not tried, because the workers before could not be rewound";
    case NotRewound::shared_files:
      return "the boot has left open what other processes share";
    case NotRewound::other_script:
      return "it ran another script, which starts from nothing";
    case NotRewound::too_large:
      return "the application has too much memory, or too many files open";
    case NotRewound::unreadable:
      return "/proc/self cannot be read";
    case NotRewound::forked:
      return "it has called pcntl_fork()";
    case NotRewound::child:
      return "a child process was left running";
    case NotRewound::thread:
      return "a thread was left running";
    case NotRewound::identity:
      return "user, groups, process group, session or priority were changed";
    case NotRewound::limits:
      return "a resource limit was changed";
    case NotRewound::descriptor:
      return "a file, a pipe or a socket of the boot was closed or replaced";
    case NotRewound::unmapped:
      return "memory of the boot was given back to the system";
    case NotRewound::written:
      return "it has written to more than 64 MB of memory";
    case NotRewound::log_reopened:
      return "the error log was reopened";
    case NotRewound::no:
    case NotRewound::count:
      break;
  }
  return "?";
}

}  // namespace askr::exchange
