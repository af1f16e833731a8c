// Connection: one HTTP/1.x client. Reads requests, runs the pipeline's phases, hands over to a worker and sends the
// response; one request at a time, pipelined ones in order.
//
//   idle -> head -> (suspended) -> body -> waiting -> (held) -> sending -> idle        (any -> lingering -> closed)
//
// Split by direction: connection_input.cpp reads, connection_request.cpp decides, connection_plugin.cpp waits for
// plugins, connection_worker.cpp takes what workers publish, connection_held.cpp keeps responses back that a plugin
// wants to see whole, connection_response.cpp answers. A second protocol
// (HTTP/2) would stand beside this class, over the same Transport and with the same RequestContext.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "gateway/gateway_state.hpp"
#include "gateway/transport.hpp"

namespace askr::gateway {

class Connection final : public Watcher, public Timed, public pipeline::Driver {
 public:
  // Registers itself with the loop and the gateway's lists; deleted by the gateway after it closed itself.
  static void accept(GatewayState& gateway, std::unique_ptr<Transport> transport, pipeline::Endpoint endpoint);
  ~Connection();

  void on_ready(uint32_t events) override;
  void on_timeout(Timeout kind) override;
  // There is news in the slot of this connection's request.
  void on_news();
  // The server stops: closes at once when idle, else after the current response.
  void on_stopping();
  // A plugin was taken out of the pipeline: a suspended request may have waited for it.
  void on_plugin_dropped();

  // --- pipeline::Driver
  bool resume(pipeline::Verdict verdict) override;
  askr_status read_body(uint64_t limit, askr_body_callback callback, void* context) override;
  askr_status read_response_body(uint64_t limit, askr_body_callback callback, void* context) override;
  askr_status repeat() override;
  void apply_conditions() override;
  // At the end of a turn: what resume() has promised.
  void go_on();
  // There is time for the filters of a response that is under way.
  void filter_more();

 private:
  enum class State : uint8_t { idle, head, suspended, body, waiting, held, sending, lingering, closed };
  enum class Ending : uint8_t { clean, abort };

  Connection(GatewayState& gateway, std::unique_ptr<Transport> transport, pipeline::Endpoint endpoint);
  static bool is_welcome(GatewayState& gateway, const pipeline::Endpoint& endpoint);

  // --- input
  [[nodiscard]] bool wants_input() const;
  void receive();
  void take_input(const char* data, size_t size);
  size_t take_head(const char* data, size_t size);
  size_t take_body(const char* data, size_t size);
  void on_end_of_input();

  // --- request
  void begin_request();
  void on_head();
  void run_phases();
  void enter(pipeline::Phase phase);
  bool passed_hooks();
  void refuse(int status, const char* reason, unsigned retry_after = 0);
  void note_request_line();
  void begin_body(uint64_t limit);
  void on_body();
  void prepare_dispatch();
  void dispatch();
  void on_request_timeout();
  void on_client_gone();
  bool shed();
  void leave_worker();
  void note_times();

  // How far a streaming worker may be ahead of its client.
  static constexpr uint64_t kStreamWindow = 256U << 10;

  // --- plugins
  bool act_on(pipeline::Verdict verdict);
  void suspend();
  void blame(pipeline::Phase phase, std::string_view what);
  bool passed_body_hooks(std::string_view piece, bool last);
  pipeline::Verdict run_body_hooks(std::string_view piece, bool last);
  void deliver_body(askr_status status);
  bool gather_own_body();
  bool filter_own_body();
  bool filter_held_body(uint32_t piece_flags);

  // --- hooks of response_head, which may keep a response back
  enum class Hooked : uint8_t { passed, failed, held };
  Hooked run_response_head();
  Hooked go_on_with_response_head();
  // Which part of a worker's body has come.
  enum class Body : uint8_t { complete, incomplete };
  void hold(Body body);
  [[nodiscard]] bool is_collecting() const { return context_->collector.callback != nullptr; }
  void collected(askr_status status);
  void take_over_body();
  void go_on_with_response(pipeline::Verdict verdict);

  // --- workers
  // The worker has to wait until the client has read more.
  [[nodiscard]] bool is_client_behind() const;
  bool answer_at_once();  // small worker response: head and body in one write, without a copy
  void take_segments();
  void settle(exchange::Progress progress);
  void settle_running();
  void settle_complete();
  bool run_again();
  bool take_worker_head(std::string_view bytes);
  void take_worker_body(std::string_view bytes);
  void send_interim(std::string_view bytes);
  bool commit(bool length_known);
  enum class Backlog : uint8_t { as_time_permits, all_at_once };
  bool filter_backlog(Backlog how);
  bool may_filter();
  void forget_hooks();
  void warn_of_surplus() const;
  void give_up_on_worker(int status);
  void log_failure(int status, std::string_view why) const;
  [[nodiscard]] std::string_view target_for_log() const;
  void finish_body();

  // --- response
  void answer();  // transaction.response and .body are complete
  void send_answer(Hooked hooked);
  void answer_error(int status, unsigned retry_after = 0);
  // HEAD, or a status without a body: nothing of it is sent, and no filter sees it.
  [[nodiscard]] bool is_bodiless() const;
  // There is no body that a worker could have made.
  [[nodiscard]] bool is_bodiless_in_worker() const;
  [[nodiscard]] std::optional<uint64_t> announced_length() const;
  void choose_framing(bool length_known, uint64_t length);
  std::string_view write_head();
  void emit(std::string_view bytes, uint32_t piece_flags = 0);
  void send_body(std::string_view bytes);
  void cut_off(std::string_view why);
  void on_short_file();
  void send_more();
  void after_write(Flow flow);
  // The request is over, however it ended.
  void conclude(pipeline::Transaction& transaction);
  void finish_response();
  void next_request();

  void set_timer(Timeout kind, int64_t duration);
  void wait_for_client();
  [[nodiscard]] bool has_read_on() const;
  void drop_output();
  void linger();
  void close(Ending ending = Ending::clean);
  [[nodiscard]] bool is_client_at_end();

  GatewayState& gateway_;
  std::unique_ptr<Transport> transport_;
  std::unique_ptr<RequestContext> context_;
  Timer timer_;
  std::string leftover_;  // pipelined input that waits for its turn
  size_t place_ = 0;      // in gateway_.connections
  size_t unread_ = 0;     // of what was written, when the timer for the client's reading was last set
  State state_ = State::idle;
  bool readable_ = false;
  bool hung_up_ = false;       // the client has closed its side; its last bytes may still wait to be read
  bool taking_input_ = false;  // take_input() is below us on the stack
  bool close_after_ = false;   // the framing of the input is not to be trusted any more
  pipeline::Endpoint endpoint_;
  pipeline::SlotValues slots_;
};

}  // namespace askr::gateway
