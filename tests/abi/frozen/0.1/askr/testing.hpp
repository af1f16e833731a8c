// A server that fits into a unit test: askr::testing::Host runs one plugin without Askr, PHP or sockets.
//
//   askr::testing::Host host(*askr_plugin_v1(), {{"hello.greeting", "Hi"}});
//   const auto answer = host.get("/hello");
//
// It goes through the lifecycle up to process_start, runs the phases in their order, and keeps what the plugin did
// where a test can look at it. One host at a time. It is not the server: other plugins, limits and timeouts are not
// there; a test with the real one (`askr serve --plugin-dir`) belongs beside it.
#pragma once

#include "askr/testing/host.hpp"
