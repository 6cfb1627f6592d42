// The kernel seam with faults: what the fault tests link instead of the library's own.
// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace eddy {
struct WaitSlack;
}  // namespace eddy

namespace fault {

/// The functions of the seam that can fail.
enum class Call : std::uint8_t {
  close,
  set_nonblocking,
  is_nonblocking,
  duplicate,
  create_pipe,
  read,
  write,
  poll_now,
  open_reserve,
  create_stream_socket,
  bind,
  listen,
  accept,
  connect,
  receive,
  peek,
  send,
  receive_vectored,
  send_vectored,
  create_splice_pipe,
  pipe_capacity,
  splice_from_socket,
  splice_to_socket,
  shutdown,
  set_option,
  get_option,
  take_error,
  local_address,
  peer_address,
  install_signal,
  restore_signal,
  create_bell,
  create_bell_reader,
  epoll_create,
  epoll_add,
  epoll_modify,
  epoll_remove,
  epoll_wait,
  map_memory,
  unmap_memory,
  count_,
};

std::string name_of(Call call);

/// An errno, or a transfer of one byte where more was asked for.
class Kind {
 public:
  static Kind error(int number) { return Kind(number); }
  static Kind short_transfer() { return Kind(kShort); }

  bool is_short() const { return error_ == kShort; }
  int error_number() const { return error_; }
  std::string name() const;

 private:
  static constexpr int kShort = -1;
  explicit Kind(int error) : error_(error) {}

  int error_;
};

/// From now on, on this thread, the `index`-th call (from 0) that can meet a fault of this kind
/// meets it.
void arm(std::size_t index, Kind kind);
/// As above, but counts the calls of one function only.
void arm_call(Call call, Kind kind, std::size_t index = 0);
/// Ends the faults. Returns the call that met the fault, if any.
std::optional<Call> disarm();

/// The number of these calls that this thread has made since the last `reset_counts`.
std::size_t count_of(Call call);
/// The number of all calls of this thread that enter the kernel.
std::size_t count_of_all();
/// The number of those calls of `epoll_wait` that let the thread sleep if nothing has happened.
std::size_t count_of_sleeping_waits();
void reset_counts();

/// "Would block" and a short read promise an edge when there is more. Gives that edge now, by
/// registering the source anew if it is registered.
void promise_edge(int source);

/// While one lives, every such call of its thread is refused, as by a sandbox.
class Refused {
 public:
  Refused(Call call, int error_number);
  ~Refused();
  Refused(const Refused&) = delete;
  Refused& operator=(const Refused&) = delete;
};

/// While one lives, the kernel reports this capacity in bytes for each pipe of its thread.
class SmallPipes {
 public:
  explicit SmallPipes(std::size_t capacity);
  ~SmallPipes();
  SmallPipes(const SmallPipes&) = delete;
  SmallPipes& operator=(const SmallPipes&) = delete;
};

/// Raises `signal_number` in this thread as soon as the next handler is installed.
void raise_when_installed(int signal_number);

/// While one lives, only two things move its thread's clock: `pass`, and a wait that finds no
/// event. Such a wait returns at once, and moves the clock by its timeout. So a test measures only
/// what the library does with its time, not what else the machine does.
class ManualClock {
 public:
  ManualClock();
  ~ManualClock();
  ManualClock(const ManualClock&) = delete;
  ManualClock& operator=(const ManualClock&) = delete;

  static void pass(std::chrono::nanoseconds length);
  /// Sets the slack by which the kernel tells a new worker of this thread that it may prolong
  /// waits, and whether it does. Without this call, and with the real clock, the kernel reports no
  /// slack.
  static void set_slack(const eddy::WaitSlack& slack, bool used);
};

}  // namespace fault
