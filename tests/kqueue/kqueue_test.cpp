// Tests the kqueue of kqueue.cpp against the manual page. Quotations are from kqueue(2) of FreeBSD
// 12.2 (in Debian: freebsd-manpages).
// SPDX-License-Identifier: MIT
#include "kqueue/kqueue.hpp"

#include "eddy/platform/sys.hpp"

#include "support/interrupt_storm.hpp"
#include "support/sockets.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <span>
#include <thread>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/event.h>
#include <sys/wait.h>
#include <unistd.h>

namespace eddy {
namespace {

using namespace std::chrono_literals;
using std::chrono::steady_clock;
using Native = struct ::kevent;

constexpr uintptr_t kUser = 1;

Native change_of(uintptr_t ident, int filter, int flags, unsigned fflags = 0, uintptr_t udata = 0) {
  Native native{};
  native.ident = ident;
  native.filter = static_cast<short>(filter);
  native.flags = static_cast<unsigned short>(flags);
  native.fflags = fflags;
  native.udata = reinterpret_cast<void*>(udata);
  return native;
}

Native change_of(const Fd& fd, int filter, int flags, uintptr_t udata = 0) {
  return change_of(static_cast<uintptr_t>(fd.raw()), filter, flags, 0, udata);
}

timespec in(std::chrono::nanoseconds time) {
  return {static_cast<time_t>(time / 1s), static_cast<long>((time % 1s).count())};
}

class Kqueue : public testing::Test {
 protected:
  /// Returns the result of kevent, and resizes the list to it.
  int call(std::vector<Native>& changes, std::vector<Native>& events,
           std::chrono::nanoseconds timeout = 0ns) {
    const timespec spec = in(timeout);
    const int n = ::kevent(queue_.raw(), changes.data(), static_cast<int>(changes.size()),
                           events.data(), static_cast<int>(events.size()), &spec);
    events.resize(n < 0 ? 0 : static_cast<std::size_t>(n));
    return n;
  }

  /// Applies one change; 0 or the error.
  int apply(const Native& change) {
    std::vector<Native> changes = {change};
    std::vector<Native> none;
    return call(changes, none) < 0 ? errno : 0;
  }

  /// The events that one call reports within `timeout`.
  std::vector<Native> collect(std::chrono::nanoseconds timeout = 0ns) {
    std::vector<Native> none;
    std::vector<Native> events(16);
    EXPECT_GE(call(none, events, timeout), 0);
    return events;
  }

  /// The next event, which must come.
  Native next() {
    std::vector<Native> none;
    std::vector<Native> events(1);
    if (call(none, events, 10s) != 1) {
      ADD_FAILURE() << "no event within 10 s";
      return {};
    }
    return events[0];
  }

  Fd queue_{::kqueue()};
  Pipe pipe_ = std::move(sys::create_pipe().value());
  test::SocketPair pair_ = test::connected_sockets();
};

void write_to(const Fd& fd) { EXPECT_TRUE(sys::write(fd.raw(), test::bytes_of("x"))); }

void read_from(const Fd& fd) {
  std::array<std::byte, 64> buffer{};
  EXPECT_TRUE(sys::read(fd.raw(), buffer));
}

// ---- the queue ----

// "The filter is executed upon the initial registration of a kevent in order to detect whether a
// preexisting condition is present"
TEST_F(Kqueue, AnAdditionReportsAConditionThatHoldsAlready) {
  write_to(pipe_.writer);
  ASSERT_EQ(apply(change_of(pipe_.reader, EVFILT_READ, EV_ADD | EV_CLEAR)), 0);
  EXPECT_EQ(collect().size(), 1U);
}

// "udata: Opaque user-defined value passed through the kernel unchanged."
TEST_F(Kqueue, UdataComesBackUnchanged) {
  ASSERT_EQ(apply(change_of(pipe_.writer, EVFILT_WRITE, EV_ADD | EV_CLEAR, UINTPTR_MAX - 1)), 0);
  const Native event = next();
  EXPECT_EQ(event.ident, static_cast<uintptr_t>(pipe_.writer.raw()));
  EXPECT_EQ(event.filter, EVFILT_WRITE);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(event.udata), UINTPTR_MAX - 1);
}

// "The filter is also run when the user attempts to retrieve the kevent from the kqueue. If the
// filter indicates that the condition that triggered the event no longer holds, the kevent is
// removed from the kqueue and is not returned."
TEST_F(Kqueue, AConditionThatNoLongerHoldsIsNotReported) {
  ASSERT_EQ(apply(change_of(pipe_.reader, EVFILT_READ, EV_ADD | EV_CLEAR)), 0);
  write_to(pipe_.writer);
  read_from(pipe_.reader);
  EXPECT_TRUE(collect().empty());
}

// "Multiple events which trigger the filter do not result in multiple kevents being placed on the
// kqueue; instead, the filter will aggregate the events into a single struct kevent."
TEST_F(Kqueue, ManyTriggersAreOneEvent) {
  ASSERT_EQ(apply(change_of(pipe_.reader, EVFILT_READ, EV_ADD | EV_CLEAR)), 0);
  for (int i = 0; i < 3; ++i) write_to(pipe_.writer);
  const std::vector<Native> events = collect();
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].data, 3);
}

