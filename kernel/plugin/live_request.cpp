#include "plugin/live_request.hpp"

#include <set>
#include <string>

#include "base/log.hpp"
#include "plugin/host.hpp"

namespace askr::plugin {

void report_stale(const char* function, const void* caller) {
  static std::set<std::string> reported;
  const Host* host = Host::current();
  const ActivePlugin* plugin = host == nullptr ? nullptr : host->plugin_at(reinterpret_cast<uintptr_t>(caller));
  const std::string id(plugin == nullptr ? "?" : plugin->id());
  if (!reported.insert(id + function).second) return;
  log::error("plugin {} calls {} with a request that has ended (said once)", id, function);
}

}  // namespace askr::plugin
