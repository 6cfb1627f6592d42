// Keeps the SIGPIPE that a splice raises from the program: splice(2) has no MSG_NOSIGNAL.
// SPDX-License-Identifier: MIT
#pragma once

#include <cerrno>
#include <csignal>
#include <cstddef>
#include <ctime>

#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace eddy::posix {

/// While it lives, a SIGPIPE of this thread is held back.
///
/// The kernel raises one for the thread itself, and keeps one at most of a kind for a thread. One
/// that was pending before and one that the call raises could therefore not be told apart: who
/// finds `was_pending` must not make the call.
class SigpipeHeld {
 public:
  SigpipeHeld() noexcept {
    ::sigemptyset(&sigpipe_);
    ::sigaddset(&sigpipe_, SIGPIPE);
    ::pthread_sigmask(SIG_BLOCK, &sigpipe_, &before_);
    was_blocked_ = ::sigismember(&before_, SIGPIPE) == 1;
    // One that was not blocked was delivered before this: no need to ask.
    if (!was_blocked_) return;
    sigset_t pending{};
    ::sigpending(&pending);
    was_pending_ = ::sigismember(&pending, SIGPIPE) == 1;
  }
  SigpipeHeld(const SigpipeHeld&) = delete;
  SigpipeHeld& operator=(const SigpipeHeld&) = delete;
  ~SigpipeHeld() {
    if (!was_blocked_) ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }

  /// True if the program had one already, for this thread or for the process.
  bool was_pending() const noexcept { return was_pending_; }

  /// Takes away the one that a call has raised, if it has; one of another sender stays.
  void take_back() const noexcept {
    siginfo_t info{};
    const timespec at_once{};
    long taken = 0;
    do {
      // Not by sigtimedwait(3), which makes SI_USER of the code that tells the two apart.
      taken = ::syscall(SYS_rt_sigtimedwait, &sigpipe_, &info, &at_once, kSetSize);
    } while (taken < 0 && errno == EINTR);
    if (taken != SIGPIPE || is_of_the_kernel(info)) return;
    ::syscall(SYS_rt_tgsigqueueinfo, ::getpid(), ::gettid(), SIGPIPE, &info);
  }

 private:
  static constexpr std::size_t kSetSize = (_NSIG - 1) / 8;  ///< of the kernel's sigset_t, in bytes

  /// What the kernel raises names the process itself; or nobody, if it had no memory for a name.
  static bool is_of_the_kernel(const siginfo_t& info) noexcept {
    return info.si_code == SI_USER && (info.si_pid == 0 || info.si_pid == ::getpid());
  }

  sigset_t sigpipe_{};
  sigset_t before_{};
  bool was_blocked_ = false;
  bool was_pending_ = false;
};

}  // namespace eddy::posix
