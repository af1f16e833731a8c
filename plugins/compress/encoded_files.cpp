#include "encoded_files.hpp"

#include <utility>

namespace compression {

std::shared_ptr<const std::string> EncodedFiles::find(const std::string& key) {
  const auto found = by_key_.find(key);
  if (found == by_key_.end()) return nullptr;
  entries_.splice(entries_.begin(), entries_, found->second);
  return found->second->bytes;
}

void EncodedFiles::add(const std::string& key, std::shared_ptr<const std::string> bytes) {
  if (by_key_.contains(key) || bytes->size() > most_bytes_ / 4) return;
  bytes_ += bytes->size();
  entries_.push_front({key, std::move(bytes)});
  by_key_[entries_.front().key] = entries_.begin();
  while (bytes_ > most_bytes_) forget_last();
}

void EncodedFiles::forget_last() {
  bytes_ -= entries_.back().bytes->size();
  by_key_.erase(entries_.back().key);
  entries_.pop_back();
}

}  // namespace compression
