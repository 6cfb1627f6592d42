// A kernel or a sandbox without epoll_pwait2: timeouts are rounded up to milliseconds.
// SPDX-License-Identifier: MIT
#include "eddy/platform/clock.hpp"
#include "eddy/platform/sys.hpp"

#include "support/bytes.hpp"
#include "support/child_process.hpp"
#include "support/result.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cerrno>
#include <cstddef>

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace eddy {
namespace {

using namespace std::chrono_literals;
using test::succeeded;

/// From now on the kernel refuses epoll_pwait2 with `error`, in this process only.
bool refuse_epoll_pwait2(unsigned error) {
  std::array<sock_filter, 4> program{{
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_epoll_pwait2, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  }};
  const sock_fprog filter{static_cast<unsigned short>(program.size()), program.data()};
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

class NoEpollPwait2 : public testing::TestWithParam<unsigned> {
 protected:
  /// Calls `body` in a child process in which each call of epoll_pwait2 is refused.
  template <class F>
  static testing::AssertionResult passes_without_it(F body) {
    return test::passes_in_child([&] {
      ASSERT_TRUE(refuse_epoll_pwait2(GetParam()));
      std::array<epoll_event, 1> none{};
      ASSERT_EQ(::epoll_pwait2(-1, none.data(), 1, nullptr, nullptr), -1);
      ASSERT_EQ(errno, static_cast<int>(GetParam()));
      body();
    });
  }
};

TEST_P(NoEpollPwait2, AWaitIsNeverShorterThanItsTimeout) {
  EXPECT_TRUE(passes_without_it([] {
    const Fd epoll = std::move(sys::epoll_create().value());
    std::array<epoll_event, 4> events{};
    for (const Duration timeout : {Duration(1ns), Duration(300us), Duration(2100us)}) {
      const Instant start = Clock::now();
      EXPECT_EQ(sys::epoll_wait(epoll.raw(), events, timeout).value(), 0U);
      EXPECT_GE(Clock::now() - start, timeout);
    }
  }));
}

TEST_P(NoEpollPwait2, AnEventEndsALongWait) {
  EXPECT_TRUE(passes_without_it([] {
    const Fd epoll = std::move(sys::epoll_create().value());
    const Pipe pipe = std::move(sys::create_pipe().value());
    epoll_event wanted{};
    wanted.events = EPOLLIN;
    wanted.data.u64 = 7;
    ASSERT_TRUE(succeeded(sys::epoll_add(epoll.raw(), pipe.reader.raw(), wanted)));
    ASSERT_TRUE(succeeded(sys::write(pipe.writer.raw(), test::bytes_of("x"))));
    std::array<epoll_event, 4> events{};
    // More milliseconds than the argument of the call can hold.
    EXPECT_EQ(sys::epoll_wait(epoll.raw(), events, std::chrono::hours(24 * 365)).value(), 1U);
    EXPECT_EQ(std::uint64_t{events[0].data.u64}, 7U);
  }));
}

INSTANTIATE_TEST_SUITE_P(Errors, NoEpollPwait2, testing::Values(ENOSYS, EPERM));

}  // namespace
}  // namespace eddy
