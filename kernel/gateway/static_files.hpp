// Static files: the kernel's own hook in the `route` phase. Answers GET and HEAD for TargetKind::file.
#pragma once

#include <memory>

#include "gateway/timers.hpp"
#include "pipeline/pipeline.hpp"
#include "pipeline/transaction.hpp"

namespace askr::gateway {

class StaticFiles {
 public:
  StaticFiles();
  ~StaticFiles();

  // Registers the hook under the id "static".
  void install(pipeline::Pipeline& pipeline);
  // Has files closed that nobody asks for any more. `timers` may go before this does.
  void age_with(Timers& timers);
  // Forgets open files; called when the document root changes.
  void clear_cache();

  pipeline::Verdict answer(pipeline::Transaction& transaction);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace askr::gateway
