// Signals and bells of the seam: console control events, and the signals of the C library.
// SPDX-License-Identifier: MIT
#include "eddy/platform/sys.hpp"

#include "platform/windows/errors.hpp"
#include "platform/windows/windows.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <mutex>
#include <new>
#include <vector>

namespace eddy::sys {
namespace {

using Handler = void (*)(int);

constexpr int kSignalLimit = NSIG;
std::array<std::atomic<SignalCallback>, kSignalLimit> signal_callbacks{};
std::array<Handler, kSignalLimit> previous_handlers{};

/// The C library of Windows knows these, and those of faults; for any other number `signal` may end
/// the program.
bool is_signal(int signal_number) noexcept {
  constexpr std::array<int, 4> kKnown = {SIGINT, SIGABRT, SIGBREAK, SIGTERM};
  return std::find(kKnown.begin(), kKnown.end(), signal_number) != kKnown.end();
}

bool call_back(int signal_number) noexcept {
  const SignalCallback callback = signal_callbacks[static_cast<std::size_t>(signal_number)].load();
  if (callback == nullptr) return false;
  callback(signal_number);
  return true;
}

/// For `raise`, which puts the default back before it calls.
void handle_signal(int signal_number) noexcept {
  const int saved = errno;
  if (call_back(signal_number)) std::signal(signal_number, handle_signal);
  errno = saved;
}

/// For events from outside, on a thread of the system. The system asks it before the C library's
/// handler. That one would put the default back, so a second Ctrl-C could end the program.
BOOL WINAPI handle_console(DWORD event) noexcept {
  switch (event) {
    case CTRL_C_EVENT:
      return call_back(SIGINT) ? TRUE : FALSE;
    case CTRL_BREAK_EVENT:
      return call_back(SIGBREAK) ? TRUE : FALSE;
    default:
      // The window is closed, the user logs off, or the system stops. The process ends as soon as
      // this returns, at the latest in five seconds: the program has that long to end by itself.
      if (!call_back(SIGTERM)) return FALSE;
      ::Sleep(INFINITE);
      return TRUE;
  }
}

/// True if the console's events come here; a program without a console has none.
bool listen_to_console() noexcept {
  // The handler that was added last is asked first. The C library adds its own with the first
  // signal of the console that is set. So a signal is set first, to what it is already.
  if (const Handler now = std::signal(SIGBREAK, SIG_DFL); now != SIG_ERR) {
    std::signal(SIGBREAK, now);
  }
  return ::SetConsoleCtrlHandler(handle_console, TRUE) != 0;
}

/// The readers that a bell was given, each at the end of a pipe.
struct Listener {
  RawSource bell;
  Fd writer;
};

struct Listeners {
  std::mutex mutex;
  std::vector<Listener> all;
};

/// Never destroyed: a signal may come at any time.
Listeners& listeners() {
  static auto* const instance = new Listeners;
  return *instance;
}

bool is_gone(Count sent) noexcept {
  return !sent && !is(sent.error(), std::errc::operation_would_block);
}

}  // namespace

Result<void> install_signal(int signal_number, SignalCallback on_signal) noexcept {
  if (!is_signal(signal_number)) return failure(std::errc::invalid_argument);
  const auto i = static_cast<std::size_t>(signal_number);
  [[maybe_unused]] static const bool listens = listen_to_console();
  const Handler previous = std::signal(signal_number, handle_signal);
  if (previous == SIG_ERR) return failure(std::errc::invalid_argument);
  previous_handlers[i] = previous;
  signal_callbacks[i].store(on_signal);
  return {};
}

Result<void> restore_signal(int signal_number) noexcept {
  if (!is_signal(signal_number)) return failure(std::errc::invalid_argument);
  const auto i = static_cast<std::size_t>(signal_number);
  signal_callbacks[i].store(nullptr);
  // There is no way to ask for a handler but to set another.
  const Handler now = std::signal(signal_number, previous_handlers[i]);
  if (now == SIG_ERR) return failure(std::errc::invalid_argument);
  // One that somebody has installed meanwhile stays.
  if (now != handle_signal) std::signal(signal_number, now);
  return {};
}

Result<Pipe> create_bell() noexcept { return create_pipe(); }

Result<Fd> create_bell_reader(const Pipe& bell) noexcept {
  // A duplicate of the reader would not do: whoever takes a ring out takes it from all readers.
  Result<Pipe> pipe = create_pipe();
  if (!pipe) return std::unexpected(pipe.error());
  try {
    Listeners& known = listeners();
    const std::lock_guard lock(known.mutex);
    known.all.push_back({bell.writer.raw(), std::move(pipe->writer)});
  } catch (const std::bad_alloc&) {
    return failure(std::errc::not_enough_memory);
  }
  return std::move(pipe->reader);
}

void ring(const Pipe& bell) noexcept {
  constexpr std::array<std::byte, 1> kRing{};
  static_cast<void>(send(bell.writer.raw(), kRing));  // a full bell has been rung already
  Listeners& known = listeners();
  const std::lock_guard lock(known.mutex);
  std::erase_if(known.all, [&](const Listener& listener) {
    return listener.bell == bell.writer.raw() && is_gone(send(listener.writer.raw(), kRing));
  });
}

void hush(RawSource bell_reader) noexcept {
  std::array<std::byte, 64> rings;
  while (receive(bell_reader, rings).value_or(0) == rings.size()) {
  }
}

}  // namespace eddy::sys
