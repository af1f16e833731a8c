// The values of Age and Cache-Status, put together without an allocation.
#pragma once

#include <charconv>
#include <cstdint>
#include <string_view>

namespace cache {

class Line {
 public:
  Line& add(std::string_view text) {
    size_ += text.copy(text_ + size_, sizeof text_ - size_);
    return *this;
  }
  Line& add(int64_t number) {
    size_ = static_cast<size_t>(std::to_chars(text_ + size_, text_ + sizeof text_, number).ptr - text_);
    return *this;
  }
  [[nodiscard]] std::string_view text() const { return {text_, size_}; }

 private:
  char text_[128];
  size_t size_ = 0;
};

}  // namespace cache
