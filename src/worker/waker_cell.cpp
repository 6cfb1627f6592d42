// SPDX-License-Identifier: MIT

#include "eddy/worker/waker_cell.hpp"

#include "eddy/worker/inbox.hpp"
#include "eddy/worker/worker.hpp"

namespace eddy::detail {
namespace {

/// True if this thread is that of the cell's task. Then it may touch the task.
bool is_home_of(const WakerCell& cell, Worker* here) noexcept {
  return here != nullptr && &here->inbox() == cell.inbox;
}

/// Posts one of the two messages of `cell`, unless that message is in the inbox already.
template <class CellMessage>
void post_once(WakerCell& cell) noexcept {
  CellMessage& message = cell;
  if (!message.once.begin_post()) return;
  retain(&cell);
  if (!cell.inbox->post(message)) release(&cell);
}

}  // namespace

WakerCell::WakerCell(Inbox& home, PromiseBase& header, bool with_name) noexcept
    : named(with_name), task(&header), owner(owner_of(header)), inbox(&home) {
  home.retain();
}

WakerCell::~WakerCell() { inbox->release(); }

WakerCell* retain(WakerCell* cell) noexcept {
  if (cell != nullptr) cell->references.add();
  return cell;
}

void release(WakerCell* cell) noexcept {
  if (cell->references.remove()) delete cell;
}

WakerCell* cell_of(PromiseBase& task) {
  if (!task.has_cell) {
    task.cell() = new WakerCell(Worker::current().inbox(), task);
    task.has_cell = true;
  }
  return retain(task.cell());
}

void wake_cell(WakerCell& cell) noexcept {
  Worker* here = Worker::current_if_any();
  if (!is_home_of(cell, here)) {
    post_once<WakeMessage>(cell);
  } else if (cell.task != nullptr) {
    here->wake(*cell.task);
  }
}

void abort_cell(WakerCell& cell) noexcept {
  Worker* here = Worker::current_if_any();
  if (!is_home_of(cell, here)) {
    post_once<AbortMessage>(cell);
  } else if (cell.task != nullptr) {
    here->abort(*cell.task);
  }
}

void WakeMessage::deliver(Worker& worker) noexcept {
  auto& cell = static_cast<WakerCell&>(*this);
  once.end_post();
  if (cell.task != nullptr) worker.wake(*cell.task);
  release(&cell);
}

void WakeMessage::drop() noexcept { release(static_cast<WakerCell*>(this)); }

void AbortMessage::deliver(Worker& worker) noexcept {
  auto& cell = static_cast<WakerCell&>(*this);
  once.end_post();
  if (cell.task != nullptr) worker.abort(*cell.task);
  release(&cell);
}

void AbortMessage::drop() noexcept { release(static_cast<WakerCell*>(this)); }

}  // namespace eddy::detail
