// SPDX-License-Identifier: MIT

#include "eddy/platform/fd.hpp"

#include "eddy/platform/sys.hpp"

#include "support/descriptors.hpp"

#include <gtest/gtest.h>

#include <utility>

namespace eddy {
namespace {

using test::is_open;

Fd open_any() { return std::move(sys::open_reserve().value()); }

TEST(Fd, ClosesWhenItDies) {
  RawSource raw = kNoSource;
  {
    const Fd fd = open_any();
    raw = fd.raw();
    EXPECT_TRUE(is_open(raw));
  }
  EXPECT_FALSE(is_open(raw));
}

TEST(Fd, OwnsNothingByDefault) {
  const Fd fd;
  EXPECT_FALSE(fd);
  EXPECT_EQ(fd.raw(), kNoSource);
}

TEST(Fd, MovingHandsTheDescriptorOn) {
  Fd from = open_any();
  const RawSource raw = from.raw();
  const Fd to = std::move(from);
  EXPECT_FALSE(from);  // NOLINT(bugprone-use-after-move): what is left is empty
  EXPECT_EQ(to.raw(), raw);
  EXPECT_TRUE(is_open(raw));
}

TEST(Fd, MoveAssignmentClosesWhatWasThere) {
  Fd to = open_any();
  Fd from = open_any();
  const RawSource old = to.raw();
  const RawSource raw = from.raw();
  to = std::move(from);
  EXPECT_FALSE(is_open(old));
  EXPECT_TRUE(is_open(raw));
}

TEST(Fd, AssigningItToItselfKeepsIt) {
  Fd fd = open_any();
  Fd& same = fd;
  fd = std::move(same);
  EXPECT_TRUE(is_open(fd.raw()));
}

TEST(Fd, ResetClosesNowAndOnce) {
  Fd fd = open_any();
  const RawSource raw = fd.raw();
  fd.reset();
  EXPECT_FALSE(is_open(raw));
  // Another descriptor gets the number. A second reset must not close it.
  const Fd other = open_any();
  ASSERT_EQ(other.raw(), raw);
  fd.reset();
  EXPECT_TRUE(is_open(raw));
}

TEST(Fd, ReleaseLeavesTheDescriptorOpen) {
  RawSource raw = kNoSource;
  {
    Fd fd = open_any();
    raw = fd.release();
    EXPECT_FALSE(fd);
  }
  EXPECT_TRUE(is_open(raw));
  const Fd closer(raw);
}

}  // namespace
}  // namespace eddy
