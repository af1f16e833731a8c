// The two kinds of sidecar processes, from their fork to where foreign code begins: PHP forked from the template, and
// commands.
#pragma once

#include <sys/types.h>

#include "config/settings.hpp"
#include "php/fork_point.hpp"
#include "process/template_process.hpp"

namespace askr::process {

// In a process that the template has just forked.
php::Forked become_sidecar(const TemplateOptions& options, const ForkRequest& request);

// In the master: starts the command in a process group of its own. What it writes goes where the error log goes.
// -1: there was no process to be had.
pid_t start_command(const config::SidecarSettings& command);

}  // namespace askr::process
