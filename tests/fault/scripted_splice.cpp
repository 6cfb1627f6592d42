// SPDX-License-Identifier: MIT

#include "fault/scripted_splice.hpp"

#include "fault/faulty_sys.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <deque>
#include <utility>

#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

namespace fault {
namespace {

thread_local std::deque<SpliceAnswer> script;
thread_local SpliceEnd scripted_end{};

SpliceEnd end_of(int to) {
  struct stat status{};
  ::fstat(to, &status);
  return S_ISSOCK(status.st_mode) ? SpliceEnd::to_socket : SpliceEnd::from_socket;
}

/// The kernel itself raises the signal, so it is exactly the one that a splice raises.
void raise_as_the_kernel_does() {
  std::array<int, 2> ends{};
  ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data());
  ::close(ends[1]);
  static_cast<void>(::send(ends[0], "x", 1, 0));
  ::close(ends[0]);
}

}  // namespace

ScriptedSplices::ScriptedSplices(SpliceEnd end, std::vector<SpliceAnswer> answers) {
  scripted_end = end;
  script.assign(answers.begin(), answers.end());
}
ScriptedSplices::~ScriptedSplices() { script.clear(); }

std::size_t ScriptedSplices::left() { return script.size(); }

}  // namespace fault

ssize_t scripted_splice(int from, off_t* from_offset, int to, off_t* to_offset, std::size_t most,
                        unsigned flags) {
  using fault::script;
  if (script.empty() || fault::end_of(to) != fault::scripted_end) {
    return ::splice(from, from_offset, to, to_offset, most, flags);
  }
  const fault::SpliceAnswer answer = script.front();
  script.pop_front();
  if (answer.raises) fault::raise_as_the_kernel_does();
  if (answer.and_then != nullptr) answer.and_then();
  if (answer.error != 0) {
    if (answer.error == EAGAIN && fault::scripted_end == fault::SpliceEnd::to_socket) {
      fault::promise_edge(to);
    }
    errno = answer.error;
    return -1;
  }
  if (answer.most == 0) return 0;
  return ::splice(from, from_offset, to, to_offset, std::min(most, answer.most), flags);
}
