// SPDX-License-Identifier: MIT

#include "eddy/reactor/iocp.hpp"

#include "eddy/platform/clock.hpp"
#include "eddy/platform/sys.hpp"

#include "platform/windows/errors.hpp"
#include "platform/windows/poll_set.hpp"

#include <algorithm>
#include <array>
#include <new>
#include <span>

namespace eddy {
namespace {

constexpr std::size_t kBatch = 256;

std::uint32_t to_mask(Interest interest) noexcept {
  std::uint32_t mask = 0;
  if (interest.contains(Interest::readable)) {
    mask |= sys::kAfdReceive | sys::kAfdAccept | sys::kAfdDisconnect;
  }
  if (interest.contains(Interest::writable)) mask |= sys::kAfdSend;
  if (interest.contains(Interest::priority)) mask |= sys::kAfdReceiveExpedited;
  return mask;
}

Result<detail::Watch> to_native(Token token, Interest interest) {
  if (interest.empty()) return failure(std::errc::invalid_argument);
  return detail::Watch{token, to_mask(interest)};
}

ReadyEvent from_native(const detail::Found& native) noexcept {
  const std::uint32_t mask = native.events;
  ReadyEvent event;
  event.token = native.token;
  event.error = (mask & (sys::kAfdAbort | sys::kAfdConnectFail)) != 0;
  event.read_closed = event.error || (mask & sys::kAfdDisconnect) != 0;
  event.write_closed = event.error || native.write_shut;
  event.readable =
      (mask & (sys::kAfdReceive | sys::kAfdAccept)) != 0 || event.read_closed || event.error;
  event.writable = (mask & sys::kAfdSend) != 0 || event.write_closed || event.error;
  event.priority = (mask & sys::kAfdReceiveExpedited) != 0;
  return event;
}

bool has_notification(std::span<const OVERLAPPED_ENTRY> arrived) noexcept {
  return std::any_of(arrived.begin(), arrived.end(), [](const OVERLAPPED_ENTRY& entry) {
    return entry.lpCompletionKey == static_cast<ULONG_PTR>(sys::PortKey::notification);
  });
}

/// Waits for at most `most` events, calls `report` with each, and returns their number.
template <class Report>
Result<std::size_t> poll_each(detail::PollSet& polls, std::size_t most,
                              std::optional<std::chrono::nanoseconds> timeout, Report report) {
  const bool bounded = timeout && *timeout > std::chrono::nanoseconds::zero();
  const Instant deadline =
      bounded ? detail::saturating_add(Clock::now(), *timeout) : Instant::max();
  std::array<OVERLAPPED_ENTRY, kBatch> native;  // NOLINT(cppcoreguidelines-pro-type-member-init)
  const std::span room(native.data(), std::min(kBatch, most));
  sys::CompletionPort& port = *polls.port();
  for (;;) {
    if (const Result<> begun = polls.begin_wait(); !begun) {
      return std::unexpected(begun.error());
    }
    const Result<std::size_t> count = port.wait(room, timeout);
    const auto arrived = std::span<const OVERLAPPED_ENTRY>(room).first(count.value_or(0));
    std::size_t reported = 0;
    polls.end_wait(arrived, [&](const detail::Found& found) {
      report(from_native(found));
      ++reported;
    });
    if (!count) return std::unexpected(count.error());
    const bool notified = has_notification(arrived);
    if (notified) port.accept_notification();
    if (notified || reported != 0) return reported;
    // Nothing came, or only the ends of cancelled polls, after which other polls may start.
    if (bounded) timeout = std::max(deadline - Clock::now(), Duration::zero());
    if (arrived.empty() && timeout && *timeout <= Duration::zero()) return 0;
  }
}

}  // namespace

void IocpReactor::Notifier::notify() const noexcept { port_->notify(); }

IocpReactor::IocpReactor(std::unique_ptr<detail::PollSet> polls) noexcept
    : polls_(std::move(polls)) {}
IocpReactor::IocpReactor(IocpReactor&&) noexcept = default;
IocpReactor& IocpReactor::operator=(IocpReactor&&) noexcept = default;
IocpReactor::~IocpReactor() = default;

Result<IocpReactor> IocpReactor::create() {
  if (const Result<> started = sys::start_winsock(); !started) {
    return std::unexpected(started.error());
  }
  auto port = std::make_shared<sys::CompletionPort>();
  if (const Result<> opened = port->open(); !opened) return std::unexpected(opened.error());
  return IocpReactor(std::make_unique<detail::PollSet>(std::move(port)));
}

Result<> IocpReactor::register_source(RawSource source, Token token, Interest interest) const {
  const Result<detail::Watch> watch = to_native(token, interest);
  if (!watch) return std::unexpected(watch.error());
  return polls_->add(source, *watch);
}

Result<> IocpReactor::reregister(RawSource source, Token token, Interest interest) const {
  const Result<detail::Watch> watch = to_native(token, interest);
  if (!watch) return std::unexpected(watch.error());
  return polls_->change(source, *watch);
}

Result<> IocpReactor::rearm(RawSource source, Interest blocked) const {
  return polls_->arm(source, to_mask(blocked));
}

Result<> IocpReactor::deregister(RawSource source) const { return polls_->remove(source); }

Result<std::size_t> IocpReactor::poll(Events& events,
                                      std::optional<std::chrono::nanoseconds> timeout) const {
  events.clear();
  return poll_each(*polls_, events.capacity(), timeout,
                   [&](const ReadyEvent& event) { events.push(event); });
}

Result<std::size_t> IocpReactor::poll(WakerRegistry& wakers,
                                      std::optional<std::chrono::nanoseconds> timeout) const {
  return poll_each(*polls_, kBatch, timeout,
                   [&](const ReadyEvent& event) { wakers.wake_token(event); });
}

Result<IocpReactor::Notifier> IocpReactor::create_notifier() const {
  return Notifier(polls_->port());
}

}  // namespace eddy
