// The sources that a reactor watches, and the filters of a kqueue that are attached to them.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/platform/events.hpp"
#include "eddy/platform/fd.hpp"
#include "eddy/platform/interest.hpp"
#include "eddy/platform/raw_source.hpp"
#include "eddy/platform/result.hpp"

#include <mutex>
#include <vector>

#include <sys/event.h>

namespace eddy::detail {

/// What a source is watched for, and under which token.
struct Watch {
  Token token = 0;
  Interest interest;  ///< none: it is not registered
};

/// The registered sources with their filters. A change is in the kernel when the call returns. To
/// gather changes would save next to nothing, because a source is registered once in its life; and
/// a caller could not be told of an error.
///
/// **Thread**: any.
class FilterSet {
 public:
  FilterSet() = default;
  FilterSet(const FilterSet&) = delete;
  FilterSet& operator=(const FilterSet&) = delete;
  ~FilterSet();

  [[nodiscard]] Result<> open();
  [[nodiscard]] Result<> add(RawSource source, Watch watch);
  [[nodiscard]] Result<> change(RawSource source, Watch watch);
  [[nodiscard]] Result<> remove(RawSource source);
  void notify() const noexcept;

  RawSource kqueue() const noexcept { return kqueue_.raw(); }

  /// The direction that an event is about; none of a notification.
  static Interest direction_of(const struct ::kevent& event) noexcept;

 private:
  struct Entry {
    Watch watch;
    bool stands_in = false;  ///< user events stand in for filters
  };

  Entry* find(RawSource source) noexcept;
  bool is_attached(RawSource source, const Entry& entry) const noexcept;
  [[nodiscard]] Result<> attach(RawSource source, Entry& entry, Watch watch);
  [[nodiscard]] Result<> stand_in(RawSource source, Token token, Interest direction) const noexcept;
  [[nodiscard]] Result<> detach(RawSource source, Entry& entry) const noexcept;

  Fd kqueue_;
  std::uint32_t forks_ = 0;  ///< of the process that opened it
  std::mutex mutex_;
  /// By descriptor, under the lock. To the kernel a second registration would be a change of the
  /// first, and the removal of a source with only some filters an error.
  std::vector<Entry> entries_;
};

}  // namespace eddy::detail
