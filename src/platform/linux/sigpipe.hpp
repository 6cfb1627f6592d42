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
/// The kernel raises the signal for the thread itself, and keeps one of a kind for a thread. So a
/// signal that was pending before looks the same as one that the call raises: if `was_pending`, the
/// call must not be made.
class SigpipeHeld {
 public:
  SigpipeHeld() noexcept {
    ::sigemptyset(&sigpipe_);
    ::sigaddset(&sigpipe_, SIGPIPE);
    ::pthread_sigmask(SIG_BLOCK, &sigpipe_, &before_);
    was_blocked_ = ::sigismember(&before_, SIGPIPE) == 1;
    // If the signal was not blocked, none can be pending: no need to ask.
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

  /// True if one was pending already, for this thread or for the process.
  bool was_pending() const noexcept { return was_pending_; }

  /// Takes away the signal that a call has raised, if any. A signal of another sender stays.
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

  /// The kernel's signal names the process itself, or nobody if the kernel had no memory for that.
  static bool is_of_the_kernel(const siginfo_t& info) noexcept {
    return info.si_code == SI_USER && (info.si_pid == 0 || info.si_pid == ::getpid());
  }

  sigset_t sigpipe_{};
  sigset_t before_{};
  bool was_blocked_ = false;
  bool was_pending_ = false;
};

}  // namespace eddy::posix
