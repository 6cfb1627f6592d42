// Every live task: where it was spawned, where it waits, for what, and since when.
#pragma once

#include "eddy/platform/compiler.hpp"

#include <string_view>
#include <type_traits>

namespace eddy {

namespace detail {

using DumpSink = void (*)(void* context, std::string_view line);
void dump_tasks(DumpSink sink, void* context);

}  // namespace detail

/// Calls `sink(std::string_view)` with a line, without line break, for each live task of this
/// thread and each branch of one, first those that can run, then those that wait:
///
///     task 0x55d0c8e1 spawned at echo.cpp:31 waits at echo.cpp:18 < echo.cpp:40 for readable
///     (source 7) since 1.204 s
///     task 0x55d0c9a8 branch of task 0x55d0c8e1 waits at ...
///
/// A task that is being cancelled is none any more, nor are those that the end of `block_on` is
/// about to cancel. The places are those of the innermost `co_await` and of those that wait for it.
/// Must not spawn or wake from `sink`. From a debugger: `call eddy::dump_tasks_to_stderr()`.
template <class Sink>
void dump_tasks(Sink&& sink) {
  detail::dump_tasks(
      [](void* context, std::string_view line) {
        (*static_cast<std::remove_reference_t<Sink>*>(context))(line);
      },
      const_cast<void*>(static_cast<const void*>(&sink)));
}

/// The same, to standard error.
void dump_tasks_to_stderr();

}  // namespace eddy
