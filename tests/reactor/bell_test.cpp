// The bell of signals, watched by a reactor.
// SPDX-License-Identifier: MIT
#include "eddy/platform/events.hpp"
#include "eddy/platform/sys.hpp"
#include "eddy/reactor/platform_reactor.hpp"

#include "support/result.hpp"

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <utility>

namespace eddy {
namespace {

using namespace std::chrono_literals;
using test::succeeded;

class Bell : public testing::Test {
 protected:
  void SetUp() override {
    for (int i = 0; i < 2; ++i) {
      PlatformReactor& reactor = reactors_[static_cast<std::size_t>(i)];
      Fd& reader = readers_[static_cast<std::size_t>(i)];
      reader = std::move(sys::create_bell_reader(bell_).value());
      ASSERT_TRUE(succeeded(reactor.register_source(reader.raw(), 1, Interest::readable)));
    }
  }

  /// The number of reactors, of two, that report the bell.
  std::size_t heard(std::chrono::nanoseconds timeout) {
    std::size_t count = 0;
    for (std::size_t i = 0; i < 2; ++i) {
      count += reactors_[i].poll(events_, timeout).value();
      sys::hush(readers_[i].raw());
      EXPECT_TRUE(succeeded(rearm_if_needed(reactors_[i], readers_[i].raw(), Interest::readable)));
    }
    return count;
  }

  Pipe bell_ = std::move(sys::create_bell().value());
  std::array<Fd, 2> readers_;
  std::array<PlatformReactor, 2> reactors_ = {std::move(PlatformReactor::create().value()),
                                              std::move(PlatformReactor::create().value())};
  Events events_ = events_with_capacity(8);
};

// moduvex_runtime armed its wake and signal pipes once, and never again.
TEST_F(Bell, IsAnEdgeAtEveryReactorEachTimeItIsRung) {
  EXPECT_EQ(heard(0ns), 0U);
  for (int i = 0; i < 5; ++i) {
    sys::ring(bell_);
    EXPECT_EQ(heard(5s), 2U);
    EXPECT_EQ(heard(0ns), 0U);
  }
}

TEST_F(Bell, IsNeverFull) {
  for (int i = 0; i < 200'000; ++i) sys::ring(bell_);
  EXPECT_EQ(heard(5s), 2U);
  for (int i = 0; i < 5; ++i) {
    sys::ring(bell_);
    EXPECT_EQ(heard(5s), 2U);
  }
}

}  // namespace
}  // namespace eddy
