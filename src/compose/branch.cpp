// SPDX-License-Identifier: MIT

#include "eddy/compose/when_all.hpp"
#include "eddy/compose/when_any.hpp"
#include "eddy/platform/fatal.hpp"

namespace eddy::detail {

void stop_no_concurrency() noexcept {
  fatal("eddy::Concurrency(0) lets no task run; let one or more");
}

void stop_without_branch() noexcept {
  fatal("when_any and first_ok need a task: nothing of an empty vector could ever end");
}

}  // namespace eddy::detail
