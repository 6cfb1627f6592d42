// A splice(2) with the results that a test wants, below the library's own seam.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <vector>

#include <fcntl.h>
#include <sys/types.h>

namespace fault {

/// The kernel's answer to one splice.
struct SpliceAnswer {
  std::size_t most = 0;          ///< moves so much, if there is no error
  int error = 0;                 ///< an errno
  bool raises = false;           ///< SIGPIPE, as the kernel does
  void (*and_then)() = nullptr;  ///< what somebody else does meanwhile
};

/// The direction of the splices that are scripted.
enum class SpliceEnd : bool { from_socket, to_socket };

/// While one lives, the next splices of its thread in one direction get these answers, in order.
/// Later splices are real.
class ScriptedSplices {
 public:
  ScriptedSplices(SpliceEnd end, std::vector<SpliceAnswer> answers);
  ~ScriptedSplices();
  ScriptedSplices(const ScriptedSplices&) = delete;
  ScriptedSplices& operator=(const ScriptedSplices&) = delete;

  /// The number of answers that no splice has got yet.
  static std::size_t left();
};

}  // namespace fault

/// The function that the library's seam calls instead of splice(2).
ssize_t scripted_splice(int from, off_t* from_offset, int to, off_t* to_offset, std::size_t most,
                        unsigned flags);
