// SPDX-License-Identifier: MIT

#include "eddy/reactor/io_source.hpp"

#include "eddy/platform/fatal.hpp"
#include "eddy/platform/sys.hpp"
#include "eddy/reactor/home.hpp"
#include "eddy/reactor/reactor.hpp"

#include <new>
#include <string>

namespace eddy {
namespace {

/// What a backend without edges must poll for. It always polls for a reset. The end of the peer's
/// stream is part of reading.
constexpr Interest interest_in(Direction direction) noexcept {
  return direction == Direction::write ? Interest::writable
                                       : Interest::readable | Interest::priority;
}

}  // namespace

IoSource::IoSource(IoSource&& other) noexcept {
  other.check_unwaited();
  fd_ = std::move(other.fd_);
  slot_ = std::exchange(other.slot_, nullptr);
  home_id_ = other.home_id_;
}

IoSource& IoSource::operator=(IoSource&& other) noexcept {
  if (this == &other) return *this;
  other.check_unwaited();
  close();
  fd_ = std::move(other.fd_);
  slot_ = std::exchange(other.slot_, nullptr);
  home_id_ = other.home_id_;
  return *this;
}

void IoSource::close() noexcept {
  deregister();
  fd_.reset();
}

bool IoSource::is_lost() const noexcept {
  // The slot of another home must not be read: that home, and its slots, may be gone.
  return slot_ != nullptr && home_id_ == detail::thread_home.id && slot_->gone();
}

RawSource IoSource::raw() const noexcept { return is_lost() ? kNoSource : fd_.raw(); }

void IoSource::check_user() const noexcept {
  if (slot_ != nullptr) check_thread();
}

Fd IoSource::into_fd() noexcept {
  deregister();
  return std::move(fd_);
}

inline void IoSource::check_thread() const noexcept {
  if (home_id_ != detail::thread_home.id) {
    detail::fatal(
        "a socket was used on another thread than the one that first waited on it; "
        "open, accept or move it there before its first wait, or move its descriptor (into_fd)");
  }
}

sys::Status IoSource::wait(Direction direction, detail::Waiter& waiter) noexcept {
  if (slot_ == nullptr) return wait_for_the_first_time(direction, waiter);
  check_thread();
  if (slot_->gone()) return failure(std::errc::bad_file_descriptor);
  const Reactor& reactor = detail::thread_home.home->reactor;
  if (const Result<> armed = reactor.rearm(fd_.raw(), interest_in(direction)); !armed) return armed;
  slot_->add(waiter, direction);
  return {};
}

sys::Status IoSource::wait_for_the_first_time(Direction direction,
                                              detail::Waiter& waiter) noexcept {
  // A task runs, but in the loop of another copy of eddy, which does not poll this reactor.
  if (waiter.state == detail::Waiter::State::running && detail::thread_home.looping == nullptr) {
    detail::stop_task_of_another_copy();
  }
  if (const Result<> registered = register_with_thread(); !registered) return registered;
  // The registration reports what is ready now, in both directions.
  for (const Direction d : {Direction::read, Direction::write}) {
    WakerRegistry::clear_ready(*slot_, d, WakerRegistry::mark(*slot_, d));
  }
  slot_->add(waiter, direction);
  return {};
}

Result<> IoSource::register_with_thread() noexcept {
  if (is_closed()) return failure(std::errc::operation_canceled);
  Reactor& reactor = detail::thread_reactor();
  detail::Slot* slot = nullptr;
  try {
    slot = &reactor.wakers().insert(fd_.raw());
  } catch (const std::bad_alloc&) {
    return failure(std::errc::not_enough_memory);
  }
  Result<> added = reactor.register_slot(*slot);
  if (!added) {
    reactor.wakers().remove(*slot);
    return added;
  }
  // Only a descriptor that can be watched is checked. A regular file, whose mode does not matter,
  // was refused above.
  if (!is_known_nonblocking()) fd_ = detail::refuse_blocking(std::move(fd_), "an IoSource");
  slot_ = slot;
  home_id_ = detail::thread_home.home->id;
  return {};
}

/// True if a `poll` may replace the wait. If the descriptor may block, it must be registered: that
/// stops the program with a message, or gives an error if the kernel cannot watch the descriptor.
bool IoSource::may_be_asked() const noexcept {
  return slot_ != nullptr || is_known_nonblocking() ||
         sys::is_nonblocking(fd_.raw()).value_or(true);
}

void IoSource::note_shutdown(ShutdownHow how) noexcept {
  if constexpr (NeedsRearm<PlatformReactor>) {
    if (slot_ == nullptr) return;
    check_thread();
    if (slot_->gone()) return;
    ReadyEvent event;
    event.token = WakerRegistry::token_of(*slot_);
    event.readable = true;
    event.writable = true;
    event.read_closed = how != ShutdownHow::write;
    event.write_closed = how != ShutdownHow::read;
    detail::thread_home.home->reactor.wakers().wake_token(event);
  }
}

void IoSource::deregister() noexcept {
  if (slot_ == nullptr) return;
  detail::Slot* slot = std::exchange(slot_, nullptr);
  if (home_id_ != detail::thread_home.id) {
    if (detail::Home::has_ended_here(home_id_)) return;  // its registrations are gone
    detail::fatal("a socket was destroyed on another thread than the one that waited on it");
  }
  const detail::ReactorBorrow borrow(detail::ReactorBorrow::Kind::exclusive);
  if (slot->gone()) static_cast<void>(fd_.release());  // the number is another's
  (*borrow).deregister_slot(*slot);
}

/// Operations that wait, and those that were woken and have not run yet, refer to this object.
void IoSource::check_unwaited() const noexcept {
  if (slot_ == nullptr) return;
  if (home_id_ != detail::thread_home.id && detail::Home::has_ended_here(home_id_)) return;
  check_thread();  // first: the slots of another thread may be gone
  if (slot_->watchers != 0) {
    detail::fatal("a socket was moved while a task waits on it; move it before, or share it");
  }
}

namespace detail {

Fd refuse_blocking(Fd fd, const char* what) noexcept {
  const Result<bool> nonblocking = sys::is_nonblocking(fd.raw());
  if (!nonblocking || *nonblocking) return fd;
  fatal(std::string(what) + " was given the blocking descriptor " + std::to_string(fd.raw()) +
        ", whose calls would stop every task; make it non-blocking first (fcntl with O_NONBLOCK; "
        "a service manager has an option for it: NonBlocking=yes of systemd)");
}

bool ClosedOp::begin_wait(Waiter& waiter) noexcept {
  return begin_wait_of(*this, Direction::closed, waiter);
}

bool ClosedOp::advance(Waiter& waiter) noexcept { return advance_of(*this, waiter); }

Waiting ClosedOp::describe() const noexcept { return {"closed", source_->raw()}; }

bool ReadinessOp::begin_wait(Waiter& waiter) noexcept {
  const sys::Status waiting = source().wait(direction_, waiter);
  if (!waiting && !is_ready_unwatched()) fail(waiting.error());
  return waiting.has_value();
}

/// True if a descriptor that cannot be watched, such as a file, is ready. A lost source is never
/// ready: the kernel would answer for another descriptor.
bool ReadinessOp::is_ready_unwatched() noexcept {
  if (source_->is_lost()) return false;
  return verify_ ? ask_kernel() : source_->is_registered();
}

bool ReadinessOp::advance(Waiter& waiter) noexcept { return advance_of(*this, waiter); }

Waiting ReadinessOp::describe() const noexcept {
  return {direction_ == Direction::read ? "readable" : "writable", source_->raw()};
}

/// Asks the kernel whether the source is ready; the readiness bit may be stale. An error of the
/// question counts as ready: the caller's system call gets the error.
bool ReadinessOp::ask_kernel() noexcept {
  const Interest interest = direction_ == Direction::read ? Interest::readable : Interest::writable;
  const auto ask = [&]() noexcept -> sys::Status {
    for (;;) {
      const Result<Interest> now = sys::poll_now(source_->raw(), interest);
      if (!now && sys::is(now.error(), std::errc::interrupted)) continue;
      if (!now || now->contains(interest)) return {};
      return failure(std::errc::operation_would_block);
    }
  };
  return source().attempt(direction_, ask).has_value();
}

}  // namespace detail
}  // namespace eddy