// "Calling close() on a file descriptor will remove any kevents that reference the descriptor."
TEST_F(Kqueue, ClosingADescriptorDropsItsFilters) {
  const Fd copy = std::move(sys::duplicate(pipe_.reader.raw()).value());
  const uintptr_t number = static_cast<uintptr_t>(pipe_.reader.raw());
  ASSERT_EQ(apply(change_of(pipe_.reader, EVFILT_READ, EV_ADD | EV_CLEAR)), 0);
  pipe_.reader.reset();
  write_to(pipe_.writer);
  EXPECT_TRUE(collect().empty());
  ASSERT_EQ(::dup2(copy.raw(), static_cast<int>(number)), static_cast<int>(number));
  const Fd again(static_cast<int>(number));
  EXPECT_EQ(apply(change_of(number, EVFILT_READ, EV_DELETE)), ENOENT);
}

// As above, where a duplicate replaces the descriptor.
TEST_F(Kqueue, ADescriptorThatIsReplacedLosesItsFilters) {
  Pipe other = std::move(sys::create_pipe().value());
  ASSERT_EQ(apply(change_of(pipe_.reader, EVFILT_READ, EV_ADD | EV_CLEAR)), 0);
  ASSERT_EQ(::dup2(other.reader.raw(), pipe_.reader.raw()), pipe_.reader.raw());
  write_to(other.writer);
  EXPECT_TRUE(collect().empty());
  EXPECT_EQ(apply(change_of(pipe_.reader, EVFILT_READ, EV_DELETE)), ENOENT);
}

// "The queue is not inherited by a child created with fork(2)."
TEST_F(Kqueue, AForkHasNoQueue) {
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    const bool gone =
        apply(change_of(kUser, EVFILT_USER, EV_ADD)) == EBADF && ::fcntl(queue_.raw(), F_GETFD) < 0;
    ::_exit(gone ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(apply(change_of(kUser, EVFILT_USER, EV_ADD)), 0);  // the parent's queue still works
}

// ERRORS: "[EBADF] The specified descriptor is invalid."
TEST_F(Kqueue, ADescriptorThatIsNoQueueIsRefused) {
  const timespec spec{};
  Native event{};
  for (const int number : {-1, 9999, pipe_.reader.raw()}) {
    EXPECT_EQ(::kevent(number, nullptr, 0, &event, 1, &spec), -1);
    EXPECT_EQ(errno, EBADF);
  }
}

// ---- the change list ----

// "All changes contained in the changelist are applied before any pending events are read from the
// queue."
TEST_F(Kqueue, ChangesComeBeforeEvents) {
  std::vector<Native> changes = {change_of(pipe_.writer, EVFILT_WRITE, EV_ADD | EV_CLEAR)};
  std::vector<Native> events(4);
  EXPECT_EQ(call(changes, events), 1);
  EXPECT_EQ(events.at(0).filter, EVFILT_WRITE);
}

// "EV_RECEIPT: This flag is useful for making bulk changes to a kqueue without draining any pending
// events. When passed as input, it forces EV_ERROR to always be returned. When a filter is
// successfully added the data field will be zero."
TEST_F(Kqueue, ReceiptsComeAlone) {
  ASSERT_EQ(apply(change_of(pair_.client, EVFILT_WRITE, EV_ADD | EV_CLEAR)), 0);  // it is ready
  std::vector<Native> changes = {
      change_of(pipe_.writer, EVFILT_WRITE, EV_ADD | EV_CLEAR | EV_RECEIPT),
      change_of(pipe_.reader, EVFILT_READ, EV_ADD | EV_CLEAR | EV_RECEIPT)};
  std::vector<Native> events(8);
  const auto start = steady_clock::now();
  ASSERT_EQ(call(changes, events, 1h), 2);  // it does not wait
  EXPECT_LT(steady_clock::now() - start, 10s);
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_NE(events[i].flags & EV_ERROR, 0);
    EXPECT_EQ(events[i].data, 0);
    EXPECT_EQ(events[i].ident, changes[i].ident);
    EXPECT_EQ(events[i].filter, changes[i].filter);
  }
  EXPECT_EQ(collect().size(), 2U);  // the receipts have consumed no event
}

