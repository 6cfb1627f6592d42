// What the dumps show of a task, whatever their form.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/worker/task_header.hpp"

#include <cstddef>
#include <cstdint>
#include <source_location>
#include <string>
#include <string_view>
#include <vector>

namespace eddy::detail {

/// The source location that a coroutine keeps as the one pointer of which it is made.
std::source_location location_of(const void* place) noexcept;
/// True of a place in eddy's own headers and sources, which says nothing to a user.
bool is_in_library(const std::source_location& place);
/// The function's qualified name, without its types: `app::Server::serve`, `main::<lambda>`. Of
/// what the compiler gives, which differs from one to the next.
std::string short_name(std::string_view function);

struct TaskView {
  enum class State : std::uint8_t { runs, not_started, waits };

  std::uintptr_t address;
  std::uintptr_t parent = 0;  ///< the task of which it is a branch, if that is known
  bool branch;
  std::string_view name;
  std::source_location spawned_at;
  State state;
  std::vector<std::source_location> awaits;  ///< innermost first, without those of the library
  Waiting waiting;                           ///< of one that waits
  Duration waited{};
};

/// The live tasks of this thread, those that can run first.
std::vector<TaskView> view_tasks();

}  // namespace eddy::detail
