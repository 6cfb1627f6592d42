// SPDX-License-Identifier: MIT

#include "eddy/version.hpp"

#include <gtest/gtest.h>

#include <string>

namespace eddy {
namespace {

TEST(Version, OfTheHeaderIsThatOfThePackage) {
  EXPECT_EQ(std::to_string(EDDY_VERSION_MAJOR) + "." + std::to_string(EDDY_VERSION_MINOR) + "." +
                std::to_string(EDDY_VERSION_PATCH),
            EDDY_CMAKE_VERSION);
}

TEST(Version, IsANumberThatGrowsWithEachPart) {
  EXPECT_EQ(EDDY_VERSION_NUMBER / 10000, EDDY_VERSION_MAJOR);
  EXPECT_EQ(EDDY_VERSION_NUMBER / 100 % 100, EDDY_VERSION_MINOR);
  EXPECT_EQ(EDDY_VERSION_NUMBER % 100, EDDY_VERSION_PATCH);
}

}  // namespace
}  // namespace eddy
