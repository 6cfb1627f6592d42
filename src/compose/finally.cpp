// SPDX-License-Identifier: MIT

#include "eddy/compose/finally.hpp"

#include "eddy/worker/waker_cell.hpp"
#include "eddy/worker/worker.hpp"

#include "worker/around.hpp"

#include <utility>

namespace eddy::detail {

CleanUpOrder::~CleanUpOrder() {
  if (!due_ || outer_ == nullptr) return;
  if (--outer_->inner_ == 0 && outer_->waiter_ != nullptr) {
    Worker::current().wake(*outer_->waiter_);
  }
}

void CleanUpOrder::enter() noexcept {
  const PromiseBase* task = Worker::of_running_task().running();
  for (;;) {
    const TaskOwner* const owner = task->branch ? owner_of(*task) : nullptr;
    if (owner != nullptr) outer_ = owner->clean_up_order();
    const PromiseBase* const parent = parent_of(*task);
    if (outer_ != nullptr || parent == nullptr) break;
    task = parent;
  }
  // So that no clean-up has to look for it through all that is around it.
  place_ = outer_ != nullptr ? outer_->place_ : task->spawned_at();
}

void CleanUp::start(PromiseBase& parent, CancelReason why) noexcept {
  if (started_) return;
  started_ = true;
  parent_ = &parent;
  order_->note_due(why);
  Worker& worker = Worker::current();
  header_ = &detail_release(task_).promise().make_root(std::exchange(order_, nullptr)->place());
  worker.shield(*header_);
  worker.spawn(*header_, this);
}

void CleanUp::detach() noexcept {
  if (header_ == nullptr) return;
  owner_of(*std::exchange(header_, nullptr)) = ErrorReporter<Result<>>::get();
}

void CleanUp::on_end(PromiseBase* ended) noexcept {
  header_ = nullptr;
  outcome.take_from(ended);
  Worker::current().wake(*parent_);
}

}  // namespace eddy::detail
