// Where PHP puts uploads: a folder below server.spool_dir that belongs to this server alone.
//
// The spool folder is often /tmp, where anybody may have put anything under any name. So no folder that is there
// already is ever used: each start makes a new one, which nobody else can look into, and the end of the server removes
// it.
//
// A server that was killed leaves its folder behind. All processes of a server hold a lock on theirs, which the kernel
// releases with the last of them, so the next server to start can tell: unlike a process id, a lock is also right where
// containers share a spool folder. Programs that clean /tmp leave a locked folder alone, too.
//
// Inside, each worker has a folder (php::worker_upload_dir), made when it first needs one. What a killed worker leaves
// is there, and the master removes it.
#pragma once

#include <memory>
#include <string>

#include "base/account.hpp"
#include "base/fd.hpp"
#include "base/result.hpp"

namespace askr::process {

class UploadFolder {
 public:
  // Removes what servers that were killed have left in `spool_dir`, and makes a folder for this one. `account`: whose
  // it shall be, unless it is this process itself.
  static Result<std::unique_ptr<UploadFolder>> create(const std::string& spool_dir, const Account* account);
  UploadFolder(const UploadFolder&) = delete;
  UploadFolder& operator=(const UploadFolder&) = delete;
  ~UploadFolder();

  [[nodiscard]] const std::string& path() const { return path_; }
  // The worker of that index has ended.
  void remove_of_worker(uint32_t index) const;

 private:
  UploadFolder(std::string path, UniqueFd lock, const Account* account)
      : path_(std::move(path)), lock_(std::move(lock)), account_(account) {}

  const std::string path_;
  const UniqueFd lock_;  // inherited by all processes of the server
  const Account* account_;
};

}  // namespace askr::process
