// Media types by file name extension: the table of the system over a small one of our own.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace askr::http {

class MimeTypes {
 public:
  // Reads a file in the format of /etc/mime.types: "type extension extension...". A missing file is no error.
  static MimeTypes load(const char* file = "/etc/mime.types");

  // The Content-Type for a path, with `charset=utf-8` for text, but not for HTML and XML, which name their own;
  // application/octet-stream for what is unknown. Valid as long as the table.
  [[nodiscard]] std::string_view type_of(std::string_view path) const;

 private:
  struct Hash : std::hash<std::string_view> {
    using is_transparent = void;
  };
  void add(std::string_view extension, std::string_view type);

  std::unordered_map<std::string, std::string, Hash, std::equal_to<>> types_;
};

}  // namespace askr::http
