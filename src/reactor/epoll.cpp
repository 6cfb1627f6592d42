// SPDX-License-Identifier: MIT

#include "eddy/reactor/epoll.hpp"

#include "eddy/platform/clock.hpp"
#include "eddy/platform/fatal.hpp"
#include "eddy/platform/sys.hpp"

#include <algorithm>
#include <array>
#include <span>

#include <sys/epoll.h>

namespace eddy {
namespace {

/// The token of notifiers, which `poll` does not report. The registry never makes this token: it
/// would be slot 2^32 - 1 of generation 2^32 - 1.
constexpr Token kNotifierToken = ~Token{0};

constexpr std::size_t kBatch = 256;

Result<epoll_event> to_native(Token token, Interest interest) {
  if (interest.empty()) return failure(std::errc::invalid_argument);
  std::uint32_t mask = EPOLLET;
  if (interest.contains(Interest::readable)) mask |= EPOLLIN | EPOLLRDHUP;
  if (interest.contains(Interest::writable)) mask |= EPOLLOUT;
  if (interest.contains(Interest::priority)) mask |= EPOLLPRI;
  epoll_event event{};
  event.events = mask;
  event.data.u64 = token;
  return event;
}

inline ReadyEvent from_native(const epoll_event& native) noexcept {
  const std::uint32_t mask = native.events;
  ReadyEvent event;
  event.token = native.data.u64;
  event.readable = (mask & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
  event.writable = (mask & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0;
  event.priority = (mask & EPOLLPRI) != 0;
  event.read_closed = (mask & (EPOLLRDHUP | EPOLLHUP)) != 0;
  event.write_closed = (mask & EPOLLHUP) != 0;
  event.error = (mask & EPOLLERR) != 0;
  return event;
}

/// Waits. After a signal it waits again, for the rest of the timeout.
sys::Count wait(RawSource epoll, std::span<epoll_event> native,
                std::optional<std::chrono::nanoseconds> timeout) {
  const bool bounded = timeout && *timeout > std::chrono::nanoseconds::zero();
  const Instant deadline =
      bounded ? detail::saturating_add(Clock::now(), *timeout) : Instant::max();
  for (;;) {
    const sys::Count count = sys::epoll_wait(epoll, native, timeout);
    if (count || !sys::is(count.error(), std::errc::interrupted)) return count;
    if (bounded) timeout = std::max(deadline - Clock::now(), Duration::zero());
  }
}

/// Waits for at most `room` events, and calls `report` with each, even with those of notifiers.
template <class Report>
sys::Count poll_each(RawSource epoll, std::size_t room,
                     std::optional<std::chrono::nanoseconds> timeout, Report report) {
  std::array<epoll_event, kBatch> native;  // NOLINT(cppcoreguidelines-pro-type-member-init): 3 KiB
  const std::span arrived(native.data(), std::min(kBatch, room));
  const sys::Count count = wait(epoll, arrived, timeout);
  if (count) {
    for (const epoll_event& event : arrived.first(*count)) report(from_native(event));
  }
  return count;
}

}  // namespace

void EpollReactor::Notifier::notify() const noexcept { sys::ring(*bell_); }

Result<EpollReactor> EpollReactor::create() {
  Result<Fd> epoll = sys::epoll_create();
  if (!epoll) return std::unexpected(epoll.error());
  return EpollReactor(std::move(*epoll));
}

void EpollReactor::check_process() const noexcept {
  if (epoll_.is_the_parents()) {
    detail::fatal(
        "the child of a fork uses the reactor of its parent; call rebuild() on it there before "
        "anything else");
  }
}

Result<> EpollReactor::register_source(RawSource source, Token token, Interest interest) const {
  check_process();
  Result<epoll_event> event = to_native(token, interest);
  if (!event) return std::unexpected(event.error());
  return sys::epoll_add(epoll_->raw(), source, *event);
}

Result<> EpollReactor::reregister(RawSource source, Token token, Interest interest) const {
  check_process();
  Result<epoll_event> event = to_native(token, interest);
  if (!event) return std::unexpected(event.error());
  return sys::epoll_modify(epoll_->raw(), source, *event);
}

Result<> EpollReactor::deregister(RawSource source) const {
  if (epoll_.is_the_parents()) return {};  // a child that closes what it has inherited
  return sys::epoll_remove(epoll_->raw(), source);
}

Result<std::size_t> EpollReactor::poll(Events& events,
                                       std::optional<std::chrono::nanoseconds> timeout) const {
  check_process();
  events.clear();
  const sys::Count count =
      poll_each(epoll_->raw(), events.capacity(), timeout, [&](const ReadyEvent& event) {
        if (event.token != kNotifierToken) events.push(event);
      });
  if (!count) return std::unexpected(count.error());
  return events.size();
}

Result<std::size_t> EpollReactor::poll(WakerRegistry& wakers,
                                       std::optional<std::chrono::nanoseconds> timeout) const {
  check_process();
  return poll_each(epoll_->raw(), kBatch, timeout,
                   [&](const ReadyEvent& event) { wakers.wake_token(event); });
}

Result<EpollReactor::Notifier> EpollReactor::create_notifier() const {
  Result<Pipe> bell = sys::create_bell();
  if (!bell) return std::unexpected(bell.error());
  Notifier notifier(std::move(*bell));
  if (const Result<> added = watch(notifier); !added) return std::unexpected(added.error());
  return notifier;
}

Result<EpollReactor> EpollReactor::create_another(const Notifier& notifier) const {
  check_process();
  Result<EpollReactor> another = create();
  if (!another) return another;
  if (const Result<> added = another->watch(notifier); !added) {
    return std::unexpected(added.error());
  }
  return another;
}

/// No ring is lost: a bell that was rung before is reported at once.
Result<> EpollReactor::watch(const Notifier& notifier) const {
  return register_source(notifier.bell_->reader.raw(), kNotifierToken, Interest::readable);
}

}  // namespace eddy
