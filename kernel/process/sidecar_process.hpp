// The two kinds of sidecar processes, from their fork to where foreign code begins: PHP forked from the template, and
// commands.
#pragma once

#include <sys/types.h>

#include "base/account.hpp"
#include "config/settings.hpp"
#include "php/fork_point.hpp"
#include "process/template_process.hpp"

namespace askr::process {

// In a process that the template has just forked. `output` becomes its standard output and error.
php::Forked become_sidecar(const TemplateOptions& options, const ForkRequest& request, int output);

// In the master: starts the command in a process group of its own, as `account` if there is one. -1: there was no
// process to be had.
pid_t start_command(const config::SidecarSettings& command, const Account* account, int output);

}  // namespace askr::process
