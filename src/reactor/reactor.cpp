// SPDX-License-Identifier: MIT

#include "eddy/reactor/reactor.hpp"

#include "eddy/platform/fatal.hpp"
#include "eddy/reactor/home.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace eddy {

namespace {

/// True if a registration failed because the kernel has no room, not because of the source.
bool is_out_of_room(const std::error_code& error) noexcept {
  return error == std::errc::not_enough_memory || error == std::errc::no_space_on_device;
}

}  // namespace

Result<Reactor> Reactor::create(detail::ReadyQueue& ready) {
  Result<PlatformReactor> backend = PlatformReactor::create();
  if (!backend) return std::unexpected(backend.error());
  return Reactor(std::move(*backend), ready);
}

Result<> Reactor::deregister_with_token(RawSource source, Token token) {
  const std::size_t before = wakers_.size();
  wakers_.remove_token(token);
  const bool is_callers_own = token >> 32 == 0;
  if (wakers_.size() == before && !is_callers_own) {
    return failure(std::errc::no_such_file_or_directory);
  }
  return backend_.deregister(source);
}

Result<> Reactor::register_slot(WakerRegistry::Slot& slot) {
  Result<> added = add(slot);
  if (!added && added.error() == std::errc::file_exists && may_take_over(slot.source)) {
    static_cast<void>(backend_.deregister(slot.source));
    added = add(slot);
  }
  if (added) wakers_.hold(slot);
  return added;
}

Result<> Reactor::add(const WakerRegistry::Slot& slot) const {
  return backend_.register_source(slot.source, WakerRegistry::token_of(slot),
                                  detail::kSourceInterest);
}

/// True if the registration under this number may be replaced: no living slot holds it, or the
/// backend cannot tell whether the slot's source still has this number.
bool Reactor::may_take_over(RawSource source) noexcept {
  if (has_own_tokens_) return false;  // the registration may be a caller's
  return !PlatformReactor::kTellsReuse || wakers_.holder_of(source) == nullptr;
}

void Reactor::deregister_slot(WakerRegistry::Slot& slot) {
  const RawSource source = slot.source;
  wakers_.remove(slot);
  if (source == kNoSource) return;  // the slot was lost: the number is another's
  // The kernel refuses if somebody has closed the descriptor. Then nothing is registered, or only
  // an orphan, which cannot be removed.
  static_cast<void>(backend_.deregister(source));
}

void Reactor::drop_orphans(const PlatformReactor::Notifier& notifier) {
  wakers_.forget_strays();
  if (has_own_tokens_) return;
  std::optional<PlatformReactor> another = create_another_if_needed(backend_, notifier);
  if (!another) return;
  bool complete = true;
  wakers_.for_each([&](WakerRegistry::Slot& slot) {
    if (!complete) return;
    const Token token = WakerRegistry::token_of(slot);
    // Only the old kernel object can tell whether the number is still the source's.
    if (!backend_.reregister(slot.source, token, detail::kSourceInterest)) {
      wakers_.lose(slot);
      return;
    }
    complete = another->register_source(slot.source, token, detail::kSourceInterest).has_value();
  });
  if (complete) backend_ = std::move(*another);
}

Result<std::size_t> Reactor::poll(Events& events, std::optional<std::chrono::nanoseconds> timeout) {
  const Result<std::size_t> count = backend_.poll(events, timeout);
  if (count) {
    for (const ReadyEvent& event : events) wakers_.wake_token(event);
  }
  return count;
}

Result<> Reactor::rebuild() {
  Result<PlatformReactor> fresh = PlatformReactor::create();
  if (!fresh) return std::unexpected(fresh.error());
  backend_ = std::move(*fresh);
  ++rebuild_count_;
  Result<> outcome;
  wakers_.for_each([&](WakerRegistry::Slot& slot) {
    const Result<> added = add(slot);
    if (added) return;
    if (is_out_of_room(added.error())) {
      outcome = added;
    } else {
      wakers_.lose(slot);  // somebody has closed its descriptor
    }
  });
  return outcome;
}

namespace detail {

Reactor& thread_reactor() {
  return thread_home.home != nullptr ? thread_home.home->reactor : make_home().reactor;
}

Reactor* thread_reactor_if_any() noexcept {
  return thread_home.home != nullptr ? &thread_home.home->reactor : nullptr;
}

ReactorBorrow::ReactorBorrow(Kind kind)
    : home_(thread_home.home != nullptr ? thread_home.home : &make_home()), kind_(kind) {
  if (home_->exclusive) {
    fatal("the reactor was borrowed again inside with_reactor_mut; finish that call first");
  }
  if (kind == Kind::exclusive) {
    if (home_->shared != 0) {
      fatal("with_reactor_mut was called inside with_reactor; finish that call first");
    }
    home_->exclusive = true;
  } else {
    ++home_->shared;
  }
}

ReactorBorrow::~ReactorBorrow() {
  if (kind_ == Kind::exclusive) {
    home_->exclusive = false;
  } else {
    --home_->shared;
  }
}

Reactor& ReactorBorrow::operator*() const noexcept { return home_->reactor; }

}  // namespace detail
}  // namespace eddy
