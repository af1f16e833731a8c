// What earlier runs of a project have shown: how long each test takes, and which ones failed last.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace askr::testing {

class Times {
 public:
  // A file that is missing or broken is as good as none.
  static Times load(const std::string& file);
  // Whole or not at all, in a folder that is there.
  [[nodiscard]] Result<> save(const std::string& file) const;

  [[nodiscard]] bool known() const { return !entries_.empty(); }
  // Seconds.
  [[nodiscard]] double of(const std::string& test, double unless_known) const;
  [[nodiscard]] bool failed(const std::string& test) const;
  void note(const std::string& test, double seconds, bool failed);

 private:
  struct Entry {
    double seconds = 0;
    bool failed = false;
  };
  std::map<std::string, Entry> entries_;
};

}  // namespace askr::testing
