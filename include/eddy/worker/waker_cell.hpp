// How other threads reach a task: a cell that outlives it.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/platform/export.hpp"
#include "eddy/worker/dump.hpp"
#include "eddy/worker/task_header.hpp"

#include <atomic>
#include <cstdint>
#include <utility>

namespace eddy::detail {

class Inbox;

/// What a waker refers to. Other threads see the atomics alone; `task` belongs to the task's
/// thread, so a waker can outlive its task with no lock.
struct WakerCell {
  WakerCell(Inbox& home, TaskHeader& header, bool with_name = false) noexcept;
  WakerCell(const WakerCell&) = delete;
  WakerCell& operator=(const WakerCell&) = delete;
  ~WakerCell();

  std::atomic<std::uint32_t> references{1};
  std::atomic<bool> queued{false};  ///< in the inbox; wakes that find it so are one with the first
  std::atomic<bool> abort_requested{false};
  const bool named;  ///< it is a `NamedCell`
  TaskHeader* task;  ///< null once the task has ended
  TaskOwner* owner;
  Inbox* inbox;
  WakerCell* next = nullptr;  ///< in the inbox
};

/// The cell of a task with a name: so that no other task has room for one.
struct NamedCell final : WakerCell {
  NamedCell(Inbox& home, TaskHeader& header) noexcept;

  WakerCell* plain;  ///< the task's cell before it had a name, to which wakers may refer; or null
  char name[kTaskNameLimit + 1];
};

/// The task of `cell` has ended: its wakers do nothing from now on.
void end_cell(WakerCell& cell) noexcept;

/// Who gets the outcome of `task`, to read or to change.
inline TaskOwner*& owner_of(TaskHeader& task) noexcept {
  return task.has_cell ? task.cell->owner : task.owner;
}
inline const TaskOwner* owner_of(const TaskHeader& task) noexcept {
  return task.has_cell ? task.cell->owner : task.owner;
}

EDDY_EXPORT WakerCell* retain(WakerCell* cell) noexcept;
EDDY_EXPORT void release(WakerCell* cell) noexcept;
EDDY_EXPORT void wake_cell(WakerCell& cell) noexcept;
EDDY_EXPORT void abort_cell(WakerCell& cell) noexcept;
/// The cell of a task of this thread, made at first use; the caller gets a reference to it.
EDDY_EXPORT WakerCell* cell_of(TaskHeader& task);

/// A counted reference to a task that may have ended.
class CellRef {
 public:
  explicit CellRef(WakerCell* cell) noexcept : cell_(cell) {}
  CellRef(const CellRef& other) noexcept : cell_(retain(other.cell_)) {}
  CellRef(CellRef&& other) noexcept : cell_(std::exchange(other.cell_, nullptr)) {}
  CellRef& operator=(CellRef other) noexcept {
    std::swap(cell_, other.cell_);
    return *this;
  }
  ~CellRef() {
    if (cell_ != nullptr) release(cell_);
  }

  WakerCell* get() const noexcept { return cell_; }

 private:
  WakerCell* cell_;
};

}  // namespace eddy::detail
