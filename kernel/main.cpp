#include "cli/run.hpp"

int main(int argc, char** argv) {
  return askr::cli::run(argc, argv);
}
