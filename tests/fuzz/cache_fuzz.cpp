// What the cache reads of others: an Askr-Cache field (never more tags than allowed, and either a refusal or a
// lifetime), the target of a request (normal form is a fixed point), and stored fields (nothing outside is looked at).
#include <cstdint>
#include <string>
#include <string_view>

#include "fields.hpp"
#include "policy.hpp"
#include "request_key.hpp"
#include "require.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);

  const cache::Policy policy = cache::parse_policy(text);
  ASKR_REQUIRE(policy.tags.size() <= cache::kMostTags);
  ASKR_REQUIRE(!policy.refusal.empty() || policy.ttl > 0);
  ASKR_REQUIRE(policy.stale_while_revalidate >= 0 && policy.stale_if_error >= 0);

  const cache::KeyOptions options{{}, {"utm_*", "x"}};
  for (const cache::KeyOptions& each : {options, cache::KeyOptions()}) {
    std::string once;
    std::string twice;
    cache::append_target(text, each, once);
    cache::append_target(once, each, twice);
    ASKR_REQUIRE(once == twice);
  }

  size_t seen = 0;
  cache::for_each_field(text, [&seen](std::string_view name, std::string_view value) {
    seen += 4 + name.size() + value.size();
    return true;
  });
  ASKR_REQUIRE(seen <= size);
  return 0;
}
