#include <fcntl.h>
#include <unistd.h>

#include "cli/run.hpp"

namespace {

// What is opened first gets the lowest number, and no socket or log file shall be what others write to as standard
// output. Whoever starts us may have closed any of the three.
void open_missing_standard_descriptors() {
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd) {
    if (::fcntl(fd, F_GETFD) < 0) ::open("/dev/null", O_RDWR);
  }
}

}  // namespace

int main(int argc, char** argv) {
  open_missing_standard_descriptors();
  return askr::cli::run(argc, argv);
}
