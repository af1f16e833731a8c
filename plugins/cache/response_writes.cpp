// Requests that change something. What is stored for their address is old as soon as their response begins, and again
// when they are over, because the script may go on in between.
#include "response_cache.hpp"

namespace cache {

void ResponseCache::begin_write(askr::Request request) {
  if (is_safe(request.method())) return;
  scratch_.key.clear();
  append_address(request, options.key, scratch_.key);
  writes_.emplace(request, Write{WriteClock::index_of(scratch_.key)});
}

// An error is no write. Only of a worker that died, or took too long, it is not known what it has done before.
void ResponseCache::follow_write(askr::Request request, Write& write, bool by_php) {
  const int status = request.response().status();
  write.may_have_been = status < 400 || (!by_php && (status == 502 || status == 504));
  if (write.may_have_been) store_->writes().note(write.address);
}

// A client that leaves before the response has begun may have had something changed as well.
void ResponseCache::log(askr::Request request) {
  const Write* write = store_ ? writes_.get(request) : nullptr;
  if (write == nullptr || !write->may_have_been || request.times().queued == 0) return;
  store_->writes().note(write->address);
}

}  // namespace cache
