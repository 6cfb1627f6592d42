// A source is registered without memory: the wait gives an error, and the source is unchanged.
// SPDX-License-Identifier: MIT
#include "eddy/platform/sys.hpp"
#include "eddy/reactor/io_source.hpp"
#include "eddy/reactor/reactor.hpp"

#include "alloc/counting_new.hpp"
#include "support/result.hpp"

#include <gtest/gtest.h>

#include <thread>
#include <utility>

namespace eddy {
namespace {

TEST(OutOfMemory, AtItsRegistrationEndsAWaitWithAnErrorAndTheNextWaitWorks) {
  Pipe pipe = std::move(sys::create_pipe().value());
  // On a new thread, whose registry has no memory yet.
  std::thread([&] {
    Reactor& reactor = detail::thread_reactor();
    IoSource source(std::move(pipe.reader));
    int refused = 0;
    for (long k = 0; k < 100; ++k) {
      detail::Waiter waiter;
      test::refuse_allocation_after(k);
      const sys::Status waits = detail::SourceAccess(source).wait(Direction::read, waiter);
      test::refuse_allocation_after(-1);
      if (waits) {
        waiter.unlink();
        waiter.unwatch();
        break;
      }
      EXPECT_TRUE(test::failed_with(waits, std::errc::not_enough_memory));
      EXPECT_FALSE(waiter.linked());
      EXPECT_FALSE(source.is_registered());
      EXPECT_EQ(reactor.wakers().size(), 0U);
      ++refused;
    }
    EXPECT_TRUE(source.is_registered());
    EXPECT_GT(refused, 1);
  }).join();
}

}  // namespace
}  // namespace eddy
