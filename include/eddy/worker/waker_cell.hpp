// A cell that outlives its task: how other threads reach the task.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/platform/export.hpp"
#include "eddy/worker/dump.hpp"
#include "eddy/worker/inbox_atomics.hpp"
#include "eddy/worker/message.hpp"
#include "eddy/worker/promise_base.hpp"

#include <utility>

namespace eddy::detail {

class Inbox;
struct WakerCell;

/// A cell's message that wakes the task.
struct WakeMessage : Message {
  void deliver(Worker& worker) noexcept final;
  void drop() noexcept final;

  PostedOnce<> once;  ///< wakes that come before the delivery are one wake

 protected:
  ~WakeMessage() = default;
};

/// A cell's message that aborts the task.
struct AbortMessage : Message {
  void deliver(Worker& worker) noexcept final;
  void drop() noexcept final;

  PostedOnce<> once;

 protected:
  ~AbortMessage() = default;
};

/// What a waker refers to. Other threads use only its messages, its count and `inbox`. Only the
/// task's thread uses `task`, so a waker can outlive its task without a lock.
struct WakerCell : WakeMessage, AbortMessage {
  WakerCell(Inbox& home, PromiseBase& header, bool with_name = false) noexcept;
  virtual ~WakerCell();

  References<> references;  ///< a message in the inbox has one too
  const bool named;         ///< true if it is a `NamedCell`
  PromiseBase* task;        ///< null once the task has ended
  TaskOwner* owner;
  Inbox* inbox;
};

/// The cell of a task with a name. A task without a name needs no memory for one.
struct NamedCell final : WakerCell {
  NamedCell(Inbox& home, PromiseBase& header) noexcept;

  WakerCell* plain;  ///< the cell from before the name, to which wakers may refer; may be null
  char name[kTaskNameLimit + 1];
};

/// The task of `cell` has ended. Its wakers do nothing from now on.
void end_cell(WakerCell& cell) noexcept;

/// The owner of `task`, wherever it is kept.
inline TaskOwner*& owner_of(PromiseBase& task) noexcept {
  return task.has_cell ? task.cell()->owner : task.own_owner();
}
inline const TaskOwner* owner_of(const PromiseBase& task) noexcept {
  return task.has_cell ? task.cell()->owner : task.own_owner();
}

EDDY_EXPORT WakerCell* retain(WakerCell* cell) noexcept;
EDDY_EXPORT void release(WakerCell* cell) noexcept;
EDDY_EXPORT void wake_cell(WakerCell& cell) noexcept;
EDDY_EXPORT void abort_cell(WakerCell& cell) noexcept;
/// The cell of a task of this thread, made at first use. The caller gets a reference to it.
EDDY_EXPORT WakerCell* cell_of(PromiseBase& task);

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
