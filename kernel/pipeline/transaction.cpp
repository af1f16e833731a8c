#include "pipeline/transaction.hpp"

namespace askr::pipeline {

// Member by member, because strings and vectors keep their memory for the next request.
void Transaction::clear() {
  head.clear();
  endpoint = nullptr;
  path.clear();
  client_address = {};
  forwarded_address.clear();
  secure = false;
  id_size = 0;
  target.kind = TargetKind::unresolved;
  target.file_path.clear();
  target.script_name.clear();
  target.path_info.clear();
  target.file_status = {};
  response.clear();
  body.clear();
  body_bytes_sent = 0;
  times = {};
  ran_in_worker = false;
  failure = {};
}

}  // namespace askr::pipeline
