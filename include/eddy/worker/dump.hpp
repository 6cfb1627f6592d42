// Dumps of the live tasks: their names, where they were spawned, where, for what and since when
// they wait.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/platform/compiler.hpp"
#include "eddy/platform/export.hpp"

#include <cstddef>
#include <string_view>
#include <type_traits>

namespace eddy {

namespace detail {

using DumpSink = void (*)(void* context, std::string_view line);
EDDY_EXPORT void dump_tasks(DumpSink sink, void* context);
EDDY_EXPORT void dump_each_task(DumpSink sink, void* context);
EDDY_EXPORT void dump_tasks_as_json(DumpSink sink, void* context);

/// Calls `dump`, and gives each line to `sink`, which may be a function.
template <class Sink>
void dump_to(void (*dump)(DumpSink, void*), Sink& sink) {
  auto call = [&sink](std::string_view line) { sink(line); };
  dump([](void* context, std::string_view line) { (*static_cast<decltype(call)*>(context))(line); },
       &call);
}

}  // namespace detail

/// The number of bytes that are kept of a task's name.
inline constexpr std::size_t kTaskNameLimit = 63;

/// Names the running task for the dumps: `name_task("client 7")`. Keeps a copy of the first
/// `kTaskNameLimit` bytes, with `?` for each control character. A second name replaces the first.
/// In a branch of `when_any` and the like it names the branch. Outside a task it does nothing. A
/// task without a name needs no memory for one.
EDDY_EXPORT void name_task(std::string_view name);

/// Calls `sink(std::string_view)` with lines about the live tasks of this thread and their
/// branches: first those that can run, then those that wait. The lines have no line breaks.
///
///     task 0x55d0c8e1 "client 7" spawned at echo.cpp:31 (main) waits at echo.cpp:18 (serve) <
///     echo.cpp:24 (greet) for read (source 7) since 1.204 s
///     602 tasks spawned at echo.cpp:31 (main) wait at echo.cpp:18 (serve) for read, the oldest,
///     task 0x55d0c9a8 (source 9), since 12.310 s
///
/// A named `TaskLocal` around a task is shown after its name: `request=42`.
///
/// Tasks share a line if they were spawned at the same place, have the same name and values, and do
/// the same at the same places. These are the places of the innermost `co_await` and of the outer
/// ones that wait for it, without places in eddy itself. Tasks that are being cancelled, or that
/// the end of `block_on` is about to cancel, are not shown. `sink` must not spawn or wake.
/// docs/debugging.md shows more.
template <class Sink>
void dump_tasks(Sink&& sink) {
  detail::dump_to<std::remove_reference_t<Sink>>(detail::dump_tasks, sink);
}

/// As `dump_tasks`, with a line for each task.
template <class Sink>
void dump_each_task(Sink&& sink) {
  detail::dump_to<std::remove_reference_t<Sink>>(detail::dump_each_task, sink);
}

/// As `dump_tasks`, but as JSON: all lines together are one object. docs/debugging.md lists its
/// members.
template <class Sink>
void dump_tasks_as_json(Sink&& sink) {
  detail::dump_to<std::remove_reference_t<Sink>>(detail::dump_tasks_as_json, sink);
}

/// Writes the lines of `dump_tasks` to standard error, in one write. In gdb: `call
/// eddy::dump_tasks_to_stderr()` on the thread that runs the tasks.
EDDY_EXPORT void dump_tasks_to_stderr();

}  // namespace eddy
