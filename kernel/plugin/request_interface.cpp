// "askr.request/1"
#include <algorithm>

#include "http/text.hpp"
#include "plugin/interfaces.hpp"
#include "plugin/live_request.hpp"

namespace askr::plugin {
namespace {

using pipeline::TargetKind;
using pipeline::Transaction;

askr_str method(askr_request request) {
  const Transaction* transaction = ASKR_LIVE(request, "askr_request_api.method");
  return transaction == nullptr ? askr_str{} : to_str(transaction->head.method_text);
}

askr_str target(askr_request request) {
  const Transaction* transaction = ASKR_LIVE(request, "askr_request_api.target");
  return transaction == nullptr ? askr_str{} : to_str(transaction->head.target);
}

askr_str path(askr_request request) {
  const Transaction* transaction = ASKR_LIVE(request, "askr_request_api.path");
  return transaction == nullptr || transaction->path.empty() ? askr_str{} : to_str(transaction->path);
}

askr_str query(askr_request request) {
  const Transaction* transaction = ASKR_LIVE(request, "askr_request_api.query");
  return transaction == nullptr ? askr_str{} : to_str(transaction->head.query);
}

askr_str host(askr_request request) {
  const Transaction* transaction = ASKR_LIVE(request, "askr_request_api.host");
  return transaction == nullptr ? askr_str{} : to_str(transaction->head.host);
}

askr_str id(askr_request request) {
  const Transaction* transaction = ASKR_LIVE(request, "askr_request_api.id");
  return transaction == nullptr ? askr_str{} : to_str(transaction->id());
}

askr_str client_address(askr_request request) {
  const Transaction* transaction = ASKR_LIVE(request, "askr_request_api.client_address");
  return transaction == nullptr ? askr_str{} : to_str(transaction->client_address);
}

int32_t is_secure(askr_request request) {
  const Transaction* transaction = ASKR_LIVE(request, "askr_request_api.is_secure");
  return transaction != nullptr && transaction->secure ? 1 : 0;
}

int32_t http_minor(askr_request request) {
  const Transaction* transaction = ASKR_LIVE(request, "askr_request_api.http_minor");
  return transaction == nullptr ? 0 : transaction->head.minor_version;
}

askr_str header(askr_request request, askr_str name) {
  const Transaction* transaction = ASKR_LIVE(request, "askr_request_api.header");
  return transaction == nullptr ? askr_str{} : to_str(transaction->head.header(to_view(name)));
}

uint32_t header_count(askr_request request) {
  const Transaction* transaction = ASKR_LIVE(request, "askr_request_api.header_count");
  return transaction == nullptr ? 0 : static_cast<uint32_t>(transaction->head.headers.size());
}

askr_status header_at(askr_request request, uint32_t index, askr_str* name, askr_str* value) {
  const Transaction* transaction = ASKR_LIVE(request, "askr_request_api.header_at");
  if (transaction == nullptr) return ASKR_E_STALE;
  if (index >= transaction->head.headers.size()) return ASKR_E_NOT_FOUND;
  *name = to_str(transaction->head.headers[index].name);
  *value = to_str(transaction->head.headers[index].value);
  return ASKR_OK;
}

bool may_change(const Transaction& transaction) {
  return transaction.times.queued == 0 && !transaction.ran_in_worker;
}

void erase_fields(Transaction& transaction, std::string_view name) {
  std::erase_if(transaction.head.headers,
                [name](const http::Header& field) { return http::equals_ignoring_case(field.name, name); });
}

bool is_field(askr_str name, askr_str value) {
  const auto is_bad = [](char c) { return c == '\r' || c == '\n' || c == '\0'; };
  return name.size > 0 && std::none_of(name.data, name.data + name.size, is_bad) &&
         std::none_of(value.data, value.data + value.size, is_bad);
}

askr_status set_header(askr_request request, askr_str name, askr_str value) {
  Transaction* transaction = ASKR_LIVE(request, "askr_request_api.set_header");
  if (transaction == nullptr) return ASKR_E_STALE;
  if (!may_change(*transaction)) return ASKR_E_WRONG_STEP;
  if (!is_field(name, value)) return ASKR_E_INVALID;
  const http::Header copy{transaction->memory.copy(to_view(name)), transaction->memory.copy(to_view(value))};
  if (copy.name.data() == nullptr || copy.value.data() == nullptr) return ASKR_E_NO_MEMORY;
  erase_fields(*transaction, copy.name);
  transaction->head.headers.push_back(copy);
  return ASKR_OK;
}

askr_status remove_header(askr_request request, askr_str name) {
  Transaction* transaction = ASKR_LIVE(request, "askr_request_api.remove_header");
  if (transaction == nullptr) return ASKR_E_STALE;
  if (!may_change(*transaction)) return ASKR_E_WRONG_STEP;
  erase_fields(*transaction, to_view(name));
  return ASKR_OK;
}

int32_t target_kind(askr_request request) {
  const Transaction* transaction = ASKR_LIVE(request, "askr_request_api.target_kind");
  if (transaction == nullptr) return ASKR_TARGET_UNRESOLVED;
  switch (transaction->target.kind) {
    case TargetKind::unresolved:
      return ASKR_TARGET_UNRESOLVED;
    case TargetKind::file:
      return ASKR_TARGET_FILE;
    case TargetKind::script:
      return ASKR_TARGET_SCRIPT;
    default:
      return ASKR_TARGET_OTHER;
  }
}

askr_str file_path(askr_request request) {
  const Transaction* transaction = ASKR_LIVE(request, "askr_request_api.file_path");
  if (transaction == nullptr || transaction->target.kind != TargetKind::file) return {};
  return to_str(transaction->target.file_path);
}

askr_status read_body(askr_request request, uint64_t limit, askr_body_callback callback, void* context) {
  Transaction* transaction = ASKR_LIVE(request, "askr_request_api.read_body");
  if (transaction == nullptr) return ASKR_E_STALE;
  return transaction->driver->read_body(limit, callback, context);
}

askr_status times(askr_request request, askr_times* times) {
  const Transaction* transaction = ASKR_LIVE(request, "askr_request_api.times");
  if (transaction == nullptr) return ASKR_E_STALE;
  if (times->size < sizeof(askr_times)) return ASKR_E_INVALID;
  const pipeline::Times& seen = transaction->times;
  *times = {times->size, seen.accepted, seen.queued, seen.started, seen.first_byte, seen.done};
  return ASKR_OK;
}

int32_t is_background(askr_request request) {
  const Transaction* transaction = ASKR_LIVE(request, "askr_request_api.is_background");
  return transaction != nullptr && transaction->endpoint->background ? 1 : 0;
}

askr_str server_address(askr_request request) {
  const Transaction* transaction = ASKR_LIVE(request, "askr_request_api.server_address");
  return transaction == nullptr ? askr_str{} : to_str(transaction->endpoint->server_address);
}

uint16_t server_port(askr_request request) {
  const Transaction* transaction = ASKR_LIVE(request, "askr_request_api.server_port");
  return transaction == nullptr ? 0 : transaction->server_port;
}

askr_status want_whole(askr_request request) {
  Transaction* transaction = ASKR_LIVE(request, "askr_request_api.want_whole");
  if (transaction == nullptr) return ASKR_E_STALE;
  if (!may_change(*transaction)) return ASKR_E_WRONG_STEP;
  const http::Method method = transaction->head.method;
  if (method != http::Method::get && method != http::Method::head) return ASKR_E_INVALID;
  transaction->wants_whole = true;
  return ASKR_OK;
}

}  // namespace

const askr_request_api kRequestInterface = {sizeof(askr_request_api),
                                            method,
                                            target,
                                            path,
                                            query,
                                            host,
                                            id,
                                            client_address,
                                            is_secure,
                                            http_minor,
                                            header,
                                            header_count,
                                            header_at,
                                            set_header,
                                            remove_header,
                                            target_kind,
                                            file_path,
                                            read_body,
                                            times,
                                            is_background,
                                            server_address,
                                            server_port,
                                            want_whole};

}  // namespace askr::plugin
