// What all connections of one gateway share. Made once in the gateway process, never crosses a fork.
#pragma once

#include <array>
#include <deque>
#include <string>
#include <vector>

#include "base/event_loop.hpp"
#include "base/turn_budget.hpp"
#include "config/settings.hpp"
#include "exchange/gateway_port.hpp"
#include "gateway/request_context.hpp"
#include "gateway/request_id.hpp"
#include "gateway/stragglers.hpp"
#include "gateway/target.hpp"
#include "gateway/timers.hpp"
#include "gateway/trusted_proxies.hpp"
#include "pipeline/pipeline.hpp"
#include "pipeline/transaction.hpp"

namespace askr::gateway {

class Connection;

// A request to be run again without a client.
struct Repeat {
  std::string head;  // as a client would send it
  pipeline::Endpoint endpoint;
};

struct GatewayState {
  GatewayState(const config::Settings& settings_in, exchange::Exchange& exchange_in, unsigned index_in,
               EventLoop& loop_in, pipeline::Pipeline& pipeline_in, TrustedProxies proxies_in);

  // The Date field of now, formatted once a second.
  std::string_view date();
  [[nodiscard]] bool is_full() const { return connections.size() >= max_connections; }

  // Queued requests whose clients have gone: by its settings this server drops them; or there are too many to run what
  // nobody waits for.
  [[nodiscard]] bool drops_queued() const { return settings.server.abandon == "queue"; }
  [[nodiscard]] bool queue_is_half_full() const;
  void note_shed();

  const config::Settings& settings;
  exchange::Exchange& exchange;
  exchange::ProcessRecord& record;
  Spool spool;
  exchange::GatewayPort port;  // may have files of it
  EventLoop& loop;
  pipeline::Pipeline& pipeline;
  TrustedProxies proxies;
  Timers timers;
  Stragglers stragglers;
  RequestIds ids;
  ContextPool contexts;
  DocumentRoot root;
  bool stopping = false;
  size_t max_connections = 0;
  bool clients_wait = false;    // there was no room for another one
  int64_t told_of_waiting = 0;  // when the log was told so last; 0: never
  int64_t now = 0;              // monotonic ns, read once a turn

  std::vector<Connection*> by_slot;      // whose request a slot of this gateway is
  std::vector<Connection*> connections;  // all open ones; each knows its place
  std::vector<Connection*> closed;       // deleted at the end of the turn
  uint32_t first_slot = 0;
  unsigned in_flight = 0;              // requests at the workers
  std::vector<askr_request> resumed;   // by plugins, in this turn
  TurnBudget budget;                   // for filters and the work of plugins
  std::deque<askr_request> filtering;  // those whose filters have more to do when there is time
  std::vector<Repeat> repeats;         // asked for by plugins, in this turn

  // --- scratch memory, used within one call
  std::array<char, 128U << 10> input;
  std::string head_out, head_in;
  exchange::RequestView request;

 private:
  int64_t told_of_shedding_ = 0;
  uint64_t shed_then_ = 0;
  std::string date_;
  int64_t date_second_ = -1;
};

}  // namespace askr::gateway
