// The inbox of a thread: how other threads reach its loop.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/platform/export.hpp"
#include "eddy/reactor/reactor.hpp"
#include "eddy/worker/inbox_atomics.hpp"
#include "eddy/worker/message.hpp"
#include "eddy/worker/remote_wakes.hpp"

#include <utility>

namespace eddy::detail {

/// The messages that other threads have sent to a thread. It counts its references, so it outlives
/// its thread while others may post to it.
class Inbox {
 public:
  explicit Inbox(PlatformReactor::Notifier notifier) noexcept : notifier_(std::move(notifier)) {}
  Inbox(const Inbox&) = delete;
  Inbox& operator=(const Inbox&) = delete;

  /// Sends `message`, and wakes the thread if it is parked. Takes no lock and allocates nothing.
  /// False: the thread has ended, and the message still belongs to the caller.
  /// **Thread**: any, even that of the inbox. The caller must hold a reference to the inbox.
  [[nodiscard]] EDDY_EXPORT bool post(Message& message) noexcept;

  /// The wakes of tasks of this thread that other threads send.
  RemoteWakes& remote_wakes() noexcept { return remote_wakes_; }

  EDDY_EXPORT void retain() noexcept;
  EDDY_EXPORT void release() noexcept;

  // The rest is for the owner of the inbox only.

  /// Call in the child of a fork, before the first `begin_park`: nobody uses the notifier then.
  void replace_notifier(PlatformReactor::Notifier notifier) noexcept {
    notifier_ = std::move(notifier);
  }
  const PlatformReactor::Notifier& notifier() const noexcept { return notifier_; }

  /// The owner may sleep between `begin_park` and `end_park`, if `begin_park` returns true.
  bool begin_park() noexcept { return messages_.begin_park(); }
  void end_park() noexcept { messages_.end_park(); }

  bool empty() const noexcept { return messages_.empty(); }
  /// Delivers the messages that are there now. A message that is posted meanwhile waits for the
  /// next call.
  void deliver_all(Worker& worker) noexcept;
  /// Drops the messages that are there, and refuses later posts.
  void close() noexcept;

 private:
  ~Inbox() = default;

  MessageStack<Message> messages_;
  References<> references_;
  PlatformReactor::Notifier notifier_;
  RemoteWakes remote_wakes_{*this};
};

}  // namespace eddy::detail