// "Note that if this flag is encountered and there is no remaining space in eventlist to hold the
// EV_ERROR event, then subsequent changes will not get processed."
TEST_F(Kqueue, AReceiptWithoutRoomEndsTheChanges) {
  std::vector<Native> changes = {change_of(1, EVFILT_USER, EV_ADD | EV_RECEIPT),
                                 change_of(2, EVFILT_USER, EV_ADD | EV_RECEIPT),
                                 change_of(3, EVFILT_USER, EV_ADD | EV_RECEIPT)};
  std::vector<Native> room(1);
  EXPECT_EQ(call(changes, room), 1);
  EXPECT_EQ(apply(change_of(3, EVFILT_USER, EV_DELETE)), ENOENT);
}

// "The same array may be used for the changelist and eventlist."
TEST_F(Kqueue, ChangesAndEventsMayShareOneList) {
  std::vector<Native> list = {change_of(pipe_.reader, EVFILT_READ, EV_DELETE | EV_RECEIPT),
                              change_of(pipe_.reader, EVFILT_READ, EV_ADD | EV_RECEIPT)};
  ASSERT_EQ(call(list, list), 2);
  EXPECT_EQ(list[0].data, ENOENT);
  EXPECT_EQ(list[1].data, 0);
}

// "If an error occurs while processing an element of the changelist and there is enough room in the
// eventlist, then the event will be placed in the eventlist with EV_ERROR set in flags and the
// system error in data."
TEST_F(Kqueue, AnErrorStandsInItsEntryAndTheOthersAreApplied) {
  std::vector<Native> changes = {change_of(9999, EVFILT_READ, EV_ADD),
                                 change_of(kUser, EVFILT_USER, EV_ADD)};
  std::vector<Native> events(4);
  ASSERT_EQ(call(changes, events, 1h), 1);
  EXPECT_EQ(events[0].ident, 9999U);
  EXPECT_NE(events[0].flags & EV_ERROR, 0);
  EXPECT_EQ(events[0].data, EBADF);
  EXPECT_EQ(apply(change_of(kUser, EVFILT_USER, EV_DELETE)), 0);
}

// "Otherwise, -1 will be returned, and errno will be set to indicate the error condition."
TEST_F(Kqueue, AnErrorWithoutRoomIsTheErrorOfTheCall) {
  EXPECT_EQ(apply(change_of(9999, EVFILT_READ, EV_ADD)), EBADF);
  EXPECT_EQ(apply(change_of(9999, EVFILT_WRITE, EV_DELETE)), EBADF);
}

// "[ENOENT] The event could not be found to be modified or deleted."
TEST_F(Kqueue, AFilterThatIsNotThereCanNeitherBeDeletedNorModified) {
  for (const int flags : {EV_DELETE, EV_ENABLE, 0}) {
    EXPECT_EQ(apply(change_of(pipe_.reader, EVFILT_READ, flags)), ENOENT);
    EXPECT_EQ(apply(change_of(kUser, EVFILT_USER, flags)), ENOENT);
  }
}

