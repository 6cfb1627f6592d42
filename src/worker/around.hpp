// What is around a task: its owner, and the owners of the tasks whose branch it is.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/worker/waker_cell.hpp"

namespace eddy::detail {

/// The task whose branch `task` is; null if it is no branch.
inline const PromiseBase* parent_of(const PromiseBase& task) noexcept {
  const TaskOwner* const owner = task.branch ? owner_of(task) : nullptr;
  return owner != nullptr ? static_cast<const PromiseBase*>(owner->branch_of()) : nullptr;
}

/// Calls `f` with the owner of `task`, then of the task whose branch that is, and so on, until a
/// call returns true.
template <class F>
void for_each_owner(const PromiseBase* task, F f) {
  while (task != nullptr) {
    const TaskOwner* const owner = owner_of(*task);
    if (owner == nullptr || f(*owner)) return;
    task = static_cast<const PromiseBase*>(owner->branch_of());
  }
}

}  // namespace eddy::detail
