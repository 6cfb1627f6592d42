// What one poll of a reactor reports.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/platform/compiler.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace eddy {

/// A caller's name for a registration; it comes back verbatim in the events of that registration.
using Token = std::uint64_t;

/// Readiness of one source. A hint: the system call that follows may still say "would block".
struct ReadyEvent {
  Token token = 0;
  bool readable = false;      ///< data, a connection, the end of the stream, or an error
  bool writable = false;      ///< room to write, the peer is gone, or an error
  bool priority = false;      ///< out-of-band data has come
  bool read_closed = false;   ///< the peer will send no more; `readable` is set as well
  bool write_closed = false;  ///< nothing can be sent any more; `writable` is set as well
  bool error = false;         ///< an error is pending; both directions are set as well
};

/// A list of events with a fixed room, reused from poll to poll so that polling does not allocate.
class Events {
 public:
  explicit Events(std::size_t capacity) : capacity_(capacity) { events_.reserve(capacity); }

  void clear() noexcept { events_.clear(); }
  void push(const ReadyEvent& event) { events_.push_back(event); }

  std::size_t capacity() const noexcept { return capacity_; }
  std::size_t size() const noexcept { return events_.size(); }
  bool empty() const noexcept { return events_.empty(); }
  const ReadyEvent& operator[](std::size_t i) const noexcept { return events_[i]; }
  auto begin() const noexcept { return events_.begin(); }
  auto end() const noexcept { return events_.end(); }

 private:
  std::size_t capacity_;
  std::vector<ReadyEvent> events_;
};

/// Room for at most `capacity` events a poll; at least one.
inline Events events_with_capacity(std::size_t capacity) {
  return Events(capacity == 0 ? 1 : capacity);
}

}  // namespace eddy
