// Static files: the kernel's own hook in the `route` phase. Answers GET and HEAD for TargetKind::file.
#pragma once

#include <memory>

#include "pipeline/pipeline.hpp"
#include "pipeline/transaction.hpp"

namespace askr::gateway {

class StaticFiles {
 public:
  StaticFiles();
  ~StaticFiles();

  // Registers the hook under the id "static".
  void install(pipeline::Pipeline& pipeline);
  // Forgets open files; called when the document root changes.
  void clear_cache();

  pipeline::Verdict answer(pipeline::Transaction& transaction);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace askr::gateway
