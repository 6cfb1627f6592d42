// What Windows tells about the sockets of this process. See ../descriptors.hpp.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/platform/fd.hpp"
#include "eddy/platform/sys.hpp"

#include "support/windows/windows.hpp"

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdio>
#include <utility>
#include <vector>

namespace eddy::test {

inline bool is_open(RawSource socket) {
  int type = 0;
  int length = sizeof(type);
  return ::getsockopt(socket, SOL_SOCKET, SO_TYPE, reinterpret_cast<char*>(&type), &length) == 0;
}
inline bool is_close_on_exec(RawSource socket) {
  DWORD flags = 0;
  return ::GetHandleInformation(reinterpret_cast<HANDLE>(socket), &flags) != 0 &&
         (flags & HANDLE_FLAG_INHERIT) == 0;
}

/// Windows does not tell. A test whose socket would block hangs here.
inline bool is_nonblocking(RawSource socket) {
  char byte = 0;
  ::recv(socket, &byte, 1, MSG_PEEK);
  return true;
}

inline constexpr bool kFilesAreSources = false;
inline Fd open_null() { return Fd(); }
inline RawSource source_of(std::FILE* file) {
  return static_cast<RawSource>(::_get_osfhandle(::_fileno(file)));
}

/// A reactor is a completion port, which is no source.
inline constexpr bool kReactorsAreDescriptors = false;
/// Counts only sockets, because the system makes other handles at any time. A handle is a multiple
/// of four.
inline std::size_t count_descriptors() {
  std::size_t count = 0;
  for (RawSource handle = 4; handle < 0x8000; handle += 4) count += is_open(handle) ? 1 : 0;
  return count;
}

/// There is no limit.
inline bool can_open(std::size_t) { return true; }

/// For `duplicate_onto`. Made before any test runs, so that its number is a low one; and again
/// after each use, when that number is the lowest that is free.
inline HANDLE placeholder = ::CreateEventW(nullptr, TRUE, FALSE, nullptr);

/// The system may give out the lowest free number, or the one that was freed last. A duplication
/// takes a temporary number first, which must not be `number`.
inline Fd duplicate_onto(RawSource source, RawSource number) {
  if (placeholder != nullptr) ::CloseHandle(placeholder);
  Fd found;
  std::vector<Fd> others;
  while (!found && others.size() < 1000) {
    Fd duplicate = std::move(sys::duplicate(source).value());
    if (duplicate.raw() == number) {
      found = std::move(duplicate);
    } else {
      others.push_back(std::move(duplicate));
    }
  }
  placeholder = ::CreateEventW(nullptr, TRUE, FALSE, nullptr);
  EXPECT_TRUE(found) << "no duplicate got the number " << number;
  return found;
}

/// There is no limit to lower.
class NoDescriptorsLeft {
 public:
  static constexpr bool kPossible = false;
  explicit NoDescriptorsLeft(int /*room*/ = 0) {}
};

}  // namespace eddy::test