// "[EINVAL] The specified time limit or filter is invalid."
TEST_F(Kqueue, AnUnknownFilterIsRefused) {
  EXPECT_EQ(apply(change_of(pipe_.reader, -99, EV_ADD)), EINVAL);
  EXPECT_EQ(apply(change_of(pipe_.reader, EVFILT_READ, EV_ADD | EV_DISABLE)), EINVAL)
      << "the subset knows no EV_DISABLE, and must not seem to";
}

// "EV_ADD: Adds the event to the kqueue. Re-adding an existing event will modify the parameters of
// the original event, and not result in a duplicate entry."
TEST_F(Kqueue, AddingAgainChangesUdataAndMakesNoSecondEntry) {
  ASSERT_EQ(apply(change_of(pipe_.writer, EVFILT_WRITE, EV_ADD | EV_CLEAR, 1)), 0);
  ASSERT_EQ(apply(change_of(pipe_.writer, EVFILT_WRITE, EV_ADD | EV_CLEAR, 2)), 0);
  const std::vector<Native> events = collect();
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(events[0].udata), 2U);
}

// The filter is executed at the registration. The kernels also execute it when an existing event is
// registered again.
TEST_F(Kqueue, AddingAgainWithDataPendingFiresAgain) {
  write_to(pipe_.writer);
  for (int i = 0; i < 3; ++i) {
    ASSERT_EQ(apply(change_of(pipe_.reader, EVFILT_READ, EV_ADD | EV_CLEAR)), 0);
    EXPECT_EQ(collect().size(), 1U);
    EXPECT_TRUE(collect().empty());
  }
}

// "EV_DELETE: Removes the event from the kqueue."
TEST_F(Kqueue, ADeletedFilterDoesNotFireEvenIfItWasPending) {
  write_to(pipe_.writer);
  ASSERT_EQ(apply(change_of(pipe_.reader, EVFILT_READ, EV_ADD | EV_CLEAR)), 0);
  ASSERT_EQ(apply(change_of(pipe_.reader, EVFILT_READ, EV_DELETE)), 0);
  EXPECT_TRUE(collect().empty());
}

// "EV_CLEAR: After the event is retrieved by the user, its state is reset."
TEST_F(Kqueue, WithClearAnEventComesOnceAndWithoutItAgain) {
  write_to(pipe_.writer);
  ASSERT_EQ(apply(change_of(pipe_.reader, EVFILT_READ, EV_ADD | EV_CLEAR)), 0);
  ASSERT_EQ(apply(change_of(pipe_.writer, EVFILT_WRITE, EV_ADD)), 0);
  EXPECT_EQ(collect().size(), 2U);
  for (int i = 0; i < 3; ++i) {
    const std::vector<Native> events = collect();
    ASSERT_EQ(events.size(), 1U);
    EXPECT_EQ(events[0].filter, EVFILT_WRITE);
  }
}

// ---- the filters ----

// "A kevent is identified by the (ident, filter) pair"
TEST_F(Kqueue, ReadAndWriteOfADescriptorAreSeparateEdges) {
  ASSERT_EQ(apply(change_of(pair_.server, EVFILT_READ, EV_ADD | EV_CLEAR, 1)), 0);
  ASSERT_EQ(apply(change_of(pair_.server, EVFILT_WRITE, EV_ADD | EV_CLEAR, 2)), 0);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(next().udata), 2U);
  test::send_text(pair_.client.raw(), "x");
  EXPECT_EQ(reinterpret_cast<uintptr_t>(next().udata), 1U);
  EXPECT_TRUE(collect().empty());
  ASSERT_EQ(apply(change_of(pair_.server, EVFILT_READ, EV_DELETE)), 0);
  ASSERT_EQ(apply(change_of(pair_.server, EVFILT_WRITE, EV_ADD | EV_CLEAR, 2)), 0);
  EXPECT_EQ(next().filter, EVFILT_WRITE);
}

