// Suspends every request of /suspend, and resumes all of them when one for /resume comes. /suspend?ms=N resumes by a
// timer. Counts what is kept, so that a test sees a lost or leaked one.
#include <charconv>
#include <set>
#include <string>

#include "askr/sdk.hpp"

namespace {

class Suspender : public askr::Plugin {
 public:
  static constexpr askr::Info info{.id = PLUGIN_ID, .version = "1.0.0", .summary = "Suspends and resumes requests"};

  askr::Result<> register_(askr::Registrar registrar) {
    if (auto added = kept_.add(registrar); !added) return added;
    if (auto added = waiting_.add(registrar, ASKR_METRIC_GAUGE, "suspender_waiting", "Suspended now"); !added)
      return added;
    return gone_.add(registrar, ASKR_METRIC_COUNTER, "suspender_gone_total", "Left while suspended");
  }

  askr::Verdict lookup(askr::Request request) {
    if (request.path() == "/resume") {
      resume_all();
      request.response().append("resumed\n");
      return askr::Verdict::done;
    }
    if (request.path() != "/suspend") return askr::Verdict::next;
    kept_.emplace(request, *this, request.handle());
    if (const int64_t delay = delay_of(request.query()); delay >= 0) {
      auto* timed = new askr_request(request.handle());
      askr::api().loop->set_timer(askr::api().host, delay, resume_one, timed, nullptr);
    }
    return askr::Verdict::suspend;
  }

 private:
  // In the request's slot: knows that the request is suspended, and notices when it goes away.
  struct Kept {
    Kept(Suspender& owner_in, askr_request request) : owner(owner_in), id(request.id) {
      owner.suspended_.insert(id);
      owner.waiting_.increment();
    }
    Kept(const Kept&) = delete;
    Kept& operator=(const Kept&) = delete;
    ~Kept() {
      owner.waiting_.increment(-1);
      if (owner.suspended_.erase(id) > 0) owner.gone_.increment();
    }
    Suspender& owner;
    uint64_t id;
  };

  static int64_t delay_of(std::string_view query) {
    int64_t milliseconds = -1;
    if (query.starts_with("ms=")) std::from_chars(query.data() + 3, query.data() + query.size(), milliseconds);
    return milliseconds < 0 ? -1 : milliseconds * 1'000'000;
  }

  static void resume_one(void* context) {
    const std::unique_ptr<askr_request> request(static_cast<askr_request*>(context));
    answer(askr::Request(*request));
  }

  void resume_all() {
    const std::set<uint64_t> all = std::exchange(suspended_, {});
    for (const uint64_t id : all) answer(askr::Request({id}));
  }

  static void answer(askr::Request request) {
    request.response().append("late answer\n");
    (void)request.resume(askr::Verdict::done);
  }

  std::set<uint64_t> suspended_;
  askr::RequestSlot<Kept> kept_;
  askr::Metric waiting_, gone_;
};

}  // namespace

ASKR_PLUGIN(Suspender)
