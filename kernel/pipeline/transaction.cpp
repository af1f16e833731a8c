#include "pipeline/transaction.hpp"

#include <algorithm>
#include <utility>

#include "pipeline/request_table.hpp"

namespace askr::pipeline {

BodyPart BodyPart::of_text(std::string text) {
  const auto owned = std::make_shared<const std::string>(std::move(text));
  return {*owned, nullptr, owned, 0, owned->size()};
}

askr_body_kind Transaction::body_kind() const {
  if (is_streaming) return ASKR_BODY_STREAM;
  if (body.empty()) return ASKR_BODY_NONE;
  const bool any_file =
      std::any_of(body.begin(), body.end(), [](const BodyPart& part) { return part.file != nullptr; });
  return any_file ? ASKR_BODY_FILE : ASKR_BODY_MEMORY;
}

uint64_t Transaction::body_length() const {
  if (body_kind() == ASKR_BODY_STREAM) return worker_length;
  uint64_t length = 0;
  for (const BodyPart& part : body) length += part.length;
  return length;
}

// Member by member, because strings and vectors keep their memory for the next request.
// The handle goes first: what plugins do in their destructors has no request any more.
void Transaction::clear() {
  request_table().leave(*this);
  filters.clear();
  slots.clear(slot_kinds().request);
  driver = nullptr;
  connection_slots = nullptr;
  worker_length = kUnknownLength;
  head.clear();
  endpoint = nullptr;
  path.clear();
  client_address = {};
  forwarded_address.clear();
  secure = false;
  server_port = 0;
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
  ran_in_worker = wants_whole = is_streaming = false;
  failure = {};
  memory.clear();
}

}  // namespace askr::pipeline
