// SPDX-License-Identifier: MIT

#include "worker/around.hpp"

#include "eddy/worker/cancel_reason.hpp"
#include "eddy/worker/task_local_base.hpp"
#include "eddy/worker/worker.hpp"

#include <string>

namespace eddy {
namespace {

class CleanUpReason final : public detail::TaskLocalBase {
 public:
  constexpr CleanUpReason() noexcept : TaskLocalBase({}) {}
  std::string text_of(const void* /*value*/) const override { return {}; }
  const CancelReason* get() const noexcept { return static_cast<const CancelReason*>(find()); }
};

constinit const CleanUpReason kCleanUpReason;

}  // namespace

CancelReason cancellation_reason() noexcept {
  const detail::Worker* const worker = detail::Worker::current_if_any();
  if (worker == nullptr) return CancelReason::none;
  const CancelReason of_destruction = worker->cancel_reason();
  if (of_destruction != CancelReason::none) return of_destruction;
  const CancelReason* const of_clean_up = kCleanUpReason.get();
  return of_clean_up != nullptr ? *of_clean_up : CancelReason::none;
}

namespace detail {

const TaskLocalBase& key_of_clean_up_reason() noexcept { return kCleanUpReason; }

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
