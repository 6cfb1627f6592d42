// Checks that only debug builds make, because they are not free.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/platform/fatal.hpp"

namespace eddy::detail {

/// True in builds that make the checks. CMake's target `eddy::eddy` sets EDDY_DEBUG_CHECKS for
/// users to what the library was built with, so that both agree.
#ifdef EDDY_DEBUG_CHECKS
inline constexpr bool kDebugChecks = true;
#else
inline constexpr bool kDebugChecks = false;
#endif

}  // namespace eddy::detail

#define EDDY_ASSERT_TEXT_OF_(line) #line
#define EDDY_ASSERT_TEXT_(line) EDDY_ASSERT_TEXT_OF_(line)

/// States an invariant where it is relied on. In builds with EDDY_DEBUG_CHECKS a false `condition`
/// stops the program with its text and place; in others `condition` is not evaluated.
#define EDDY_ASSERT(condition)                                              \
  do {                                                                      \
    if constexpr (::eddy::detail::kDebugChecks) {                           \
      if (!(condition)) {                                                   \
        ::eddy::detail::fatal("broken invariant: " #condition " (" __FILE__ \
                              ":" EDDY_ASSERT_TEXT_(__LINE__) ")");         \
      }                                                                     \
    }                                                                       \
  } while (false)
