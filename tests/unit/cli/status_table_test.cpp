#include "cli/status_table.hpp"

#include <catch2/catch.hpp>

namespace {

using askr::cli::status_table;

TEST_CASE("the status is a line about the server and a row per process") {
  const std::string table =
      status_table(R"({"version":"0.1.0","listen":["127.0.0.1:8000","unix:/a"],"mode":"worker, rewound",
    "uptime_secs":3725,"generation":2,"workers_configured":2,"workers_alive":1,"respawns":5,"queue_depth":3,
    "rss_kb_total":204800,"processes":[
    {"role":"master","index":0,"pid":10,"state":"idle","requests":0,"rss_kb":2048,"pss_kb":1024,"uptime_secs":3725,
     "generation":0},
    {"role":"gateway","index":0,"pid":11,"state":"idle","requests":987654321,"connections":1000,"rss_kb":10,"pss_kb":5,
     "uptime_secs":3725,"generation":0},
    {"role":"worker","index":1,"pid":12,"state":"busy","requests":1234,"rss_kb":40960,"pss_kb":20480,"uptime_secs":90061,
     "generation":2}]})")
          .value();
  CHECK(table ==
        "askr 0.1.0 on 127.0.0.1:8000, unix:/a\n"
        "worker mode, rewound, generation 2, up 1h 02m\n"
        "1 of 2 workers, 3 queued, 5 respawned, 21 MB in all\n"
        "\n"
        "PROCESS          PID  STATE     GEN  CONNS  REQUESTS      RSS      PSS   UPTIME\n"
        "master            10  idle        0      -         0  2048 KB  1024 KB   1h 02m\n"
        "gateway 0         11  idle        0   1000 987654321    10 KB     5 KB   1h 02m\n"
        "worker 1          12  busy        2      -      1234    40 MB    20 MB   1d 01h\n");
}

TEST_CASE("where the number of workers adapts, the wanted one is shown with its limits") {
  const std::string table = status_table(R"({"workers_configured":2,"workers_target":9,"workers_min":2,"workers_max":16,
    "workers_alive":7,"processes":[]})")
                                .value();
  CHECK(table.find("7 of 9 workers (2 to 16), 0 queued") != std::string::npos);
}

TEST_CASE("workers that could not be rewound are counted by their reasons, the most frequent one first") {
  const std::string table = status_table(R"({"workers_configured":2,"workers_alive":2,"processes":[],
    "rewinding":{"forks_each":true,"not_rewound":12,"reasons":{"a thread":2,"a child":10}}})")
                                .value();
  CHECK(table.find("in all\n10 not rewound: a child\n2 not rewound: a thread\n"
                   "each request has a process of its own for now\n\nPROCESS") != std::string::npos);
  for (const char* nothing :
       {R"(null)", R"(7)", R"({})", R"({"forks_each":false,"reasons":{}})", R"({"reasons":[1]})"}) {
    const std::string none = status_table(std::string(R"({"processes":[],"rewinding":)") + nothing + "}").value();
    CHECK(none.find("in all\n\nPROCESS") != std::string::npos);
  }
}

TEST_CASE("new generations that took the place of dying workers are told") {
  const auto line = [](const std::string& count) {
    return status_table(R"({"respawns":9,"renewals":)" + count + R"(,"processes":[]})").value();
  };
  CHECK(line("0").find(" 9 respawned, ") != std::string::npos);
  CHECK(line("1").find(" 9 respawned (1 new generation for it), ") != std::string::npos);
  CHECK(line("2").find(" 9 respawned (2 new generations for it), ") != std::string::npos);
}

TEST_CASE("sidecars are called by their names, for which the first column makes room") {
  const std::string table = status_table(R"({"processes":[
    {"role":"master","pid":10,"state":"idle"},
    {"role":"sidecar","name":"queue 0","pid":11,"state":"running"},
    {"role":"sidecar","name":"sidecar abcdefghijklmnopqrstuvwx","pid":12,"state":"draining"}]})")
                                .value();
  CHECK(table.find("\nqueue 0                                11  running") != std::string::npos);
  CHECK(table.find("\nsidecar abcdefghijklmnopqrstuvwx       12  draining") != std::string::npos);
  const size_t last = table.rfind('\n', table.size() - 2);
  CHECK(table.size() - last - 2 <= 100);
}

TEST_CASE("fields that are missing or strange are blanks, not errors") {
  const std::string table = status_table(R"({"processes":[{"pid":"x"},7]})").value();
  CHECK(table.find("PROCESS") != std::string::npos);
}

TEST_CASE("an answer that is no status is an error") {
  for (const char* text : {"", "nonsense", "[]", "{}", R"({"processes":{}})"}) {
    CAPTURE(text);
    CHECK_FALSE(status_table(text));
  }
}

}  // namespace