// "Sockets which have previously been passed to listen() return when there is an incoming
// connection pending. data contains the size of the listen backlog."
TEST_F(Kqueue, AListenerIsReadableAndReportsItsBacklog) {
  const Fd listener = test::listen_on_loopback();
  ASSERT_EQ(apply(change_of(listener, EVFILT_READ, EV_ADD | EV_CLEAR)), 0);
  EXPECT_TRUE(collect().empty());
  const Fd client = test::connect_to(listener.raw());
  EXPECT_EQ(next().data, 1);
}

// "Other socket descriptors return when there is data to be read [...] data contains the number of
// bytes of protocol data available to read."
TEST_F(Kqueue, AReadableSocketReportsHowMuchThereIsToRead) {
  ASSERT_EQ(apply(change_of(pair_.server, EVFILT_READ, EV_ADD | EV_CLEAR)), 0);
  test::send_text(pair_.client.raw(), "four");
  const Native event = next();
  EXPECT_EQ(event.data, 4);
  EXPECT_EQ(event.flags & EV_EOF, 0);
}

// "If the read direction of the socket has shutdown, then the filter also sets EV_EOF in flags, and
// returns the socket error (if any) in fflags. It is possible for EOF to be returned (indicating
// the connection is gone) while there is still data pending in the socket buffer."
TEST_F(Kqueue, TheEndOfAStreamIsAnEventOfTheReadFilterAlone) {
  ASSERT_EQ(apply(change_of(pair_.server, EVFILT_READ, EV_ADD | EV_CLEAR)), 0);
  ASSERT_EQ(apply(change_of(pair_.server, EVFILT_WRITE, EV_ADD | EV_CLEAR)), 0);
  ASSERT_TRUE(sys::shutdown(pair_.client.raw(), ShutdownHow::write));
  bool ended = false;
  while (!ended && !HasFailure()) {
    const Native event = next();
    ended = (event.flags & EV_EOF) != 0;
    EXPECT_TRUE(!ended || event.filter == EVFILT_READ);
    EXPECT_EQ(event.fflags, 0U);
  }
  for (const Native& event : collect()) EXPECT_EQ(event.flags & EV_EOF, 0);
}

TEST_F(Kqueue, AnEndMayComeWithDataPending) {
  test::send_text(pair_.client.raw(), "bye");
  pair_.client.reset();
  ASSERT_EQ(apply(change_of(pair_.server, EVFILT_READ, EV_ADD | EV_CLEAR)), 0);
  Native event = next();
  while ((event.flags & EV_EOF) == 0 && !HasFailure()) event = next();
  EXPECT_EQ(event.data, 3);
}

// "For sockets, the low water mark and socket error handling is identical to the EVFILT_READ case."
TEST_F(Kqueue, AResetIsAnEndOfBothFiltersWithAnError) {
  ASSERT_EQ(apply(change_of(pair_.server, EVFILT_READ, EV_ADD | EV_CLEAR)), 0);
  ASSERT_EQ(apply(change_of(pair_.server, EVFILT_WRITE, EV_ADD | EV_CLEAR)), 0);
  EXPECT_EQ(next().filter, EVFILT_WRITE);
  test::reset_connection(pair_.client);
  bool read = false;
  bool write = false;
  while (!read || !write) {
    const Native event = next();
    if (HasFailure()) return;
    if ((event.flags & EV_EOF) == 0 || event.fflags == 0) continue;
    (event.filter == EVFILT_READ ? read : write) = true;
  }
}

// "When the last writer disconnects, the filter will set EV_EOF in flags."
TEST_F(Kqueue, APipeWithoutAWriterHasEnded) {
  ASSERT_EQ(apply(change_of(pipe_.reader, EVFILT_READ, EV_ADD | EV_CLEAR)), 0);
  write_to(pipe_.writer);
  EXPECT_EQ(next().flags & EV_EOF, 0);
  pipe_.writer.reset();
  const Native event = next();
  EXPECT_NE(event.flags & EV_EOF, 0);
  EXPECT_EQ(event.fflags, 0U);
  EXPECT_EQ(event.data, 1);
}

