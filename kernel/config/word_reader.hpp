// The words of a command line, one after the other.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace askr::config {

// A flag as one word ("--workers=4") or as two; knows which word comes next.
class WordReader {
 public:
  explicit WordReader(const std::vector<std::string>& words) : words_(words) {}

  [[nodiscard]] bool done() const { return next_ == words_.size(); }

  std::string take() {
    std::string word = words_[next_++];
    attached_.reset();
    const size_t equals = word.find('=');
    if (word.starts_with("--") && equals != std::string::npos) {
      attached_ = word.substr(equals + 1);
      word.resize(equals);
    }
    return word;
  }

  // What is left, as it is.
  std::vector<std::string> take_rest() {
    std::vector<std::string> rest(words_.begin() + static_cast<std::ptrdiff_t>(next_), words_.end());
    next_ = words_.size();
    return rest;
  }

  [[nodiscard]] bool has_attached() const { return attached_.has_value(); }

  Result<std::string> take_value(const std::string& flag) {
    if (attached_) return *attached_;
    const bool looks_like_flag = !done() && words_[next_].starts_with("--");
    if (done() || looks_like_flag) return usage_error(flag + ": a value is missing");
    return words_[next_++];
  }

 private:
  const std::vector<std::string>& words_;
  size_t next_ = 0;
  std::optional<std::string> attached_;
};

}  // namespace askr::config
