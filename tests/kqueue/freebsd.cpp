// Linked into the tests that run with FreeBSD's side of the seam.
// SPDX-License-Identifier: MIT
#include "kqueue/kqueue.hpp"

namespace {

[[maybe_unused]] const bool kHasAccept4 = eddy::test::kqueue_has_accept4 = true;

}  // namespace
