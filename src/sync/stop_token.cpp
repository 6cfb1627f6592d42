// SPDX-License-Identifier: MIT

#include "eddy/sync/stop_token.hpp"

#include <mutex>

namespace eddy {

namespace detail {

bool StopState::request() noexcept {
  if (requested_.exchange(true, std::memory_order_acq_rel)) return false;
  event_.set();
  std::unique_lock held(flag_);
  while (parts_.linked()) {
    auto& part = static_cast<StopPart&>(*parts_.next);
    part.unlink();
    std::shared_ptr<StopState> state = part.state;
    held.unlock();
    state->request();
    state.reset();
    held.lock();
  }
  StopPeer* const peer = peer_.get();
  held.unlock();
  if (peer != nullptr) peer->request();
  return true;
}

void StopState::add(StopPart& part) noexcept {
  {
    const std::lock_guard held(flag_);
    // If a request comes after this look, it finds the part in the list.
    if (!requested()) return parts_.push_back(part);
  }
  part.state->request();
}

void StopState::remove(StopPart& part) noexcept {
  const std::lock_guard held(flag_);
  part.unlink();
}

StopPeer& StopState::peer(std::unique_ptr<StopPeer> (*make)()) {
  std::unique_lock held(flag_);
  if (peer_ == nullptr) {
    held.unlock();
    std::unique_ptr<StopPeer> made = make();  // allocates
    held.lock();
    if (peer_ == nullptr) peer_ = std::move(made);
    held.unlock();  // before what was made in vain goes
  } else {
    held.unlock();
  }
  // If a request comes after this look, it finds the peer.
  if (requested()) peer_->request();
  return *peer_;
}

}  // namespace detail

bool StopToken::StoppedOp::advance(detail::Waiter& waiter) noexcept {
  return wait_.has_value() && wait_->advance(waiter);
}

void StopToken::StoppedOp::abandon() noexcept {
  if (wait_.has_value()) wait_->abandon();
}

StopSource::StopSource() { part_.state = std::make_shared<detail::StopState>(); }

StopSource::StopSource(const StopToken& whole) : StopSource() {
  whole_ = whole.state_;
  if (whole_ != nullptr) whole_->add(part_);
}

StopSource::~StopSource() {
  if (whole_ != nullptr) whole_->remove(part_);
}

}  // namespace eddy
