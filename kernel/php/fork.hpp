// The moment between template and worker: what PHP has to do before it is forked, and in each worker right after.
#pragma once

#include "base/result.hpp"
#include "php/fork_point.hpp"
#include "php/options.hpp"
#include "php/zend.hpp"

namespace askr::php {

// May the script fork here? Not in a worker, and not in a mode whose template runs no script.
[[nodiscard]] bool can_fork();
// Calls the hooks of the application, looks for what workers must not share, and forks. Returns in the worker, which
// has a state.port from here on, or in the sidecar (state.sidecar). False when it came to nothing: the reason is a PHP
// exception or refusal().
bool fork_here();
// Forks a template in which no script runs. Returns as fork_here().
void fork_idle();
// Why the template does not want to be forked; empty: it was not asked, or had no reason.
const std::string& refusal();

// The application could not be booted: a worker leaves a note for the master and returns `code` to exit with, a
// template returns the error.
Result<int> fail_boot(WorkerExit code, const std::string& why);

// The parts of fork_here() for who forks otherwise. False: a hook has thrown.
bool call_before_fork();
bool call_after_fork();
void tidy_before_fork();

// The callables of askr_before_fork() and askr_after_fork(). False where nothing will be forked.
bool add_before_fork(zval* callable);
bool add_after_fork(zval* callable);

}  // namespace askr::php
