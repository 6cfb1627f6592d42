// For MinGW-w64 alone: the order in which a thread ends.
//
// libgcc keeps thread_local variables in memory of its own, and libstdc++ a list of their
// destructors; each hangs on a key of winpthreads, and these are torn down in the order in which
// they were made. Whoever touches a thread_local before the first one with a destructor makes
// libgcc's key first: then the memory is freed before the destructors run in it. So libstdc++'s is
// made here, before anything else runs.
// SPDX-License-Identifier: MIT
#include <cxxabi.h>

/// cmake/EddyLibrary.cmake makes the linker keep it: nobody calls it, so it would be left out.
extern "C" {
// NOLINTBEGIN(readability-identifier-naming): a symbol for the linker
extern const int eddy_mingw_thread_exit;
const int eddy_mingw_thread_exit = 1;
// NOLINTEND(readability-identifier-naming)
}

namespace {

void nothing(void* /*object*/) {}

[[gnu::constructor(101)]] void make_key_of_destructors() {
  abi::__cxa_thread_atexit(nothing, nullptr, nullptr);
}

}  // namespace
