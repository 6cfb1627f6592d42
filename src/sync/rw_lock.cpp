// SPDX-License-Identifier: MIT

#include "eddy/sync/rw_lock.hpp"

#include "eddy/platform/fatal.hpp"

namespace eddy::detail {

void stop_without_rw_lock() noexcept {
  fatal(
      "a RwLock was destroyed while a task waited for it; it must outlive the tasks that use it: "
      "join them first");
}

}  // namespace eddy::detail
