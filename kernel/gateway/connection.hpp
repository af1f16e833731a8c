// Connection: one HTTP/1.x client. Reads requests, runs the pipeline's phases, hands over to a worker and sends the
// response; one request at a time, pipelined ones in order.
//
//   idle -> head -> body -> waiting -> sending -> idle        (any -> lingering -> closed)
//
// Split by direction: connection_input.cpp reads, connection_request.cpp decides, connection_response.cpp answers.
// A second protocol (HTTP/2) would stand beside this class, over the same Transport and with the same RequestContext.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "gateway/gateway_state.hpp"
#include "gateway/transport.hpp"

namespace askr::gateway {

class Connection final : public Watcher, public Timed {
 public:
  // Registers itself with the loop and the gateway's lists; deleted by the gateway after it closed itself.
  static void accept(GatewayState& gateway, std::unique_ptr<Transport> transport, pipeline::Endpoint endpoint);
  ~Connection() = default;

  void on_ready(uint32_t events) override;
  void on_timeout(Timeout kind) override;
  // There is news in the slot of this connection's request.
  void on_news();
  // The server stops: closes at once when idle, else after the current response.
  void on_stopping();

 private:
  enum class State : uint8_t { idle, head, body, waiting, sending, lingering, closed };
  enum class Ending : uint8_t { clean, abort };

  Connection(GatewayState& gateway, std::unique_ptr<Transport> transport, pipeline::Endpoint endpoint);

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
  void refuse(int status, const char* reason);
  bool passed_hooks(pipeline::Phase phase);
  void prepare_body();
  void dispatch();
  void fill_request(exchange::RequestView& view);
  void on_client_gone();
  void leave_worker();

  // When a queued request is looked at first: its wake-up may have gone to a worker that cannot run (stopped, swapped
  // out), so another one is woken then.
  static constexpr int64_t kWakeAgain = 20 * kMillisecond;

  // --- response
  void answer();  // transaction.response and .body are complete
  void answer_error(int status, unsigned retry_after = 0);
  bool answer_at_once();  // small worker response: head and body in one write, without a copy
  // The worker has to wait until the client has read more.
  [[nodiscard]] bool is_client_behind() const;
  void take_segments();
  void settle(exchange::Progress progress);
  bool take_worker_head(std::string_view bytes);
  void take_worker_body(std::string_view bytes);
  void send_interim(std::string_view bytes);
  bool run_response_head();
  void choose_framing(bool length_known, uint64_t length);
  std::string_view write_head();
  void commit(bool length_known);
  void emit(std::string_view bytes);
  void finish_body();
  void cut_off(std::string_view why);
  void send_more();
  void after_write(Flow flow);
  void finish_response();
  void next_request();

  void set_timer(Timeout kind, int64_t duration);
  void linger();
  void close(Ending ending = Ending::clean);
  [[nodiscard]] bool is_client_at_end();

  GatewayState& gateway_;
  std::unique_ptr<Transport> transport_;
  std::unique_ptr<RequestContext> context_;
  Timer timer_;
  std::string leftover_;  // pipelined input that waits for its turn
  size_t place_ = 0;      // in gateway_.connections
  State state_ = State::idle;
  bool readable_ = false;
  bool hung_up_ = false;       // the client has closed its side; its last bytes may still wait to be read
  bool taking_input_ = false;  // take_input() is below us on the stack
  bool close_after_ = false;   // the framing of the input is not to be trusted any more
  pipeline::Endpoint endpoint_;
};

}  // namespace askr::gateway
