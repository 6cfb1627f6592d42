// SPDX-License-Identifier: MIT

#include "platform/bsd/filter_set.hpp"

#include "eddy/platform/sys.hpp"

#include "os.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <new>
#include <span>
#include <utility>

namespace eddy::detail {
namespace {

using Native = struct ::kevent;
static_assert(sizeof(Native::udata) == sizeof(Token));

/// The user event of notifiers. The others are stand-ins.
constexpr std::uintptr_t kNotifierIdent = UINTPTR_MAX;

/// The filters that may be attached to a source.
struct Filter {
  Interest direction;
  int number;  ///< 0: the platform has none
  unsigned note;
};
constexpr std::array<Filter, 3> kFilters{
    {{Interest::readable, EVFILT_READ, 0},
     {Interest::writable, EVFILT_WRITE, 0},
     {Interest::priority, os::kPriorityFilter, os::kPriorityNote}}};

/// A filter that cannot be attached because the other end is gone (EPIPE) reports nothing. So a
/// user event that is triggered at once reports it instead.
std::uintptr_t stand_in_ident(RawSource source, Interest direction) noexcept {
  const bool write = direction == Interest::writable;
  return static_cast<std::uintptr_t>(source) * 2 + (write ? 1 : 0);
}

std::error_code to_error(int number) noexcept {
  // The kernel has no such filter for this kind of source.
  constexpr std::array kNoSuchFilter{EINVAL, ENODEV, EOPNOTSUPP, ENOTSUP};
  const bool refused =
      std::find(kNoSuchFilter.begin(), kNoSuchFilter.end(), number) != kNoSuchFilter.end();
  return sys::error_of(refused ? EPERM : number);
}

/// A list of changes that go to the kernel in one call, and the receipt of each.
class Changes {
 public:
  void push(std::uintptr_t ident, int filter, unsigned action, unsigned note, Token token) {
    Native& native = list_[size_++];
    native = {};
    native.ident = ident;
    native.filter = static_cast<decltype(native.filter)>(filter);
    native.flags = static_cast<decltype(native.flags)>(action | EV_RECEIPT);
    native.fflags = note;
    native.udata = reinterpret_cast<void*>(token);  // NOLINT(performance-no-int-to-ptr)
  }
  void push(RawSource source, const Filter& filter, unsigned action, Token token) {
    push(static_cast<std::uintptr_t>(source), filter.number, action, filter.note, token);
  }
  void push_deletion_of_stand_ins(RawSource source) {
    for (const Interest direction : {Interest::readable, Interest::writable}) {
      push(stand_in_ident(source, direction), EVFILT_USER, EV_DELETE, 0, 0);
    }
  }

  /// Applies all. An interruption comes after the changes, but loses the receipts: so it asks
  /// again.
  Result<> apply(RawSource kqueue) noexcept {
    const auto asked = list_;
    for (;;) {
      const sys::Count count = sys::kqueue_change(kqueue, std::span(list_).first(size_));
      if (count) {
        size_ = *count;
        return {};
      }
      if (!sys::is(count.error(), std::errc::interrupted)) {
        return std::unexpected(count.error());
      }
      list_ = asked;
    }
  }

  bool empty() const noexcept { return size_ == 0; }
  std::span<const Native> receipts() const noexcept { return std::span(list_).first(size_); }

  static int error_of(const Native& receipt) noexcept {
    return (receipt.flags & EV_ERROR) != 0 ? static_cast<int>(receipt.data) : 0;
  }

