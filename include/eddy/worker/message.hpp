// What one thread sends to the loop of another thread.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/platform/export.hpp"

namespace eddy::detail {

class Worker;

/// A message to the loop of a thread, sent by `Inbox::post`. It is a node that its sender owns
/// until the inbox accepts it. Then `deliver` or `drop` is called, once. From the start of that
/// call the message may be destroyed, or posted anew.
class EDDY_EXPORT Message {
 public:
  Message(const Message&) = delete;
  Message& operator=(const Message&) = delete;

  /// **Thread**: that of the inbox, from its loop, while no task runs. Messages of one thread are
  /// delivered in the order of their posts. May wake, abort, spawn and post.
  virtual void deliver(Worker& worker) noexcept = 0;
  /// The thread of the inbox ends before the delivery.
  /// **Thread**: that of the inbox, whose loop has ended. Must not wake, abort or spawn.
  virtual void drop() noexcept = 0;

  Message* next = nullptr;  ///< for the inbox alone

 protected:
  Message() noexcept = default;
  ~Message() = default;
};

}  // namespace eddy::detail
