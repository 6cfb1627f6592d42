// SPDX-License-Identifier: MIT

#include "eddy/reactor/kqueue.hpp"

#include "eddy/platform/clock.hpp"
#include "eddy/platform/sys.hpp"

#include "platform/bsd/filter_set.hpp"

#include <algorithm>
#include <array>
#include <span>
#include <utility>

namespace eddy {
namespace {

using Native = struct ::kevent;

constexpr std::size_t kBatch = 256;

Result<detail::Watch> to_native(Token token, Interest interest) {
  if (interest.empty()) return failure(std::errc::invalid_argument);
  return detail::Watch{token, interest};
}

ReadyEvent from_native(const Native& native) noexcept {
  const Interest direction = detail::FilterSet::direction_of(native);
  const bool writing = direction.contains(Interest::writable);
  // A user event replaces a filter that the kernel refused because the other end is gone.
  const bool ended = (native.flags & EV_EOF) != 0 || native.filter == EVFILT_USER;
  ReadyEvent event;
  event.token = reinterpret_cast<Token>(native.udata);
  event.error = (native.flags & EV_EOF) != 0 && native.fflags != 0;
  event.read_closed = ended && !writing;
  event.write_closed = ended && writing;
  event.readable = direction.contains(Interest::readable) || event.read_closed || event.error;
  event.writable = writing || event.error;
  event.priority = direction.contains(Interest::priority) && !ended;
  return event;
}

/// Waits. After a signal it waits again, for the rest of the timeout; also after a day, where the
/// kernel waits for a day at most.
sys::Count wait(RawSource kqueue, std::span<Native> native,
                std::optional<std::chrono::nanoseconds> timeout) {
  const bool bounded = timeout && *timeout > std::chrono::nanoseconds::zero();
  const Instant deadline =
      bounded ? detail::saturating_add(Clock::now(), *timeout) : Instant::max();
  for (;;) {
    const sys::Count count = sys::kqueue_wait(kqueue, native, timeout);
    if (!count && !sys::is(count.error(), std::errc::interrupted)) return count;
    if (count && (*count != 0 || !bounded)) return count;
    if (bounded) timeout = std::max(deadline - Clock::now(), Duration::zero());
    if (count && *timeout == Duration::zero()) return count;
  }
}

/// Waits for at most `room` events, and calls `report` with each.
template <class Report>
sys::Count poll_each(RawSource kqueue, std::size_t room,
                     std::optional<std::chrono::nanoseconds> timeout, Report report) {
  std::array<Native, kBatch> native;  // NOLINT(cppcoreguidelines-pro-type-member-init): 16 KiB
  const std::span arrived(native.data(), std::min(kBatch, room));
  const sys::Count count = wait(kqueue, arrived, timeout);
  if (!count) return count;
  for (const Native& event : arrived.first(*count)) {
    if (!detail::FilterSet::direction_of(event).empty()) report(from_native(event));
  }
  return count;
}

}  // namespace

void KqueueReactor::Notifier::notify() const noexcept { filters_->notify(); }

Result<KqueueReactor> KqueueReactor::create() {
  auto filters = std::make_shared<detail::FilterSet>();
  if (const Result<> opened = filters->open(); !opened) return std::unexpected(opened.error());
  return KqueueReactor(std::move(filters));
}

Result<> KqueueReactor::register_source(RawSource source, Token token, Interest interest) const {
  const Result<detail::Watch> watch = to_native(token, interest);
  if (!watch) return std::unexpected(watch.error());
  return filters_->add(source, *watch);
}

Result<> KqueueReactor::reregister(RawSource source, Token token, Interest interest) const {
  const Result<detail::Watch> watch = to_native(token, interest);
  if (!watch) return std::unexpected(watch.error());
  return filters_->change(source, *watch);
}

Result<> KqueueReactor::deregister(RawSource source) const { return filters_->remove(source); }

Result<std::size_t> KqueueReactor::poll(Events& events,
                                        std::optional<std::chrono::nanoseconds> timeout) const {
  events.clear();
  const sys::Count count = poll_each(filters_->kqueue(), events.capacity(), timeout,
                                     [&](const ReadyEvent& event) { events.push(event); });
  if (!count) return std::unexpected(count.error());
  return events.size();
}

Result<std::size_t> KqueueReactor::poll(WakerRegistry& wakers,
                                        std::optional<std::chrono::nanoseconds> timeout) const {
  return poll_each(filters_->kqueue(), kBatch, timeout,
                   [&](const ReadyEvent& event) { wakers.wake_token(event); });
}

Result<KqueueReactor::Notifier> KqueueReactor::create_notifier() const {
  return Notifier(filters_);
}

}  // namespace eddy
