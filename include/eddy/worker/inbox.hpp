// How other threads reach the loop of a thread: its inbox.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/platform/export.hpp"
#include "eddy/reactor/reactor.hpp"
#include "eddy/worker/inbox_atomics.hpp"
#include "eddy/worker/message.hpp"

#include <utility>

namespace eddy::detail {

/// The messages that other threads have sent to a thread. Counted, so that it outlives its thread
/// while others may post to it.
class Inbox {
 public:
  explicit Inbox(PlatformReactor::Notifier notifier) noexcept : notifier_(std::move(notifier)) {}
  Inbox(const Inbox&) = delete;
  Inbox& operator=(const Inbox&) = delete;

  /// Sends `message`, and wakes the thread if it sleeps. Takes no lock and allocates nothing.
  /// False: the thread has ended, and the message still belongs to the caller.
  /// **Thread**: any, that of the inbox too, while the caller holds a reference to the inbox.
  [[nodiscard]] EDDY_EXPORT bool post(Message& message) noexcept;

  EDDY_EXPORT void retain() noexcept;
  EDDY_EXPORT void release() noexcept;

  // All below: for the owner.

  /// Before the first `begin_park` in the child of a fork: no one notifies yet.
  void replace_notifier(PlatformReactor::Notifier notifier) noexcept {
    notifier_ = std::move(notifier);
  }
  const PlatformReactor::Notifier& notifier() const noexcept { return notifier_; }

  /// Between these two the owner may sleep: `begin_park` says whether it should.
  bool begin_park() noexcept { return messages_.begin_park(); }
  void end_park() noexcept { messages_.end_park(); }

  bool empty() const noexcept { return messages_.empty(); }
  /// Delivers what is there now; what is posted meanwhile comes at the next call.
  void deliver_all(Worker& worker) noexcept;
  /// Drops what is there; from now on posts are refused.
  void close() noexcept;

 private:
  ~Inbox() = default;

  MessageStack<Message> messages_;
  References<> references_;
  PlatformReactor::Notifier notifier_;
};

}  // namespace eddy::detail
