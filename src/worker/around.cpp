// SPDX-License-Identifier: MIT

#include "worker/around.hpp"

#include "eddy/worker/cancel_reason.hpp"
#include "eddy/worker/task_local_base.hpp"
#include "eddy/worker/worker.hpp"

namespace eddy {

CancelReason cancellation_reason() noexcept {
  const detail::Worker* const worker = detail::Worker::current_if_any();
  return worker != nullptr ? worker->cancel_reason() : CancelReason::none;
}

namespace detail {

void* TaskLocalBase::find() const noexcept {
  const Worker* const worker = Worker::current_if_any();
  void* found = nullptr;
  for_each_owner(worker != nullptr ? worker->caller() : nullptr, [&](const TaskOwner& owner) {
    const LocalValue given = owner.local();
    if (given.key == this) found = given.value;
    return given.key == this;
  });
  return found;
}

}  // namespace detail
}  // namespace eddy
