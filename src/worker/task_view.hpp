// What all dumps show of a task.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/worker/promise_base.hpp"
#include "eddy/worker/task_local_base.hpp"

#include <cstddef>
#include <cstdint>
#include <source_location>
#include <string>
#include <string_view>
#include <vector>

namespace eddy::detail {

/// The source location that a coroutine keeps as a pointer.
std::source_location location_of(const void* place) noexcept;
/// True if a place is in eddy's own headers and sources. Dumps do not show such places.
bool is_in_library(const std::source_location& place);
/// The function's qualified name, without types: `app::Server::serve`, `main::<lambda>`. `function`
/// is the compiler's text, which differs between compilers.
std::string short_name(std::string_view function);

/// The value of a task-local that has a name.
struct LocalView {
  const TaskLocalBase* local;
  std::string text;
};

struct TaskView {
  enum class State : std::uint8_t { runs, not_started, waits };

  std::uintptr_t address;
  std::uintptr_t parent = 0;  ///< the task whose branch it is; 0 if not known
  bool branch;
  std::string_view name;
  std::source_location spawned_at;
  std::vector<LocalView> locals;  ///< those that it finds, innermost first
  State state;
  std::vector<std::source_location> awaits;  ///< innermost first, without places in the library
  Waiting waiting;                           ///< only if `state` is `waits`
  Duration waited{};
};

/// The live tasks of this thread, those that can run first.
std::vector<TaskView> view_tasks();

}  // namespace eddy::detail
