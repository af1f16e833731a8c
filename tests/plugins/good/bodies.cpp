// Request bodies and body filters: /upper answers with the body in capitals, without PHP; a body with "virus" in it is
// refused wherever it goes; ?filter=rot13 turns the response's letters, whoever made it.
#include <cctype>
#include <string>

#include "askr/sdk.hpp"

namespace {

class Rot13 final : public askr::BodyFilter {
 public:
  askr::Result<> data(askr::Request /*request*/, std::string_view bytes, uint32_t piece_flags,
                      askr::Sink& out) override {
    std::string turned(bytes);
    for (char& c : turned) {
      if (c >= 'a' && c <= 'z') c = static_cast<char>('a' + (c - 'a' + 13) % 26);
      if (c >= 'A' && c <= 'Z') c = static_cast<char>('A' + (c - 'A' + 13) % 26);
    }
    return out.emit(turned, piece_flags);
  }
};

// Everything twice, and an error at the word "boom" when asked.
class Twice final : public askr::BodyFilter {
 public:
  explicit Twice(bool fails) : fails_(fails) {}
  askr::Result<> data(askr::Request /*request*/, std::string_view bytes, uint32_t piece_flags,
                      askr::Sink& out) override {
    if (fails_ && bytes.find("boom") != std::string_view::npos) return askr::Error{ASKR_E_FAILED, "told to fail"};
    return out.emit(std::string(bytes) + std::string(bytes), piece_flags);
  }

 private:
  bool fails_;
};

class Bodies : public askr::Plugin {
 public:
  static constexpr askr::Info info{.id = PLUGIN_ID, .version = "1.0.0", .summary = "Reads and changes bodies"};

  askr::Verdict route(askr::Request request) {
    if (request.path() != "/upper") return askr::Verdict::next;
    if (request.read_body(1U << 20, on_body, nullptr)) return askr::Verdict::suspend;
    request.response().set_status(413);
    return askr::Verdict::done;
  }

  askr::Verdict request_body(askr::Request request, std::string_view piece, bool /*last*/) {
    if (piece.find("virus") == std::string_view::npos) return askr::Verdict::next;
    request.response().set_status(403);
    request.response().append("no viruses\n");
    return askr::Verdict::done;
  }

  askr::Verdict response_head(askr::Request request) {
    if (request.query().find("filter=rot13") != std::string_view::npos) {
      (void)request.response().add_filter(std::make_unique<Rot13>(), askr::Length::stays);
    }
    const bool fails = request.query().find("filter=fail") != std::string_view::npos;
    if (fails || request.query().find("filter=twice") != std::string_view::npos) {
      (void)request.response().add_filter(std::make_unique<Twice>(fails));
    }
    return askr::Verdict::next;
  }

 private:
  static void on_body(void* /*context*/, askr_request handle, askr_status status, askr_str body) {
    askr::Request request(handle);
    if (status != ASKR_OK) request.response().set_status(413);
    std::string text(askr::view(body));
    for (char& c : text) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    request.response().append(text);
    (void)request.resume(askr::Verdict::done);
  }
};

}  // namespace

ASKR_PLUGIN(Bodies)
