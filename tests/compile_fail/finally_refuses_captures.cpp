// expect: the clean-up of a finally outlives the coroutine that awaits it
// SPDX-License-Identifier: MIT
#include "eddy/eddy.hpp"

eddy::Task<> work(int& count) {
#ifdef EDDY_COMPILE_OK
  co_await eddy::finally(
      eddy::yield_now(),
      [](int& counted) -> eddy::Task<> {
        ++counted;
        co_return;
      },
      std::ref(count));
#else
  const auto clean_up = [&]() -> eddy::Task<> {
    ++count;
    co_return;
  };
  co_await eddy::finally(eddy::yield_now(), clean_up);
#endif
}
