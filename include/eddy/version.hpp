// The version of eddy, for the preprocessor. CMake reads it from here.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/platform/compiler.hpp"

#define EDDY_VERSION_MAJOR 0
#define EDDY_VERSION_MINOR 1
#define EDDY_VERSION_PATCH 0

/// The version as one number, which grows with each version: 10203 is 1.2.3.
#define EDDY_VERSION_NUMBER \
  (EDDY_VERSION_MAJOR * 10000 + EDDY_VERSION_MINOR * 100 + EDDY_VERSION_PATCH)
