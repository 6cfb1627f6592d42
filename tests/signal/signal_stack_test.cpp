// Where the library's signal handler runs.
// SPDX-License-Identifier: MIT
#include "eddy/platform/sys.hpp"

#include "support/result.hpp"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace eddy {
namespace {

using test::succeeded;

constinit std::atomic<std::uintptr_t> handled_at{0};

/// The alternate stack of this thread while it lives.
class AlternateStack {
 public:
  AlternateStack() : bytes_(std::make_unique<std::array<char, kSize>>()) {
    stack_t own{};
    own.ss_sp = bytes_->data();
    own.ss_size = kSize;
    EXPECT_EQ(::sigaltstack(&own, &before_), 0);
  }
  AlternateStack(const AlternateStack&) = delete;
  AlternateStack& operator=(const AlternateStack&) = delete;
  ~AlternateStack() { ::sigaltstack(&before_, nullptr); }

  bool contains(std::uintptr_t address) const {
    return address - reinterpret_cast<std::uintptr_t>(bytes_->data()) < kSize;
  }

 private:
  static constexpr std::size_t kSize = std::size_t{256} << 10;

  std::unique_ptr<std::array<char, kSize>> bytes_;
  stack_t before_{};
};

TEST(SignalStack, TheHandlerRunsOnTheAlternateStackOfAThreadThatHasOne) {
  const AlternateStack stack;
  handled_at = 0;
  ASSERT_TRUE(succeeded(sys::install_signal(SIGUSR1, [](int) noexcept {
    handled_at = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
  })));
  std::raise(SIGUSR1);
  EXPECT_TRUE(succeeded(sys::restore_signal(SIGUSR1)));
  EXPECT_TRUE(stack.contains(handled_at));
}

}  // namespace
}  // namespace eddy
