// The head of one HTTP response while it is being made: status and fields, in order, names kept as written.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace askr::http {

// Fields in one string, so that a response costs no allocation per field.
class HeaderList {
 public:
  // Here and below name and value may be views of this very list.
  void add(std::string_view name, std::string_view value);
  // Replaces every field of that name (case-insensitive) by one.
  void set(std::string_view name, std::string_view value);
  // Returns how many were removed.
  unsigned remove(std::string_view name);
  // First value; data() == nullptr when absent.
  [[nodiscard]] std::string_view find(std::string_view name) const;
  [[nodiscard]] bool contains(std::string_view name) const { return find(name).data() != nullptr; }
  void clear();
  [[nodiscard]] size_t size() const { return entries_.size(); }
  // Names and values, those of removed fields as well, in one piece; and a bound for "name: value" lines of them.
  [[nodiscard]] std::string_view bytes() const { return bytes_; }
  [[nodiscard]] size_t size_on_wire() const { return bytes_.size() + 4 * entries_.size(); }
  // `index` is below size().
  [[nodiscard]] std::string_view name_at(size_t index) const { return name_of(entries_[index]); }
  [[nodiscard]] std::string_view value_at(size_t index) const { return value_of(entries_[index]); }

  // visit(name, value) in order.
  template <class Visitor>
  void for_each(Visitor&& visit) const {
    for (const Entry& entry : entries_) visit(name_of(entry), value_of(entry));
  }

 private:
  struct Entry {
    uint32_t offset, name_size, value_size;
  };
  [[nodiscard]] std::string_view name_of(const Entry& entry) const {
    return {bytes_.data() + entry.offset, entry.name_size};
  }
  [[nodiscard]] std::string_view value_of(const Entry& entry) const {
    return {bytes_.data() + entry.offset + entry.name_size, entry.value_size};
  }
  std::string bytes_;
  std::vector<Entry> entries_;
};

// Takes out Connection and what it names: fields of the one connection that they came over (RFC 9110 section 7.6.1).
void remove_connection_fields(HeaderList& fields);

struct ResponseHead {
  int status = 200;
  std::string reason;  // empty: the standard phrase of the status
  HeaderList headers;

  void clear();
};

// How the end of the body is made known to the client (RFC 9112 section 6.3).
enum class BodyFraming : uint8_t { none, content_length, chunked, until_close };

struct WireOptions {
  uint8_t minor_version = 1;  // of the request
  bool keep_alive = true;     // writes the Connection field
  BodyFraming framing = BodyFraming::none;
  uint64_t content_length = 0;  // written when framing is content_length
  std::string_view date;        // IMF-fixdate: now
};

// Appends status line and fields to `out`. Content-Length, Transfer-Encoding, Connection, Keep-Alive and Server of
// `head` are replaced by what the options say (Server: askr), and so is Date unless it is a date. Names or values with
// CR, LF or NUL are left out.
void write_response_head(const ResponseHead& head, const WireOptions& options, std::string& out);

// "Not Found" for 404; "Unknown" for a status without a phrase.
std::string_view reason_phrase(int status);

}  // namespace askr::http
