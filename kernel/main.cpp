#include "cli/run.hpp"
#include "process/title.hpp"

int main(int argc, char** argv) {
  askr::process::init_titles(argc, argv);
  return askr::cli::run({argv + (argc > 0 ? 1 : 0), argv + argc});
}
