// The sockets that a reactor watches, and the one AFD poll that each may have.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/platform/events.hpp"
#include "eddy/platform/raw_source.hpp"
#include "eddy/platform/result.hpp"

#include "platform/windows/afd.hpp"
#include "platform/windows/port.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <unordered_map>
#include <vector>

namespace eddy::detail {

/// A handle of the driver, shared by few sockets: the driver searches its polls one by one.
struct AfdGroup {
  static constexpr std::size_t kMostSources = 32;

  sys::Handle afd;
  std::size_t sources = 0;
};

/// A socket that is registered, or was. Freed when it is neither in the set nor polled.
struct PolledSource {
  enum class State : std::uint8_t {
    idle,       ///< no poll
    polled,     ///< the kernel owns `poll` and `status` until the completion comes
    cancelled,  ///< as `polled`, and its cancellation was asked for
  };

  static constexpr std::size_t kNotQueued = SIZE_MAX;

  sys::AfdPoll poll{};
  IO_STATUS_BLOCK status{};
  AfdGroup* group = nullptr;
  RawSource source = kNoSource;
  RawSource base = kNoSource;
  Token token = 0;
  std::uint32_t interest = 0;  ///< what the caller registered for
  std::uint32_t wanted = 0;    ///< the part of it not reported since it was last armed
  std::uint32_t asked = 0;     ///< what the poll under way asks for
  State state = State::idle;
  std::size_t place = kNotQueued;  ///< in the list of sockets whose poll is out of date
  bool removed = false;            ///< deregistered; only its completion is still to come
};

/// What a source is watched for, in the words of the driver.
struct Watch {
  Token token;
  std::uint32_t events;
};

/// What a poll found.
struct Found {
  Token token = 0;
  std::uint32_t events = 0;
  bool write_shut = false;  ///< both sides have ended their streams
};

/// The registered sockets with their polls. Changes are gathered, and go to the kernel before the
/// wait, or at once if another thread waits already.
///
/// **Thread**: any; only one may wait at a time.
class PollSet {
 public:
  explicit PollSet(std::shared_ptr<sys::CompletionPort> port) noexcept : port_(std::move(port)) {}
  PollSet(const PollSet&) = delete;
  PollSet& operator=(const PollSet&) = delete;
  ~PollSet();

  [[nodiscard]] Result<> add(RawSource source, Watch watch);
  [[nodiscard]] Result<> change(RawSource source, Watch watch);
  [[nodiscard]] Result<> arm(RawSource source, std::uint32_t events);
  [[nodiscard]] Result<> remove(RawSource source);

  /// Starts and cancels polls as the changes ask. From then on changes go to the kernel at once.
  [[nodiscard]] Result<> begin_wait();
  /// Takes note of the completions, and calls `report(found)` for each source that has something.
  template <class Report>
  void end_wait(std::span<const OVERLAPPED_ENTRY> arrived, Report report) {
    const std::lock_guard lock(mutex_);
    waiting_ = false;
    for (const OVERLAPPED_ENTRY& entry : arrived) {
      if (entry.lpCompletionKey != static_cast<ULONG_PTR>(sys::PortKey::afd)) continue;
      const Found found = complete(*reinterpret_cast<PolledSource*>(entry.lpOverlapped));
      if (found.events != 0) report(found);
    }
  }

  const std::shared_ptr<sys::CompletionPort>& port() const noexcept { return port_; }

 private:
  [[nodiscard]] Result<> enqueue(PolledSource& source);
  [[nodiscard]] Result<> update_all();
  [[nodiscard]] Result<> update(PolledSource& source);
  Found complete(PolledSource& source);
  void forget(PolledSource& source);
  [[nodiscard]] Result<AfdGroup*> join_group();

  std::shared_ptr<sys::CompletionPort> port_;
  std::mutex mutex_;  ///< guards all below
  std::unordered_map<RawSource, PolledSource*> sources_;
  std::vector<PolledSource*> updates_;
  std::vector<std::unique_ptr<AfdGroup>> groups_;
  std::vector<AfdGroup*> groups_with_room_;
  std::size_t polls_under_way_ = 0;
  bool waiting_ = false;
};

}  // namespace eddy::detail
