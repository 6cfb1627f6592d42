// Why a task is being cancelled.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/platform/compiler.hpp"
#include "eddy/platform/export.hpp"

#include <cstdint>

namespace eddy {

/// Why a task is being cancelled.
enum class CancelReason : std::uint8_t {
  none,             ///< it is not being cancelled
  abort,            ///< `abort` of a handle; `abort` or `abort_all` of a `JoinSet`
  deadline,         ///< the limit of a `timeout` or `with_deadline` has passed
  group,            ///< `TaskGroup::cancel`; or its group has failed
  other_branch,     ///< another branch of its `when_any`, `try_all` and the like has decided
  dropped,          ///< its `JoinSet` or `Pinned` was destroyed, or its `Pinned` reset or set
  end_of_block_on,  ///< `block_on` ends
  end_of_thread,    ///< its thread ends
};

/// For destructors: why the task whose frames are being destroyed was cancelled. For the clean-up
/// of a `finally`: why the operation, or the task that awaited it, was cancelled. If that is part
/// of a larger cancellation, the reason is that of the larger one: a branch of a task that is
/// aborted is destroyed for `abort`. In all other code the answer is `none`; also in destructors of
/// a task that ends by itself.
///
///     ~Transaction() {
///       if (open_ && eddy::cancellation_reason() == eddy::CancelReason::deadline) count_slow();
///     }
[[nodiscard]] EDDY_EXPORT CancelReason cancellation_reason() noexcept;

namespace detail {

class TaskLocalBase;

/// The key under which the tasks of a clean-up find the reason for it, a `const CancelReason`.
EDDY_EXPORT const TaskLocalBase& key_of_clean_up_reason() noexcept;

}  // namespace detail

}  // namespace eddy
