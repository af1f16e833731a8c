#include "pipeline/pipeline.hpp"

#include "pipeline/transaction.hpp"

#include <catch2/catch.hpp>

using askr::pipeline::Hook;
using askr::pipeline::Phase;
using askr::pipeline::Pipeline;
using askr::pipeline::Transaction;
using askr::pipeline::Verdict;

namespace {

using Ids = std::vector<std::string>;

Hook hook(std::string id, Ids before = {}, Ids after = {}) {
  return {std::move(id), [](void*, askr_request) -> askr_verdict { return ASKR_NEXT; }, nullptr, std::move(before),
          std::move(after)};
}

Ids order(const Pipeline& pipeline, Phase phase) {
  Ids ids;
  for (const Hook& each : pipeline.hooks(phase)) ids.push_back(each.plugin);
  return ids;
}

Hook answering(Verdict& verdict, int& calls) {
  struct State {
    Verdict& verdict;
    int& calls;
  };
  static std::vector<std::unique_ptr<State>> states;
  states.push_back(std::make_unique<State>(State{verdict, calls}));
  const auto function = [](void* state, askr_request) {
    ++static_cast<State*>(state)->calls;
    return static_cast<askr_verdict>(static_cast<State*>(state)->verdict);
  };
  return {"answering", function, states.back().get(), {}, {}};
}

}  // namespace

TEST_CASE("hooks run in the order of registration unless they ask for another") {
  Pipeline pipeline;
  pipeline.add(Phase::route, hook("a"));
  pipeline.add(Phase::route, hook("b"));
  pipeline.add(Phase::route, hook("c", {"a"}));
  pipeline.add(Phase::route, hook("d", {}, {"e"}));
  pipeline.add(Phase::route, hook("e"));
  REQUIRE(pipeline.seal());
  CHECK(order(pipeline, Phase::route) == Ids{"b", "c", "a", "e", "d"});
}

TEST_CASE("wishes about absent plugins are ignored") {
  Pipeline pipeline;
  pipeline.add(Phase::route, hook("a", {}, {"nobody"}));
  pipeline.add(Phase::route, hook("b", {"nobody"}));
  REQUIRE(pipeline.seal());
  CHECK(order(pipeline, Phase::route) == Ids{"a", "b"});
}

TEST_CASE("response phases run in mirror order") {
  Pipeline pipeline;
  for (const Phase phase : {Phase::request_head, Phase::response_head, Phase::response_body, Phase::log}) {
    pipeline.add(phase, hook("a"));
    pipeline.add(phase, hook("b"));
    pipeline.add(phase, hook("c", {"a"}));
  }
  REQUIRE(pipeline.seal());
  CHECK(order(pipeline, Phase::request_head) == Ids{"b", "c", "a"});
  CHECK(order(pipeline, Phase::response_head) == Ids{"a", "c", "b"});
  CHECK(order(pipeline, Phase::response_body) == Ids{"a", "c", "b"});
  CHECK(order(pipeline, Phase::log) == Ids{"b", "c", "a"});
}

TEST_CASE("a cycle is an error that names its members and nobody else") {
  Pipeline pipeline;
  pipeline.add(Phase::lookup, hook("bystander", {}, {"a"}));
  pipeline.add(Phase::lookup, hook("a", {"b"}));
  pipeline.add(Phase::lookup, hook("b", {"c"}));
  pipeline.add(Phase::lookup, hook("c", {"a"}));
  pipeline.add(Phase::lookup, hook("free"));
  const auto sealed = pipeline.seal();
  REQUIRE_FALSE(sealed);
  CHECK(sealed.error().message == "the hooks of lookup wait for each other: a before b before c before a");
  CHECK(sealed.error().exit_code == 2);
}

TEST_CASE("a hook that must come before itself is a cycle") {
  Pipeline pipeline;
  pipeline.add(Phase::log, hook("a", {"a"}));
  const auto sealed = pipeline.seal();
  REQUIRE_FALSE(sealed);
  CHECK(sealed.error().message == "the hooks of log wait for each other: a before a");
}

TEST_CASE("the first hook that does not answer next ends the phase") {
  for (const Verdict answer : {Verdict::done, Verdict::suspend, Verdict::fail}) {
    Verdict first = Verdict::next;
    Verdict second = answer;
    Verdict third = Verdict::next;
    int calls[3] = {};
    Pipeline pipeline;
    for (const Phase phase : {Phase::route, Phase::log}) {
      pipeline.add(phase, answering(first, calls[0]));
      pipeline.add(phase, answering(second, calls[1]));
      pipeline.add(phase, answering(third, calls[2]));
    }
    REQUIRE(pipeline.seal());
    uint32_t position = 0;
    CHECK(pipeline.run(Phase::route, {}, position) == answer);
    CHECK(position == 2);
    CHECK(pipeline.plugin_before(Phase::route, position) == "answering");
    CHECK(pipeline.run(Phase::route, {}, position) == Verdict::next);
    CHECK(calls[2] == 1);
    CHECK(calls[1] == 1);
    // Observers all run, whatever one of them says.
    pipeline.run_all(Phase::log, {});
    CHECK(calls[0] == 2);
    CHECK(calls[1] == 2);
    CHECK(calls[2] == 2);
  }
}

TEST_CASE("phases have the names of the design") {
  CHECK(askr::pipeline::phase_name(Phase::connection) == "connection");
  CHECK(askr::pipeline::phase_name(Phase::response_body) == "response_body");
  CHECK(askr::pipeline::phase_name(Phase::log) == "log");
}

TEST_CASE("a cleared transaction remembers nothing of its request") {
  Transaction transaction;
  transaction.path = "/a";
  transaction.forwarded_address = "192.0.2.1";
  transaction.target.kind = askr::pipeline::TargetKind::script;
  transaction.target.path_info = "/x";
  transaction.head.content_length = 7;
  transaction.response.status = 404;
  transaction.response.headers.add("A", "b");
  transaction.times.done = 5;
  transaction.failure = "x";
  transaction.id_size = 3;
  transaction.clear();
  CHECK(transaction.path.empty());
  CHECK(transaction.forwarded_address.empty());
  CHECK(transaction.target.kind == askr::pipeline::TargetKind::unresolved);
  CHECK(transaction.target.path_info.empty());
  CHECK(transaction.head.content_length == 0);
  CHECK(transaction.response.status == 200);
  CHECK(transaction.response.headers.size() == 0);
  CHECK(transaction.times.done == 0);
  CHECK(transaction.failure.empty());
  CHECK(transaction.id().empty());
}
