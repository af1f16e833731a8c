// Where PHP puts uploads: a folder below server.spool_dir that belongs to this server alone.
//
// The spool folder is often /tmp, where anybody may have put anything under any name. So no folder that is there
// already is ever used: each start makes a new one, which nobody else can look into, and the end of the server removes
// it.
#pragma once

#include <memory>
#include <string>

#include "base/result.hpp"

namespace askr::process {

class UploadFolder {
 public:
  static Result<std::unique_ptr<UploadFolder>> create(const std::string& spool_dir);
  UploadFolder(const UploadFolder&) = delete;
  UploadFolder& operator=(const UploadFolder&) = delete;
  ~UploadFolder();

  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  explicit UploadFolder(std::string path) : path_(std::move(path)) {}

  const std::string path_;
};

}  // namespace askr::process