// "For sockets, pipes and fifos, data will contain the amount of space remaining in the write
// buffer. The filter will set EV_EOF when the reader disconnects"
TEST_F(Kqueue, AWriterReportsItsRoomAndThatItsReaderIsGone) {
  ASSERT_EQ(apply(change_of(pipe_.writer, EVFILT_WRITE, EV_ADD | EV_CLEAR)), 0);
  const int64_t room = next().data;
  write_to(pipe_.writer);
  ASSERT_EQ(apply(change_of(pipe_.writer, EVFILT_WRITE, EV_ADD | EV_CLEAR)), 0);
  EXPECT_EQ(next().data, room - 1);
  pipe_.reader.reset();
  EXPECT_NE(next().flags & EV_EOF, 0);
}

// Not in the page, but true of the kernels: the writing end of a pipe that has no reader is
// refused. The filter of the other direction is accepted, but never fires.
TEST_F(Kqueue, APipeIsWatchedAtItsOwnEnds) {
  ASSERT_EQ(apply(change_of(pipe_.reader, EVFILT_WRITE, EV_ADD | EV_CLEAR)), 0);
  pipe_.writer.reset();
  EXPECT_TRUE(collect().empty());
  Pipe other = std::move(sys::create_pipe().value());
  other.reader.reset();
  EXPECT_EQ(apply(change_of(other.writer, EVFILT_WRITE, EV_ADD | EV_CLEAR)), EPIPE);
}

// "EVFILT_USER: Establishes a user event identified by ident which is not associated with any
// kernel mechanism but is triggered by user level code." "NOTE_TRIGGER: Cause the event to be
// triggered."
TEST_F(Kqueue, AUserEventFiresWhenItIsTriggered) {
  ASSERT_EQ(apply(change_of(kUser, EVFILT_USER, EV_ADD | EV_CLEAR, 0, 7)), 0);
  EXPECT_TRUE(collect().empty());
  for (int i = 0; i < 3; ++i) {
    ASSERT_EQ(apply(change_of(kUser, EVFILT_USER, 0, NOTE_TRIGGER, 7)), 0);
    ASSERT_EQ(apply(change_of(kUser, EVFILT_USER, 0, NOTE_TRIGGER, 7)), 0);
    const std::vector<Native> events = collect();
    ASSERT_EQ(events.size(), 1U);
    EXPECT_EQ(events[0].ident, kUser);
    EXPECT_EQ(events[0].filter, EVFILT_USER);
    EXPECT_EQ(events[0].fflags, 0U);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(events[0].udata), 7U);
    EXPECT_TRUE(collect().empty());
  }
}

TEST_F(Kqueue, UserEventsOfOneQueueAreToldApart) {
  for (const uintptr_t ident : {uintptr_t{1}, uintptr_t{2}, UINTPTR_MAX}) {
    ASSERT_EQ(apply(change_of(ident, EVFILT_USER, EV_ADD | EV_CLEAR)), 0);
  }
  ASSERT_EQ(apply(change_of(UINTPTR_MAX, EVFILT_USER, 0, NOTE_TRIGGER)), 0);
  EXPECT_EQ(next().ident, UINTPTR_MAX);
  EXPECT_TRUE(collect().empty());
}

// Not in the page, but true of FreeBSD: EV_CLEAR resets the state at once if the event is there.
TEST_F(Kqueue, AddingAUserEventAgainTakesBackItsTrigger) {
  ASSERT_EQ(apply(change_of(kUser, EVFILT_USER, EV_ADD | EV_CLEAR)), 0);
  ASSERT_EQ(apply(change_of(kUser, EVFILT_USER, 0, NOTE_TRIGGER)), 0);
  ASSERT_EQ(apply(change_of(kUser, EVFILT_USER, EV_ADD | EV_CLEAR)), 0);
  EXPECT_TRUE(collect().empty());
}

// ---- waiting ----

