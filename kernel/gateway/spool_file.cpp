#include "gateway/spool_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>

namespace askr::gateway {

Result<std::unique_ptr<SpoolFile>> SpoolFile::create(Spool& spool) {
  const std::string& folder = spool.folder();
  UniqueFd file(::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (!file && (errno == EOPNOTSUPP || errno == EISDIR)) {  // file systems without O_TMPFILE
    std::string name = folder + "/askr-spool-XXXXXX";
    file.reset(::mkostemp(name.data(), O_CLOEXEC));
    if (file) ::unlink(name.c_str());
  }
  if (!file) return system_error("cannot make a spool file in " + folder);
  return std::unique_ptr<SpoolFile>(new SpoolFile(spool, std::move(file)));
}

Result<> SpoolFile::append(std::string_view bytes) {
  uint64_t at = size_;
  while (!bytes.empty()) {
    const ssize_t written = ::pwrite(file_.get(), bytes.data(), bytes.size(), static_cast<off_t>(at));
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return system_error("cannot write to the spool file");
    at += static_cast<uint64_t>(written);
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  spool_.take(at - size_);
  size_ = at;
  return ok();
}

}  // namespace askr::gateway