 private:
  std::array<Native, kFilters.size() + 2> list_{};
  std::size_t size_ = 0;
};

}  // namespace

/// The child of a fork has no queue, and may have something else under its number.
FilterSet::~FilterSet() {
  if (forks_ != sys::fork_count()) static_cast<void>(kqueue_.release());
}

Result<> FilterSet::open() {
  Result<Fd> made = sys::kqueue_create();
  if (!made) return std::unexpected(made.error());
  kqueue_ = std::move(*made);
  forks_ = sys::fork_count();
  // Once, for all notifiers: to add it again would undo a trigger (FreeBSD).
  Changes changes;
  changes.push(kNotifierIdent, EVFILT_USER, EV_ADD | EV_CLEAR, 0, 0);
  if (Result<> applied = changes.apply(kqueue()); !applied) return applied;
  if (const int error = Changes::error_of(changes.receipts().front())) {
    return std::unexpected(to_error(error));
  }
  return {};
}

Result<> FilterSet::add(RawSource source, Watch watch) {
  const Result<bool> file = sys::is_file(source);
  if (!file) return std::unexpected(file.error());
  if (*file) return failure(std::errc::operation_not_permitted);
  const std::lock_guard lock(mutex_);
  if (Entry* found = find(source)) {
    if (is_attached(source, *found)) return failure(std::errc::file_exists);
    static_cast<void>(detach(source, *found));
  }
  const auto i = static_cast<std::size_t>(source);
  try {
    if (i >= entries_.size()) entries_.resize(i + 1);
  } catch (const std::bad_alloc&) {
    return failure(std::errc::not_enough_memory);
  }
  return attach(source, entries_[i], watch);
}

Result<> FilterSet::change(RawSource source, Watch watch) {
  const std::lock_guard lock(mutex_);
  Entry* found = find(source);
  if (found == nullptr) return failure(std::errc::no_such_file_or_directory);
  return attach(source, *found, watch);
}

Result<> FilterSet::remove(RawSource source) {
  const std::lock_guard lock(mutex_);
  Entry* found = find(source);
  if (found == nullptr) return failure(std::errc::no_such_file_or_directory);
  return detach(source, *found);
}

void FilterSet::notify() const noexcept {
  Changes changes;
  changes.push(kNotifierIdent, EVFILT_USER, 0, NOTE_TRIGGER, 0);
  static_cast<void>(changes.apply(kqueue()));
}

Interest FilterSet::direction_of(const Native& event) noexcept {
  if (event.filter == EVFILT_READ) return Interest::readable;
  if (event.filter == EVFILT_WRITE) return Interest::writable;
  if (event.filter != EVFILT_USER) return Interest::priority;
  if (event.ident == kNotifierIdent) return Interest::none;
  return (event.ident & 1) != 0 ? Interest::writable : Interest::readable;
}

FilterSet::Entry* FilterSet::find(RawSource source) noexcept {
  const auto i = static_cast<std::size_t>(source);
  if (i >= entries_.size() || entries_[i].watch.interest.empty()) return nullptr;
  return &entries_[i];
}

/// False if the descriptor was closed without `remove`, so that its number may be another source's.
/// To enable what is enabled, under its own token, changes nothing; at most it fires once more.
bool FilterSet::is_attached(RawSource source, const Entry& entry) const noexcept {
  Changes changes;
  for (const Filter& filter : kFilters) {
    if (filter.number == 0 || !entry.watch.interest.contains(filter.direction)) continue;
    changes.push(source, filter, EV_ENABLE, entry.watch.token);
  }
  if (changes.empty() || !changes.apply(kqueue())) return true;
  const auto receipts = changes.receipts();
  return std::any_of(receipts.begin(), receipts.end(),
                     [](const Native& receipt) { return Changes::error_of(receipt) == 0; });
}

/// Attaches the filters of `watch`, whatever was attached before. If one cannot be attached, none
/// is.
Result<> FilterSet::attach(RawSource source, Entry& entry, Watch watch) {
  Changes changes;
  for (const Filter& filter : kFilters) {
    const bool wanted = watch.interest.contains(filter.direction);
    if (filter.number == 0 || (!wanted && !entry.watch.interest.contains(filter.direction))) {
      continue;
    }
    changes.push(source, filter, wanted ? EV_ADD | EV_CLEAR : EV_DELETE, watch.token);
  }
  if (entry.stands_in) changes.push_deletion_of_stand_ins(source);
  Result<> attached = changes.apply(kqueue());
  entry = Entry{watch, false};
  for (const Native& receipt : changes.receipts()) {
    const int error = Changes::error_of(receipt);
    if (error == 0 || !attached) continue;
    if (error == ENOENT || receipt.filter == os::kPriorityFilter) continue;  // nothing to lose
    if (error == EPIPE) {
      entry.stands_in = true;
      attached = stand_in(source, watch.token, direction_of(receipt));
    } else {
      attached = std::unexpected(to_error(error));
    }
  }
  if (!attached) static_cast<void>(detach(source, entry));
  return attached;
}

Result<> FilterSet::stand_in(RawSource source, Token token, Interest direction) const noexcept {
  const std::uintptr_t ident = stand_in_ident(source, direction);
  Changes changes;
  changes.push(ident, EVFILT_USER, EV_ADD | EV_CLEAR, 0, token);
  changes.push(ident, EVFILT_USER, 0, NOTE_TRIGGER, token);
  return changes.apply(kqueue());
}

Result<> FilterSet::detach(RawSource source, Entry& entry) const noexcept {
  Changes changes;
  for (const Filter& filter : kFilters) {
    if (filter.number == 0 || !entry.watch.interest.contains(filter.direction)) continue;
    changes.push(source, filter, EV_DELETE, 0);
  }
  if (entry.stands_in) changes.push_deletion_of_stand_ins(source);
  entry = Entry{};
  if (Result<> applied = changes.apply(kqueue()); !applied) return applied;
  for (const Native& receipt : changes.receipts()) {
    // ENOENT: it is not attached, as the caller wants.
    const int error = Changes::error_of(receipt);
    if (error != 0 && error != ENOENT) return std::unexpected(to_error(error));
  }
  return {};
}

}  // namespace eddy::detail
