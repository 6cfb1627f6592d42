// SPDX-License-Identifier: MIT

#include "eddy/reactor/home.hpp"

#include "eddy/platform/fatal.hpp"

#include <mutex>
#include <utility>

namespace eddy::detail {
namespace {

/// All living homes, and the last id. Never destroyed: a worker may end after the static objects.
struct Homes {
  std::mutex mutex;
  Home* first = nullptr;
  std::uint32_t last_id = 0;
};

Homes& homes() {
  static auto* const all = new Homes;
  return *all;
}

std::uint32_t next_id() {
  const std::lock_guard lock(homes().mutex);
  return ++homes().last_id;
}

Reactor make_reactor(ReadyQueue& ready) {
  Result<Reactor> made = Reactor::create(ready);
  if (!made) fatal("cannot open the reactor of this thread: " + made.error().message());
  return std::move(*made);
}

}  // namespace

constinit thread_local ThreadHome thread_home;

Home::Home() : reactor(make_reactor(ready)), id(next_id()) {
  const std::lock_guard lock(homes().mutex);
  next_ = std::exchange(homes().first, this);
}

Home::~Home() {
  thread_home.one_has_ended = true;
  const std::lock_guard lock(homes().mutex);
  Home** link = &homes().first;
  while (*link != this) link = &(*link)->next_;
  *link = next_;
}

bool Home::has_ended_here(std::uint32_t id) noexcept {
  if (!thread_home.one_has_ended) return false;
  const std::lock_guard lock(homes().mutex);
  const Home* home = homes().first;
  while (home != nullptr && home->id != id) home = home->next_;
  return home == nullptr;
}

}  // namespace eddy::detail
