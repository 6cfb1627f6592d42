// SPDX-License-Identifier: MIT

#include "eddy/worker/inbox.hpp"

namespace eddy::detail {

bool Inbox::post(Message& message) noexcept {
  const Pushed pushed = messages_.push(message);
  if (pushed == Pushed::to_sleeper) notifier_.notify();
  return pushed != Pushed::refused;
}

void Inbox::retain() noexcept { references_.add(); }

void Inbox::release() noexcept {
  if (references_.remove()) delete this;
}

void Inbox::deliver_all(Worker& worker) noexcept {
  for (Message* message = messages_.take_all(); message != nullptr;) {
    Message* const next = message->next;
    message->deliver(worker);
    message = next;
  }
}

void Inbox::close() noexcept {
  for (Message* message = messages_.close(); message != nullptr;) {
    Message* const next = message->next;
    message->drop();
    message = next;
  }
}

}  // namespace eddy::detail
