#include "base/replace_file.hpp"

#include <unistd.h>

#include <cstdio>
#include <fstream>

namespace askr {

Result<> replace_file(const std::string& file, std::string_view text) {
  const std::string unfinished = file + "." + std::to_string(::getpid());
  std::ofstream stream(unfinished, std::ios::binary);
  stream << text;
  stream.close();
  if (stream && std::rename(unfinished.c_str(), file.c_str()) == 0) return ok();
  Error error = system_error("cannot write " + file);
  ::unlink(unfinished.c_str());
  return error;
}

}  // namespace askr
