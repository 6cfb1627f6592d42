// How a thread wakes the tasks of another thread that wait for something both share.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/core/list.hpp"
#include "eddy/core/spin_flag.hpp"
#include "eddy/core/waiter.hpp"
#include "eddy/platform/export.hpp"
#include "eddy/worker/inbox_atomics.hpp"
#include "eddy/worker/message.hpp"

#include <cstdint>

namespace eddy::detail {

class Inbox;

/// The wake of one waiting task, on its way to the thread of that task. It is a member of the
/// operation that the task waits on, so nothing is allocated for it.
struct RemoteWake : ListNode {
  explicit RemoteWake(Unused unused) noexcept  // NOLINT(cppcoreguidelines-pro-type-member-init)
      : ListNode(unused) {}

  Waiter* task;
};

/// The wakes that are on their way to one thread: part of the thread's inbox. One message tells the
/// thread of all wakes that were added before it is delivered. A task that ends before its wake
/// arrives takes the wake back, so no wake outlives its task.
class EDDY_EXPORT RemoteWakes final : public Message {
 public:
  explicit RemoteWakes(Inbox& inbox) noexcept : inbox_(&inbox) {}
  ~RemoteWakes() = default;

  enum class Added : std::uint8_t {
    no,
    yes,        ///< another wake was first, and whoever sent that posts the message
    and_posts,  ///< the caller must post the message by `post_all`, once it holds no flag
  };
  /// Calls `ends()`, and adds `wake` if that returns true. Once this has returned, the task may
  /// have taken the wake back and ended; it cannot before.
  /// **Thread**: any, while the task waits.
  template <class F>
  Added add_if(F ends, RemoteWake& wake) noexcept {
    flag_.lock();
    Added added = Added::no;
    if (ends()) {
      wakes_.push_back(wake);
      added = begin_post();
    }
    flag_.unlock();
    return added;
  }
  /// Posts the message of `first`, and of those that are linked to it by `next`. Their threads may
  /// have ended since `add_if`.
  static void post_all(RemoteWakes* first) noexcept;

  // The rest is for the thread of the tasks only.

  /// `wake` is on its way no more.
  void take_back(RemoteWake& wake) noexcept {
    flag_.lock();
    wake.unlink();
    flag_.unlock();
  }

  void deliver(Worker& worker) noexcept override;
  void drop() noexcept override {}

 private:
  /// The first to add since the last delivery posts, and gets a reference to the inbox for that.
  Added begin_post() noexcept;

  SpinFlag<> flag_;  ///< guards `wakes_`
  PostedOnce<> once_;
  Inbox* inbox_;
  ListNode wakes_;  ///< of `RemoteWake`
};

}  // namespace eddy::detail