// "nevents [...] up to the value given by nevents"
TEST_F(Kqueue, EventsWithoutRoomComeInTheNextCall) {
  for (uintptr_t ident = 1; ident <= 5; ++ident) {
    ASSERT_EQ(apply(change_of(ident, EVFILT_USER, EV_ADD | EV_CLEAR)), 0);
    ASSERT_EQ(apply(change_of(ident, EVFILT_USER, 0, NOTE_TRIGGER)), 0);
  }
  std::vector<Native> none;
  std::vector<Native> events(2);
  EXPECT_EQ(call(none, events), 2);
  EXPECT_EQ(collect().size(), 3U);
}

// "When nevents is zero, kevent() will return immediately even if there is a timeout specified
// unlike select(2)."
TEST_F(Kqueue, WithoutRoomThereIsNoWait) {
  std::vector<Native> none;
  std::vector<Native> no_room;
  const auto start = steady_clock::now();
  EXPECT_EQ(call(none, no_room, 1h), 0);
  EXPECT_LT(steady_clock::now() - start, 10s);
}

// "If the time limit expires, then kevent() returns 0."
TEST_F(Kqueue, ATimeoutIsWaitedOutToTheMicrosecond) {
  for (const auto timeout : {1us, 300us, 5000us}) {
    const auto start = steady_clock::now();
    EXPECT_TRUE(collect(timeout).empty());
    EXPECT_GE(steady_clock::now() - start, timeout);
  }
}

// "If timeout is a NULL pointer, kevent() waits indefinitely."
TEST_F(Kqueue, WithoutATimeoutItWaitsForTheEvent) {
  ASSERT_EQ(apply(change_of(pipe_.reader, EVFILT_READ, EV_ADD | EV_CLEAR)), 0);
  std::thread writer([&] { write_to(pipe_.writer); });
  Native event{};
  EXPECT_EQ(::kevent(queue_.raw(), nullptr, 0, &event, 1, nullptr), 1);
  EXPECT_EQ(event.filter, EVFILT_READ);
  writer.join();
}

// BUGS: "The timeout value is limited to 24 hours; longer timeouts will be silently reinterpreted
// as 24 hours."
TEST_F(Kqueue, ATimeoutHasALimit) {
  const std::chrono::nanoseconds limit = test::kqueue_longest_wait.exchange(20ms);
  EXPECT_EQ(limit, 24h);
  const auto start = steady_clock::now();
  EXPECT_TRUE(collect(1h).empty());
  EXPECT_GE(steady_clock::now() - start, 20ms);
  test::kqueue_longest_wait = limit;
}

// "[EINVAL] The specified time limit [...] is invalid."
TEST_F(Kqueue, AnInvalidTimeoutIsRefused) {
  Native event{};
  for (const timespec spec : {timespec{-1, 0}, timespec{0, -1}, timespec{0, 1'000'000'000}}) {
    EXPECT_EQ(::kevent(queue_.raw(), nullptr, 0, &event, 1, &spec), -1);
    EXPECT_EQ(errno, EINVAL);
  }
}

// "[EINTR] A signal was delivered before the timeout expired and before any events were placed on
// the kqueue for return." "When kevent() call fails with EINTR error, all changes in the changelist
// have been applied."
TEST_F(Kqueue, AnInterruptionEndsTheWaitAndTheChangesStay) {
  const test::InterruptStorm storm(500us);
  std::vector<Native> changes = {change_of(kUser, EVFILT_USER, EV_ADD | EV_CLEAR)};
  std::vector<Native> events(1);
  EXPECT_EQ(call(changes, events, 1h), -1);
  EXPECT_EQ(errno, EINTR);
  EXPECT_EQ(apply(change_of(kUser, EVFILT_USER, EV_DELETE)), 0);
}

// ---- what macOS does not have ----

TEST(WithoutAccept4, NothingThatIsTestedHereUsesIt) {
  std::array<int, 2> ends{};
  EXPECT_EQ(::accept4(-1, nullptr, nullptr, 0), -1);
  EXPECT_EQ(errno, ENOSYS);
  EXPECT_EQ(::pipe2(ends.data(), 0), -1);
  EXPECT_EQ(errno, ENOSYS);
}

}  // namespace
}  // namespace eddy
