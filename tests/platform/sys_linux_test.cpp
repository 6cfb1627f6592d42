// The part of the seam that only Linux has.
// SPDX-License-Identifier: MIT
#include "eddy/platform/sys.hpp"

#include "support/descriptors.hpp"
#include "support/result.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <utility>

#include <sys/epoll.h>
#include <unistd.h>

namespace eddy {
namespace {

using test::succeeded;

TEST(SysOfLinux, AnEpollIsCloseOnExec) {
  EXPECT_TRUE(test::is_close_on_exec(sys::epoll_create()->raw()));
}

TEST(SysOfLinux, ABellThatIsFullStillRings) {
  const Fd epoll = std::move(sys::epoll_create().value());
  const Pipe bell = std::move(sys::create_bell().value());
  epoll_event event{};
  event.events = EPOLLIN | EPOLLET;
  ASSERT_TRUE(succeeded(sys::epoll_add(epoll.raw(), bell.reader.raw(), event)));
  const std::uint64_t all_but_full = UINT64_MAX - 1;
  ASSERT_EQ(::write(bell.writer.raw(), &all_but_full, sizeof(all_but_full)), 8);
  std::array<epoll_event, 4> out{};
  ASSERT_EQ(sys::epoll_wait(epoll.raw(), out, std::chrono::nanoseconds(0)).value(), 1U);

  sys::ring(bell);

  EXPECT_EQ(sys::epoll_wait(epoll.raw(), out, std::chrono::nanoseconds(0)).value(), 1U);
}

TEST(SysOfLinux, AnEpollTimeoutIsNeverShort) {
  const Fd epoll = std::move(sys::epoll_create().value());
  std::array<epoll_event, 1> out{};
  for (const auto timeout : {std::chrono::nanoseconds(1), std::chrono::nanoseconds(300'000),
                             std::chrono::nanoseconds(2'500'000)}) {
    const auto start = sys::monotonic_now();
    EXPECT_EQ(sys::epoll_wait(epoll.raw(), out, timeout).value(), 0U);
    EXPECT_GE(sys::monotonic_now() - start, timeout);
  }
}

}  // namespace
}  // namespace eddy
