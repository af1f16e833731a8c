// BodyFilters: the chain of filters that plugins have attached to the body of one response.
#pragma once

#include <askr/abi/response.h>

#include <cstddef>
#include <functional>
#include <string_view>
#include <vector>

namespace askr::pipeline {

class BodyFilters {
 public:
  // Where the last filter's output goes: bytes, enum askr_piece_flags.
  using Output = std::function<void(std::string_view bytes, uint32_t piece_flags)>;

  BodyFilters() = default;
  BodyFilters(const BodyFilters&) = delete;
  BodyFilters& operator=(const BodyFilters&) = delete;
  ~BodyFilters() { clear(); }

  void add(const askr_body_filter* filter, void* state);
  // Destroys the filters, whether they have seen the end of the body or not.
  void clear();
  [[nodiscard]] bool empty() const { return filters_.empty(); }
  // Every filter puts out as many bytes as it gets.
  [[nodiscard]] bool keep_length() const;

  // Runs a piece through all filters. False: one has failed, and the response cannot be completed.
  bool run(askr_request request, std::string_view bytes, uint32_t piece_flags, const Output& output);
  // From inside a filter: hands its output to the `next` one.
  askr_status pass_on(size_t next, askr_str bytes, uint32_t piece_flags);

 private:
  struct Attached {
    const askr_body_filter* filter;
    void* state;
  };
  std::vector<Attached> filters_;
  // --- while a piece is under way
  askr_request request_{};
  const Output* output_ = nullptr;
};

}  // namespace askr::pipeline

// The SDK's name for a place in the chain.
struct askr_sink {
  askr::pipeline::BodyFilters* filters;
  size_t next;
};
