// Every live task: what it is called, where it was spawned, where it waits, for what, since when.
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

/// Calls `dump` so that each line goes to `sink`, which may be a function.
template <class Sink>
void dump_to(void (*dump)(DumpSink, void*), Sink& sink) {
  auto call = [&sink](std::string_view line) { sink(line); };
  dump([](void* context, std::string_view line) { (*static_cast<decltype(call)*>(context))(line); },
       &call);
}

}  // namespace detail

/// How many bytes of a task's name are kept.
inline constexpr std::size_t kTaskNameLimit = 63;

/// Names the task that runs now, for the dumps: `name_task("client 7")`. Keeps a copy of the first
/// `kTaskNameLimit` bytes, with `?` for control characters. A second name takes the place of the
/// first. In a branch of `when_any` or its kin it names the branch. Outside a task it does nothing.
/// A task has no memory for a name until it is given one.
EDDY_EXPORT void name_task(std::string_view name);

/// Calls `sink(std::string_view)` with lines, without line breaks, about the live tasks of this
/// thread and their branches: first about those that can run, then about those that wait.
///
///     task 0x55d0c8e1 "client 7" spawned at echo.cpp:31 (main) waits at echo.cpp:18 (serve) <
///     echo.cpp:24 (greet) for read (source 7) since 1.204 s
///     602 tasks spawned at echo.cpp:31 (main) wait at echo.cpp:18 (serve) for read, the oldest,
///     task 0x55d0c9a8 (source 9), since 12.310 s
///
/// Tasks are in one line if they have the same name and do the same at the same places. The places
/// are those of the innermost `co_await` and of those that wait for it, but for places in eddy
/// itself. A task that is being cancelled is not shown, nor are those that the end of `block_on` is
/// about to cancel. Must not spawn or wake from `sink`. docs/debugging.md shows more.
template <class Sink>
void dump_tasks(Sink&& sink) {
  detail::dump_to<std::remove_reference_t<Sink>>(detail::dump_tasks, sink);
}

/// The same with a line for each task.
template <class Sink>
void dump_each_task(Sink&& sink) {
  detail::dump_to<std::remove_reference_t<Sink>>(detail::dump_each_task, sink);
}

/// The same as JSON, for programs: all lines together are one object. docs/debugging.md lists its
/// members.
template <class Sink>
void dump_tasks_as_json(Sink&& sink) {
  detail::dump_to<std::remove_reference_t<Sink>>(detail::dump_tasks_as_json, sink);
}

/// What `dump_tasks` says, to standard error, in one piece. In gdb: `call
/// eddy::dump_tasks_to_stderr()` on the thread that runs the tasks.
EDDY_EXPORT void dump_tasks_to_stderr();

}  // namespace eddy
