// The encoded bytes of small static files, so that a hot style sheet is compressed once. Bounded; what was not asked
// for longest goes first.
#pragma once

#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

namespace compression {

class EncodedFiles {
 public:
  explicit EncodedFiles(size_t most_bytes) : most_bytes_(most_bytes) {}

  // nullptr: not there. `key` names file, version and coding.
  std::shared_ptr<const std::string> find(const std::string& key);
  void add(const std::string& key, std::shared_ptr<const std::string> bytes);
  [[nodiscard]] size_t bytes() const { return bytes_; }

 private:
  struct Entry {
    std::string key;
    std::shared_ptr<const std::string> bytes;
  };
  void forget_last();

  size_t most_bytes_;
  size_t bytes_ = 0;
  std::list<Entry> entries_;  // the one asked for last comes first
  std::unordered_map<std::string_view, std::list<Entry>::iterator> by_key_;
};

}  // namespace compression
