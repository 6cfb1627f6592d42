// What a plugin with its own copy of eddy offers to the program that loads it.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/task/task.hpp"

/// A task of the plugin, which waits by the plugin's copy for `what`, or for nothing. Null if no
/// task has that name.
extern "C" [[gnu::visibility("default")]] eddy::Task<>* plugin_task(const char* what);
/// Runs a loop of the plugin's own, in which a task sleeps. True if it slept.
extern "C" [[gnu::visibility("default")]] bool plugin_runs_a_loop();
