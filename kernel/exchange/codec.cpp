#include "exchange/codec.hpp"

#include <cassert>
#include <cstring>
#include <utility>

namespace askr::exchange {
namespace {

constexpr size_t kTexts = 9;

struct RequestHeader {
  uint64_t body_size;
  uint32_t text_sizes[kTexts];
  uint32_t field_count;
  uint32_t query_size;  // the end of the uri
  uint16_t remote_port, server_port;
  uint32_t https;
};

struct FieldSizes {
  uint32_t name, value;
};

struct ResponseHeader {
  uint32_t status, reason_size, field_count;
};

// The texts of a request in the order they are written.
template <class Request, class Visit>
void for_each_text(Request& request, Visit&& visit) {
  visit(request.id);
  visit(request.method);
  visit(request.uri);
  visit(request.script_name);
  visit(request.path_info);
  visit(request.protocol);
  visit(request.server_name);
  visit(request.remote_address);
  visit(request.server_address);
}

void put(char*& at, const void* data, size_t size) {
  if (size == 0) return;
  std::memcpy(at, data, size);
  at += size;
}

}  // namespace

size_t encode_request(const RequestView& request, char* area, size_t capacity) {
  assert(request.uri.ends_with(request.query));
  size_t needed = sizeof(RequestHeader);
  for_each_text(request, [&](std::string_view text) { needed += text.size(); });
  for (const FieldView& field : request.fields) needed += sizeof(FieldSizes) + field.name.size() + field.value.size();
  if (needed > capacity) return 0;

  RequestHeader header{};
  header.body_size = request.body_size;
  header.field_count = static_cast<uint32_t>(request.fields.size());
  header.remote_port = request.remote_port;
  header.server_port = request.server_port;
  header.https = request.https ? 1 : 0;
  header.query_size = static_cast<uint32_t>(request.query.size());
  size_t text = 0;
  for_each_text(request,
                [&](std::string_view view) { header.text_sizes[text++] = static_cast<uint32_t>(view.size()); });

  char* at = area;
  put(at, &header, sizeof header);
  for_each_text(request, [&](std::string_view view) { put(at, view.data(), view.size()); });
  for (const FieldView& field : request.fields) {
    const FieldSizes sizes{static_cast<uint32_t>(field.name.size()), static_cast<uint32_t>(field.value.size())};
    put(at, &sizes, sizeof sizes);
    put(at, field.name.data(), field.name.size());
    put(at, field.value.data(), field.value.size());
  }
  return static_cast<size_t>(at - area);
}

bool decode_request(const char* area, size_t size, RequestView& request) {
  BoundedReader pieces({area, size});
  RequestHeader header{};
  if (!pieces.read(header)) return false;
  request.body_size = header.body_size;
  request.remote_port = header.remote_port;
  request.server_port = header.server_port;
  request.https = header.https != 0;
  size_t text = 0;
  for_each_text(request, [&](std::string_view& view) { view = pieces.take(header.text_sizes[text++]); });
  if (header.query_size > request.uri.size()) return false;
  request.query = request.uri.substr(request.uri.size() - header.query_size);
  request.fields.clear();
  FieldSizes sizes{};
  for (uint32_t index = 0; index < header.field_count && pieces.read(sizes); ++index) {
    const std::string_view name = pieces.take(sizes.name);
    request.fields.push_back({name, pieces.take(sizes.value)});
  }
  return !pieces.failed();
}

size_t encode_response_head(int status, std::string_view reason, const WorkerPort::HeadField* fields, size_t count,
                            char* area, size_t capacity) {
  size_t needed = sizeof(ResponseHeader) + reason.size();
  for (size_t index = 0; index < count; ++index) {
    needed += sizeof(FieldSizes) + fields[index].name.size() + fields[index].value.size();
  }
  if (needed > capacity) return 0;

  const ResponseHeader header{static_cast<uint32_t>(status), static_cast<uint32_t>(reason.size()),
                              static_cast<uint32_t>(count)};
  char* at = area;
  put(at, &header, sizeof header);
  put(at, reason.data(), reason.size());
  for (size_t index = 0; index < count; ++index) {
    const WorkerPort::HeadField& field = fields[index];
    const FieldSizes sizes{static_cast<uint32_t>(field.name.size()), static_cast<uint32_t>(field.value.size())};
    put(at, &sizes, sizeof sizes);
    put(at, field.name.data(), field.name.size());
    put(at, field.value.data(), field.value.size());
  }
  return static_cast<size_t>(at - area);
}

ResponseHeadReader::ResponseHeadReader(std::string_view bytes) : pieces_(bytes) {
  ResponseHeader header{};
  if (!pieces_.read(header)) return;
  status_ = static_cast<int>(header.status);
  left_ = header.field_count;
  reason_ = pieces_.take(header.reason_size);
  has_status_ = header.status >= 100 && header.status <= 999;
}

bool ResponseHeadReader::next(std::string_view& name, std::string_view& value) {
  if (!valid() || left_ == 0) return false;
  --left_;
  FieldSizes sizes{};
  if (!pieces_.read(sizes)) return false;
  name = pieces_.take(sizes.name);
  value = pieces_.take(sizes.value);
  return valid();
}

}  // namespace askr::exchange
