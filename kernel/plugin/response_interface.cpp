// "askr.response/1"
#include <algorithm>
#include <memory>
#include <string>

#include "plugin/interfaces.hpp"
#include "plugin/live_request.hpp"

namespace askr::plugin {
namespace {

using pipeline::BodyPart;
using pipeline::Transaction;

// More of a file than that is never read into memory for the sake of a filter.
constexpr uint64_t kLargestFilteredFile = 1U << 20;

int32_t status(askr_request request) {
  const Transaction* transaction = ASKR_LIVE(request, "askr_response_api.status");
  return transaction == nullptr ? 0 : transaction->response.status;
}

askr_status set_status(askr_request request, int32_t value) {
  Transaction* transaction = ASKR_LIVE(request, "askr_response_api.set_status");
  if (transaction == nullptr) return ASKR_E_STALE;
  if (value < 200 || value > 999) return ASKR_E_INVALID;
  transaction->response.status = value;
  transaction->response.reason.clear();
  return ASKR_OK;
}

askr_str header(askr_request request, askr_str name) {
  const Transaction* transaction = ASKR_LIVE(request, "askr_response_api.header");
  return transaction == nullptr ? askr_str{} : to_str(transaction->response.headers.find(to_view(name)));
}

uint32_t header_count(askr_request request) {
  const Transaction* transaction = ASKR_LIVE(request, "askr_response_api.header_count");
  return transaction == nullptr ? 0 : static_cast<uint32_t>(transaction->response.headers.size());
}

askr_status header_at(askr_request request, uint32_t index, askr_str* name, askr_str* value) {
  const Transaction* transaction = ASKR_LIVE(request, "askr_response_api.header_at");
  if (transaction == nullptr) return ASKR_E_STALE;
  const http::HeaderList& fields = transaction->response.headers;
  if (index >= fields.size()) return ASKR_E_NOT_FOUND;
  *name = to_str(fields.name_at(index));
  *value = to_str(fields.value_at(index));
  return ASKR_OK;
}

askr_status set_header(askr_request request, askr_str name, askr_str value) {
  Transaction* transaction = ASKR_LIVE(request, "askr_response_api.set_header");
  if (transaction == nullptr) return ASKR_E_STALE;
  transaction->response.headers.set(to_view(name), to_view(value));
  return ASKR_OK;
}

askr_status add_header(askr_request request, askr_str name, askr_str value) {
  Transaction* transaction = ASKR_LIVE(request, "askr_response_api.add_header");
  if (transaction == nullptr) return ASKR_E_STALE;
  transaction->response.headers.add(to_view(name), to_view(value));
  return ASKR_OK;
}

askr_status remove_header(askr_request request, askr_str name) {
  Transaction* transaction = ASKR_LIVE(request, "askr_response_api.remove_header");
  if (transaction == nullptr) return ASKR_E_STALE;
  transaction->response.headers.remove(to_view(name));
  return ASKR_OK;
}

int32_t body_kind(askr_request request) {
  const Transaction* transaction = ASKR_LIVE(request, "askr_response_api.body_kind");
  return transaction == nullptr ? ASKR_BODY_NONE : transaction->body_kind();
}

uint64_t body_length(askr_request request) {
  const Transaction* transaction = ASKR_LIVE(request, "askr_response_api.body_length");
  return transaction == nullptr ? 0 : transaction->body_length();
}

int32_t from_worker(askr_request request) {
  const Transaction* transaction = ASKR_LIVE(request, "askr_response_api.from_worker");
  return transaction != nullptr && transaction->is_streaming ? 1 : 0;
}

// nullptr with the reason why there is no body to change.
Transaction* own_body(Transaction* transaction, askr_status& why) {
  why = transaction == nullptr ? ASKR_E_STALE : ASKR_E_WRONG_STEP;
  if (transaction == nullptr || transaction->body_kind() == ASKR_BODY_STREAM) return nullptr;
  return transaction;
}

askr_status clear_body(askr_request request) {
  askr_status why = ASKR_OK;
  Transaction* transaction = own_body(ASKR_LIVE(request, "askr_response_api.clear_body"), why);
  if (transaction == nullptr) return why;
  transaction->body.clear();
  return ASKR_OK;
}

askr_status append_copy(askr_request request, askr_str bytes) {
  askr_status why = ASKR_OK;
  Transaction* transaction = own_body(ASKR_LIVE(request, "askr_response_api.append_copy"), why);
  if (transaction == nullptr) return why;
  if (bytes.size > 0) transaction->body.push_back(BodyPart::of_text(std::string(to_view(bytes))));
  return ASKR_OK;
}

askr_status append_shared(askr_request request, askr_str bytes, void (*release)(void* context), void* context) {
  askr_status why = ASKR_OK;
  std::shared_ptr<const void> keeper(context, [release](void* kept) {
    if (release != nullptr) release(kept);
  });
  Transaction* transaction = own_body(ASKR_LIVE(request, "askr_response_api.append_shared"), why);
  if (transaction == nullptr) return why;
  transaction->body.push_back({to_view(bytes), nullptr, std::move(keeper), 0, bytes.size});
  return ASKR_OK;
}

askr_status append_file(askr_request request, int32_t fd, uint64_t offset, uint64_t length) {
  askr_status why = ASKR_OK;
  auto file = std::make_shared<const UniqueFd>(fd);
  Transaction* transaction = own_body(ASKR_LIVE(request, "askr_response_api.append_file"), why);
  if (transaction == nullptr) return why;
  if (fd < 0) return ASKR_E_INVALID;
  if (length > 0) transaction->body.push_back({{}, std::move(file), nullptr, offset, length});
  return ASKR_OK;
}

askr_status add_filter(askr_request request, const askr_body_filter* filter, void* state) {
  Transaction* transaction = ASKR_LIVE(request, "askr_response_api.add_filter");
  if (transaction == nullptr) return ASKR_E_STALE;
  if (!ASKR_HAS(filter, data)) return ASKR_E_INVALID;
  const bool from_file = transaction->body_kind() == ASKR_BODY_FILE;
  if (from_file && transaction->body_length() > kLargestFilteredFile) return ASKR_E_TOO_LARGE;
  transaction->filters.add(filter, state);
  return ASKR_OK;
}

askr_status emit(askr_sink* out, askr_str bytes, uint32_t piece_flags) {
  return out->filters->pass_on(out->next, bytes, piece_flags);
}

uint64_t bytes_sent(askr_request request) {
  const Transaction* transaction = ASKR_LIVE(request, "askr_response_api.bytes_sent");
  return transaction == nullptr ? 0 : transaction->body_bytes_sent;
}

askr_str failure(askr_request request) {
  const Transaction* transaction = ASKR_LIVE(request, "askr_response_api.failure");
  return transaction == nullptr || transaction->failure.empty() ? askr_str{} : to_str(transaction->failure);
}

askr_status apply_conditions(askr_request request) {
  Transaction* transaction = ASKR_LIVE(request, "askr_response_api.apply_conditions");
  if (transaction == nullptr) return ASKR_E_STALE;
  transaction->driver->apply_conditions();
  return ASKR_OK;
}

askr_status read_body(askr_request request, uint64_t limit, askr_body_callback callback, void* context) {
  Transaction* transaction = ASKR_LIVE(request, "askr_response_api.read_body");
  if (transaction == nullptr) return ASKR_E_STALE;
  return transaction->driver->read_response_body(limit, callback, context);
}

}  // namespace

const askr_response_api kResponseInterface = {sizeof(askr_response_api),
                                              status,
                                              set_status,
                                              header,
                                              header_count,
                                              header_at,
                                              set_header,
                                              add_header,
                                              remove_header,
                                              body_kind,
                                              body_length,
                                              from_worker,
                                              clear_body,
                                              append_copy,
                                              append_shared,
                                              append_file,
                                              add_filter,
                                              emit,
                                              bytes_sent,
                                              failure,
                                              apply_conditions,
                                              read_body};

}  // namespace askr::plugin
