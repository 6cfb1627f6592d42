// The three tests of the module that eddy grew from, as they stood there.
// SPDX-License-Identifier: MIT
#include "eddy/platform/events.hpp"
#include "eddy/platform/sys.hpp"
#include "eddy/reactor/reactor.hpp"

#include "support/result.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <utility>

namespace eddy {
namespace {

using test::succeeded;

TEST(Seed, ReactorInitialisesViaThreadLocal) {
  // with_reactor must not stop the program: the reactor is made lazily here.
  with_reactor([](const Reactor&) {});
}

TEST(Seed, ReactorRegisterDeregisterRoundtrip) {
  const Pipe pipe = std::move(sys::create_pipe().value());
  with_reactor([&](const Reactor& reactor) {
    EXPECT_TRUE(succeeded(reactor.register_source(pipe.reader.raw(), 10, Interest::readable)));
    EXPECT_TRUE(succeeded(reactor.deregister(pipe.reader.raw())));
  });
}

TEST(Seed, ReactorPollTimeoutZeroReturnsImmediately) {
  Events events = events_with_capacity(16);
  with_reactor_mut([&](Reactor& reactor) {
    // No sources registered: timeout 0 must return immediately with 0.
    const Result<std::size_t> n = reactor.poll(events, std::chrono::nanoseconds(0));
    ASSERT_TRUE(succeeded(n));
    EXPECT_EQ(*n, 0U);
  });
}

}  // namespace
}  // namespace eddy
