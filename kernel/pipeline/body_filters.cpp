#include "pipeline/body_filters.hpp"

#include <algorithm>
#include <utility>

namespace askr::pipeline {

void BodyFilters::add(const askr_body_filter* filter, void* state) {
  filters_.push_back({filter, state});
}

void BodyFilters::clear() {
  for (const Attached& attached : std::exchange(filters_, {})) {
    if (ASKR_HAS(attached.filter, destroy)) attached.filter->destroy(attached.state);
  }
}

bool BodyFilters::keep_length() const {
  return std::all_of(filters_.begin(), filters_.end(),
                     [](const Attached& attached) { return attached.filter->keeps_length != 0; });
}

bool BodyFilters::run(askr_request request, std::string_view bytes, uint32_t piece_flags, const Output& output) {
  request_ = request;
  output_ = &output;
  const askr_status status = pass_on(0, {bytes.data(), bytes.size()}, piece_flags);
  output_ = nullptr;
  return status == ASKR_OK;
}

askr_status BodyFilters::pass_on(size_t next, askr_str bytes, uint32_t piece_flags) {
  if (output_ == nullptr) return ASKR_E_WRONG_STEP;  // a sink that a plugin has kept
  if (next >= filters_.size()) {
    (*output_)({bytes.data, bytes.size}, piece_flags);
    return ASKR_OK;
  }
  askr_sink sink{this, next + 1};
  const Attached& attached = filters_[next];
  return attached.filter->data(attached.state, request_, bytes, piece_flags, &sink);
}

}  // namespace askr::pipeline
