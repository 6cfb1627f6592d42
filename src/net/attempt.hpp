// How a transfer is attempted, for the files that define transfers.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/net/transfer.hpp"
#include "eddy/platform/sys.hpp"

#include <cstddef>
#include <system_error>

namespace eddy::detail {

template <class Op, Direction direction, class Base>
bool Transfer<Op, direction, Base>::advance(Waiter& waiter) noexcept {
  return Base::advance_of(self(), waiter);
}

template <class Op, Direction direction, class Base>
bool Transfer<Op, direction, Base>::attempt_if_ready() noexcept {
  return is_worth_it() && attempt();
}

template <class Op, Direction direction, class Base>
bool Transfer<Op, direction, Base>::attempt() noexcept {
  do {
    const std::size_t wanted = self().wanted();
    // Always inline, so that `flatten` above reaches into `call`.
    const auto call = [this, wanted]() __attribute__((always_inline)) -> sys::Count {
      return wanted == 0 ? sys::Count(0) : self().call();
    };
    const sys::Count count =
        this->source().attempt(direction, call, Op::kShortEndsReadiness ? wanted : 0);
    if (count) {
      if (self().moved(*count)) return true;
    } else if (sys::is(count.error(), std::errc::operation_would_block)) {
      return false;
    } else if (!sys::is(count.error(), std::errc::interrupted)) {
      self().fail(this->source().error_of_call(count.error()));
      return true;
    }
  } while (this->source().is_ready(direction));
  return false;
}

}  // namespace eddy::detail
