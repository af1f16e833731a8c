// Responses to requests that want less than all of a page: its head, a range, or to know whether it has changed. When
// the page may be stored it is read whole, stored, and then answers this request as it will answer the next ones.
#include "response_cache.hpp"

namespace cache {

void ResponseCache::begin_collecting(askr::Request request, Candidate& candidate, Recording recording) {
  Collection* collection = collections_.emplace(request, *this, candidate, std::move(recording));
  const auto callback = [](void* context, askr_request handle, askr_status status, askr_str body) {
    auto& collected = *static_cast<Collection*>(context);
    collected.cache.finish_collecting(askr::Request(handle), collected, status, askr::view(body));
  };
  if (collection == nullptr || !request.response().read_body(options.largest_body, callback, collection)) {
    settle(request, candidate, ASKR_CACHE_UNFINISHED);
  }
}

void ResponseCache::finish_collecting(askr::Request request, Collection& collection, askr_status status,
                                      std::string_view body) {
  askr::Response response = request.response();
  if (status == ASKR_OK && collection.recording.is_whole(body.size())) {
    store(request, collection.candidate, collection.recording, body);
    if (response.header("ETag").empty()) response.add_header("ETag", etag_of(body));
    if (response.header("Content-Encoding").empty()) response.set_header("Accept-Ranges", "bytes");
  } else {
    if (status == ASKR_E_TOO_LARGE) metrics.refused.increment();
    settle(request, collection.candidate, status == ASKR_E_TOO_LARGE ? ASKR_CACHE_UNCACHEABLE : ASKR_CACHE_UNFINISHED);
  }
  response.apply_conditions();
  (void)request.resume(askr::Verdict::next);
}

}  // namespace cache
