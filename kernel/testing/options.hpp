// What a run of tests is asked to do: plain data.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace askr::testing {

struct Shard {
  unsigned index = 1, of = 1;  // this machine's part, from 1
};

enum class Form : uint8_t { plain, teamcity, json, testdox };

struct TestOptions {
  std::string root;                           // absolute: the project
  std::string runner;                         // absolute; empty: each file is a script of its own
  std::vector<std::string> paths;             // as given
  std::vector<std::string> runner_arguments;  // flags that are the runner's business
  std::vector<std::string> ini;
  unsigned parallel = 0;  // processes at once
  unsigned repeat = 1;
  unsigned retry = 0;
  int64_t timeout = 0;  // of one test, ns; 0: none
  Shard shard;
  Form form = Form::plain;
  std::string junit;  // file to write; empty: none
  std::string cache;  // folder for times and compiled scripts, absolute
  bool stop_on_failure = false;
  bool only_failed = false;
  bool split = true;            // long files, by method: not where the order of tests was asked for
  bool in_one_process = false;  // all files in one piece, in order
};

}  // namespace askr::testing
