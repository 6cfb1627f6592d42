#include "eddy/reactor/reactor.hpp"

#include "eddy/platform/fatal.hpp"

#include "reactor/thread_state.hpp"

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

namespace eddy {

constinit thread_local detail::ThreadState detail::thread_state;

namespace {

using detail::thread_state;

/// Ends the thread's reactor with it. But not if there is an executor still: a task of it has
/// called `exit`, or it was made too late to be ended. All that it uses stays.
struct ReactorEnd {
  ReactorEnd() = default;
  ReactorEnd(const ReactorEnd&) = delete;
  ReactorEnd& operator=(const ReactorEnd&) = delete;
  ~ReactorEnd() {
    if (thread_state.executor) return;
    const std::unique_ptr<Reactor> gone(std::exchange(thread_state.reactor, nullptr));
    thread_state.id = 0;
    thread_state.ended = true;
  }
};

std::atomic<std::uint32_t> last_id{0};

}  // namespace

Result<Reactor> Reactor::create() {
  Result<PlatformReactor> backend = PlatformReactor::create();
  if (!backend) return std::unexpected(backend.error());
  return Reactor(std::move(*backend));
}

Result<> Reactor::deregister_with_token(RawSource source, Token token) {
  wakers_.remove_token(token);
  return backend_.deregister(source);
}

Result<std::size_t> Reactor::poll(Events& events, std::optional<std::chrono::nanoseconds> timeout) {
  const Result<std::size_t> count = backend_.poll(events, timeout);
  if (count) {
    for (const Event& event : events) wakers_.wake_token(event);
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
    const Result<> added = backend_.register_source(slot.source, WakerRegistry::token_of(slot),
                                                    detail::kSourceInterest);
    if (!added) outcome = added;
  });
  return outcome;
}

namespace detail {

Reactor& thread_reactor() {
  if (thread_state.reactor == nullptr) {
    Result<Reactor> made = Reactor::create();
    if (!made) fatal("cannot open the reactor of this thread: " + made.error().message());
    thread_state.reactor = std::make_unique<Reactor>(std::move(*made)).release();
    thread_state.id = ++last_id;
    thread_state.ended = false;
    // One that is made when the thread has ended it already is never ended.
    thread_local const ReactorEnd end;
  }
  return *thread_state.reactor;
}

Reactor* thread_reactor_if_any() noexcept { return thread_state.reactor; }

ReactorBorrow::ReactorBorrow(Kind kind) : reactor_(&thread_reactor()), kind_(kind) {
  if (thread_state.exclusive) {
    fatal("the reactor was borrowed again inside with_reactor_mut; finish that call first");
  }
  if (kind == Kind::exclusive) {
    if (thread_state.shared != 0) {
      fatal("with_reactor_mut was called inside with_reactor; finish that call first");
    }
    thread_state.exclusive = true;
  } else {
    ++thread_state.shared;
  }
}

ReactorBorrow::~ReactorBorrow() {
  if (kind_ == Kind::exclusive) {
    thread_state.exclusive = false;
  } else {
    --thread_state.shared;
  }
}

}  // namespace detail
}  // namespace eddy
