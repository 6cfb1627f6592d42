// SPDX-License-Identifier: MIT

#include "eddy/task/waker.hpp"

#include "eddy/worker/worker.hpp"

#include <utility>

namespace eddy::detail {

bool CurrentWakerOp::try_start() noexcept {
  task_ = Worker::of_running_task().running();
  return true;
}

Waker CurrentWakerOp::take() const { return detail_make_waker(*task_); }

}  // namespace eddy::detail
