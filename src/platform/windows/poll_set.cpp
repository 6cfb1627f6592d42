// SPDX-License-Identifier: MIT

#include "platform/windows/poll_set.hpp"

#include "eddy/platform/clock.hpp"

#include <array>
#include <new>

namespace eddy::detail {
namespace {

/// Every poll asks for these: the caller must hear of an end, whatever else it waits for.
constexpr std::uint32_t kAlways = sys::kAfdAbort | sys::kAfdLocalClose | sys::kAfdConnectFail;

/// What reading waits for. It is reported, and armed, as one.
constexpr std::uint32_t kReading = sys::kAfdReceive | sys::kAfdAccept | sys::kAfdDisconnect;

/// What is still to be reported after `events` was reported.
std::uint32_t remaining(std::uint32_t wanted, std::uint32_t events) noexcept {
  // After the end of the connection there is nothing to report until somebody asks.
  if ((events & kAlways) != 0) return 0;
  if ((events & kReading) != 0) events |= kReading;
  return wanted & ~events;
}

}  // namespace

PollSet::~PollSet() {
  for (const auto& [raw, source] : sources_) {
    if (source->state == PolledSource::State::polled) {
      sys::cancel_afd_poll(source->group->afd.raw(), source->status);
    }
    if (source->state == PolledSource::State::idle) {
      delete source;
    } else {
      source->removed = true;
    }
  }
  // The kernel owns the others until their completions are here, which is soon. If a completion
  // never came, its memory would leak, but not be freed too early.
  const Instant give_up = saturating_add(Clock::now(), std::chrono::seconds(5));
  while (polls_under_way_ != 0 && Clock::now() < give_up) {
    std::array<OVERLAPPED_ENTRY, 64> entries;
    const Result<std::size_t> count = port_->wait(entries, std::chrono::milliseconds(100));
    if (!count) return;
    for (const OVERLAPPED_ENTRY& entry : std::span(entries).first(*count)) {
      if (entry.lpCompletionKey != static_cast<ULONG_PTR>(sys::PortKey::afd)) continue;
      delete reinterpret_cast<PolledSource*>(entry.lpOverlapped);
      --polls_under_way_;
    }
  }
}

Result<> PollSet::add(RawSource source, Watch watch) {
  const Result<RawSource> base = sys::base_socket(source);
  if (!base) return std::unexpected(base.error());
  const std::lock_guard lock(mutex_);
  if (sources_.contains(source)) return failure(std::errc::file_exists);
  try {
    const Result<AfdGroup*> group = join_group();
    if (!group) return std::unexpected(group.error());
    auto added = std::make_unique<PolledSource>();
    if (updates_.capacity() <= sources_.size()) updates_.reserve(2 * sources_.size() + 16);
    sources_.emplace(source, added.get());
    PolledSource& entry = *added.release();
    entry.group = *group;
    entry.source = source;
    entry.base = *base;
    entry.token = watch.token;
    entry.interest = watch.events;
    entry.wanted = watch.events;
    if (++entry.group->sources == AfdGroup::kMostSources) groups_with_room_.pop_back();
    return enqueue(entry);
  } catch (const std::bad_alloc&) {
    return failure(std::errc::not_enough_memory);
  }
}

Result<> PollSet::change(RawSource source, Watch watch) {
  const std::lock_guard lock(mutex_);
  const auto found = sources_.find(source);
  if (found == sources_.end()) return failure(std::errc::no_such_file_or_directory);
  PolledSource& entry = *found->second;
  entry.token = watch.token;
  entry.interest = watch.events;
  entry.wanted = watch.events;
  return enqueue(entry);
}

Result<> PollSet::arm(RawSource source, std::uint32_t events) {
  const std::lock_guard lock(mutex_);
  const auto found = sources_.find(source);
  if (found == sources_.end()) return failure(std::errc::no_such_file_or_directory);
  PolledSource& entry = *found->second;
  const std::uint32_t wanted = entry.wanted | (entry.interest & events);
  if (wanted == entry.wanted) return {};
  entry.wanted = wanted;
  return enqueue(entry);
}

Result<> PollSet::remove(RawSource source) {
  const std::lock_guard lock(mutex_);
  const auto found = sources_.find(source);
  if (found == sources_.end()) return failure(std::errc::no_such_file_or_directory);
  PolledSource& entry = *found->second;
  sources_.erase(found);
  if (entry.state == PolledSource::State::polled) {
    sys::cancel_afd_poll(entry.group->afd.raw(), entry.status);
    entry.state = PolledSource::State::cancelled;
  }
  forget(entry);
  return {};
}

Result<> PollSet::begin_wait() {
  const std::lock_guard lock(mutex_);
  Result<> updated = update_all();
  waiting_ = updated.has_value();
  return updated;
}

Result<> PollSet::enqueue(PolledSource& source) {
  if (source.place == PolledSource::kNotQueued) {
    source.place = updates_.size();
    updates_.push_back(&source);  // there is room for every source
  }
  return waiting_ ? update_all() : Result<>();
}

Result<> PollSet::update_all() {
  Result<> outcome;
  std::size_t done = 0;
  for (; done < updates_.size(); ++done) {
    outcome = update(*updates_[done]);
    if (!outcome) break;
    updates_[done]->place = PolledSource::kNotQueued;
  }
  updates_.erase(updates_.begin(), updates_.begin() + static_cast<std::ptrdiff_t>(done));
  for (std::size_t i = 0; i < updates_.size(); ++i) updates_[i]->place = i;
  return outcome;
}

Result<> PollSet::update(PolledSource& source) {
  if (source.state == PolledSource::State::cancelled) return {};  // its completion comes back here
  if (source.state == PolledSource::State::polled) {
    // A poll cannot be changed. One that asks for more than is wanted does no harm.
    if ((source.wanted & ~source.asked) != 0) {
      sys::cancel_afd_poll(source.group->afd.raw(), source.status);
      source.state = PolledSource::State::cancelled;
    }
    return {};
  }
  if (source.wanted == 0) return {};
  const std::uint32_t events = source.wanted | kAlways;
  const Result<> started = sys::start_afd_poll(source.group->afd.raw(), source.base, events,
                                               source.poll, source.status, &source);
  if (started) {
    source.asked = events;
    source.state = PolledSource::State::polled;
    ++polls_under_way_;
    return {};
  }
  if (started.error() == std::errc::bad_file_descriptor) return {};  // closed: nothing to report
  return started;
}

/// What the completion of a poll tells the caller; nothing if its cancellation ended it.
Found PollSet::complete(PolledSource& source) {
  source.state = PolledSource::State::idle;
  --polls_under_way_;
  if (source.removed) {
    forget(source);
    return {};
  }
  std::uint32_t events = 0;
  if (source.status.Status >= 0 && source.poll.count != 0) {
    events = source.poll.events & (source.wanted | kAlways);
  } else if (source.status.Status < 0 && source.status.Status != sys::kStatusCancelled) {
    events = sys::kAfdAbort;  // the driver refuses the socket; to ask again would spin
  }
  if ((events & sys::kAfdLocalClose) != 0) {
    sources_.erase(source.source);
    forget(source);
    return {};
  }
  source.wanted = remaining(source.wanted, events);
  if (source.wanted != 0) static_cast<void>(enqueue(source));
  const bool ended = (events & sys::kAfdDisconnect) != 0;
  return {source.token, events, ended && sys::is_shut_for_writing(source.source)};
}

void PollSet::forget(PolledSource& source) {
  source.removed = true;
  if (source.place != PolledSource::kNotQueued) {
    updates_[source.place] = updates_.back();
    updates_[source.place]->place = source.place;
    updates_.pop_back();
    source.place = PolledSource::kNotQueued;
  }
  if (source.state != PolledSource::State::idle) return;
  if (source.group->sources-- == AfdGroup::kMostSources) groups_with_room_.push_back(source.group);
  delete &source;
}

Result<AfdGroup*> PollSet::join_group() {
  if (groups_with_room_.empty()) {
    Result<sys::Handle> afd =
        sys::open_afd(port_->raw(), static_cast<std::uintptr_t>(sys::PortKey::afd));
    if (!afd) return std::unexpected(afd.error());
    groups_.push_back(std::make_unique<AfdGroup>());
    groups_.back()->afd = std::move(*afd);
    groups_with_room_.reserve(groups_.size());
    groups_with_room_.push_back(groups_.back().get());
  }
  return groups_with_room_.back();
}

}  // namespace eddy::detail
