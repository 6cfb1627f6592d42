// SPDX-License-Identifier: MIT

#include "eddy/worker/inbox.hpp"

#include "eddy/worker/worker.hpp"

#include <cstddef>
#include <utility>

namespace eddy::detail {

WakerCell::WakerCell(Inbox& home, TaskHeader& header, bool with_name) noexcept
    : named(with_name), task(&header), owner(owner_of(header)), inbox(&home) {
  home.retain();
}

WakerCell::~WakerCell() { inbox->release(); }

WakerCell* retain(WakerCell* cell) noexcept {
  if (cell != nullptr) cell->references.fetch_add(1, std::memory_order_relaxed);
  return cell;
}

void release(WakerCell* cell) noexcept {
  if (cell->references.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  if (cell->named) {
    delete static_cast<NamedCell*>(cell);
  } else {
    delete cell;
  }
}

WakerCell* cell_of(TaskHeader& task) {
  if (!task.has_cell) {
    task.cell = new WakerCell(Worker::current().inbox(), task);
    task.has_cell = true;
  }
  return retain(task.cell);
}

void wake_cell(WakerCell& cell) noexcept {
  Worker* here = Worker::current_if_any();
  if (here == nullptr || &here->inbox() != cell.inbox) {
    cell.inbox->push(cell);
  } else if (cell.task != nullptr) {
    here->wake(*cell.task);
  }
}

void abort_cell(WakerCell& cell) noexcept {
  Worker* here = Worker::current_if_any();
  if (here == nullptr || &here->inbox() != cell.inbox) {
    cell.abort_requested.store(true);
    cell.inbox->push(cell);
  } else if (cell.task != nullptr) {
    here->abort(*cell.task);
  }
}

void Inbox::push(WakerCell& cell) noexcept {
  if (cell.queued.exchange(true)) return;
  eddy::detail::retain(&cell);
  WakerCell* head = head_.load(std::memory_order_relaxed);
  do {
    if (head == closed()) {
      eddy::detail::release(&cell);
      return;
    }
    cell.next = head;
  } while (!head_.compare_exchange_weak(head, &cell));
  if (parked_.load() && parked_.exchange(false)) notifier_.notify();
}

WakerCell* Inbox::closed() noexcept {
  // An address that is no cell's.
  static constinit std::max_align_t mark{};
  return reinterpret_cast<WakerCell*>(&mark);
}

WakerCell* Inbox::reversed(WakerCell* newest) noexcept {
  WakerCell* oldest = nullptr;
  while (newest != nullptr) {
    WakerCell* next = std::exchange(newest->next, oldest);
    oldest = std::exchange(newest, next);
  }
  return oldest;
}

}  // namespace eddy::detail
