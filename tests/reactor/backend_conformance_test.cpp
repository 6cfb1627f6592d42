// Tests the contract of include/eddy/reactor/backend.hpp, the same for every backend.
// SPDX-License-Identifier: MIT
#include "eddy/platform/events.hpp"
#include "eddy/platform/sys.hpp"
#include "eddy/reactor/backend.hpp"
#include "eddy/reactor/platform_reactor.hpp"

#include "support/descriptors.hpp"
#include "support/result.hpp"
#include "support/sockets.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <map>
#include <memory>
#include <set>
#include <utility>
#include <vector>

namespace eddy {
namespace {

using namespace std::chrono_literals;
using test::connected_sockets;
using test::failed_with;
using test::send_text;
using test::SocketPair;
using test::succeeded;

template <class B>
class BackendConformance : public testing::Test {
 protected:
  static_assert(ReactorBackend<B>);

  /// The events of `token` in one poll, merged.
  ReadyEvent look(Token token, std::chrono::nanoseconds timeout = {}) {
    EXPECT_TRUE(succeeded(backend_.poll(events_, timeout)));
    return merged(token, ReadyEvent{.token = token});
  }

  /// Polls until `holds(event)`, where `event` merges all events of `token` so far.
  template <class F>
  ReadyEvent look_until(Token token, F holds) {
    ReadyEvent seen{.token = token};
    const auto give_up = std::chrono::steady_clock::now() + 10s;
    while (!holds(seen) && std::chrono::steady_clock::now() < give_up) {
      rearm(token);
      EXPECT_TRUE(succeeded(backend_.poll(events_, 100ms)));
      seen = merged(token, seen);
    }
    EXPECT_TRUE(holds(seen)) << "no such event within 10 s";
    return seen;
  }

  ReadyEvent merged(Token token, ReadyEvent seen) const {
    for (const ReadyEvent& event : events_) {
      if (event.token != token) continue;
      seen.readable |= event.readable;
      seen.writable |= event.writable;
      seen.priority |= event.priority;
      seen.read_closed |= event.read_closed;
      seen.write_closed |= event.write_closed;
      seen.error |= event.error;
    }
    return seen;
  }

  Result<> add(const Fd& fd, Token token, Interest interest) {
    const Result<> added = backend_.register_source(fd.raw(), token, interest);
    if (added) sources_[token] = fd.raw();
    return added;
  }

  /// What `IoSource` does after an attempt that would block, for a backend without edges of its
  /// own.
  void rearm(Token token) {
    const auto added = sources_.find(token);
    if (added == sources_.end()) return;
    EXPECT_TRUE(succeeded(rearm_if_needed(
        backend_, added->second, Interest::readable | Interest::writable | Interest::priority)));
  }

  B backend_ = std::move(B::create().value());
  Events events_ = events_with_capacity(64);
  std::map<Token, RawSource> sources_;
};

constexpr Interest kBoth = Interest::readable | Interest::writable;
bool is_readable(const ReadyEvent& event) { return event.readable; }
bool is_writable(const ReadyEvent& event) { return event.writable; }

using Backends = testing::Types<PlatformReactor>;
TYPED_TEST_SUITE(BackendConformance, Backends);

TYPED_TEST(BackendConformance, CreateGivesTheKernelsError) {
  if (!test::NoDescriptorsLeft::kPossible) GTEST_SKIP() << "this system sets no limit";
  const auto created = [] {
    const test::NoDescriptorsLeft none;
    return TypeParam::create();
  }();
  EXPECT_TRUE(failed_with(created, std::errc::too_many_files_open));
}

TYPED_TEST(BackendConformance, ReportsWhatIsReadyAtRegistration) {
  const SocketPair pair = connected_sockets();
  send_text(pair.client.raw(), "x");
  test::spin_until_ready(pair.server.raw(), Interest::readable);
  ASSERT_TRUE(succeeded(this->add(pair.server, 7, kBoth)));
  const ReadyEvent event = this->look(7);
  EXPECT_TRUE(event.readable);
  EXPECT_TRUE(event.writable);
  EXPECT_FALSE(event.read_closed || event.write_closed || event.error || event.priority);
}

TYPED_TEST(BackendConformance, ReportsOnlyWhatWasAskedFor) {
  const SocketPair pair = connected_sockets();
  send_text(pair.client.raw(), "x");
  test::spin_until_ready(pair.server.raw(), Interest::readable);
  ASSERT_TRUE(succeeded(this->add(pair.server, 1, Interest::readable)));
  ASSERT_TRUE(succeeded(this->add(pair.client, 2, Interest::writable)));
  send_text(pair.server.raw(), "y");
  test::spin_until_ready(pair.client.raw(), Interest::readable);
  EXPECT_FALSE(this->look(1).writable);
  EXPECT_FALSE(this->merged(2, ReadyEvent{}).readable);
}

TYPED_TEST(BackendConformance, TokensComeBackUnchanged) {
  const SocketPair pair = connected_sockets();
  for (const Token token :
       {Token{0}, Token{1}, Token{0xffff'ffff}, Token{1} << 32, (Token{0x8000'0001} << 32) | 5}) {
    ASSERT_TRUE(succeeded(this->add(pair.client, token, Interest::writable)));
    ASSERT_EQ(this->backend_.poll(this->events_, 1s).value(), 1U);
    EXPECT_EQ(this->events_[0].token, token);
    ASSERT_TRUE(succeeded(this->backend_.deregister(pair.client.raw())));
  }
}

TYPED_TEST(BackendConformance, AnEdgeIsReportedOnce) {
  const SocketPair pair = connected_sockets();
  ASSERT_TRUE(succeeded(this->add(pair.server, 1, Interest::readable)));
  send_text(pair.client.raw(), "x");
  this->look_until(1, is_readable);
  EXPECT_FALSE(this->look(1).readable);  // although the byte was not read
}

TYPED_TEST(BackendConformance, MoreDataIsANewEdge) {
  const SocketPair pair = connected_sockets();
  ASSERT_TRUE(succeeded(this->add(pair.server, 1, Interest::readable)));
  for (int i = 0; i < 3; ++i) {
    send_text(pair.client.raw(), "x");
    this->look_until(1, is_readable);
  }
}

// moduvex_runtime armed its wake and signal pipes once, and never again.
TYPED_TEST(BackendConformance, ReadinessComesAgainAfterWouldBlock) {
  const SocketPair pair = connected_sockets();
  ASSERT_TRUE(succeeded(this->add(pair.server, 1, Interest::readable)));
  for (int i = 0; i < 3; ++i) {
    send_text(pair.client.raw(), "x");
    this->look_until(1, is_readable);
    EXPECT_EQ(test::drain(pair.server.raw()), 1U);
  }
}

TYPED_TEST(BackendConformance, RoomToWriteIsAnEdge) {
  const SocketPair pair = connected_sockets();
  ASSERT_TRUE(succeeded(this->add(pair.client, 1, Interest::writable)));
  this->look_until(1, is_writable);
  std::size_t sent = test::fill(pair.client.raw());
  std::size_t received = 0;
  EXPECT_FALSE(this->look(1).writable);
  while (received < sent) received += test::drain(pair.server.raw());
  this->look_until(1, is_writable);
}

// In moduvex_runtime arming one direction made the other deaf.
TYPED_TEST(BackendConformance, AReportedDirectionDoesNotDisarmTheOther) {
  const SocketPair pair = connected_sockets();
  ASSERT_TRUE(succeeded(this->add(pair.server, 1, kBoth)));
  this->look_until(1, is_writable);
  test::fill(pair.server.raw());
  EXPECT_FALSE(this->look(1).readable);
  send_text(pair.client.raw(), "x");
  this->look_until(1, is_readable);
  test::drain(pair.client.raw());
  this->look_until(1, is_writable);
}

TYPED_TEST(BackendConformance, RegisteringTwiceIsAnError) {
  const SocketPair pair = connected_sockets();
  ASSERT_TRUE(succeeded(this->add(pair.client, 1, Interest::readable)));
  EXPECT_TRUE(failed_with(this->add(pair.client, 2, Interest::writable), std::errc::file_exists));
  // The first registration holds.
  send_text(pair.server.raw(), "x");
  this->look_until(1, is_readable);
}

TYPED_TEST(BackendConformance, ASourceThatIsNotRegisteredIsNotFound) {
  const SocketPair pair = connected_sockets();
  const RawSource raw = pair.client.raw();
  EXPECT_TRUE(failed_with(this->backend_.deregister(raw), std::errc::no_such_file_or_directory));
  EXPECT_TRUE(
      failed_with(this->backend_.reregister(raw, 1, kBoth), std::errc::no_such_file_or_directory));
  ASSERT_TRUE(succeeded(this->add(pair.client, 1, kBoth)));
  ASSERT_TRUE(succeeded(this->backend_.deregister(raw)));
  EXPECT_TRUE(failed_with(this->backend_.deregister(raw), std::errc::no_such_file_or_directory));
  EXPECT_TRUE(
      failed_with(this->backend_.reregister(raw, 1, kBoth), std::errc::no_such_file_or_directory));
}

TYPED_TEST(BackendConformance, AfterDeregisteringRegisteringWorks) {
  const SocketPair pair = connected_sockets();
  for (Token token = 1; token < 4; ++token) {
    ASSERT_TRUE(succeeded(this->add(pair.client, token, Interest::writable)));
    this->look_until(token, is_writable);
    ASSERT_TRUE(succeeded(this->backend_.deregister(pair.client.raw())));
  }
}

TYPED_TEST(BackendConformance, AnEmptyInterestIsAnError) {
  const SocketPair pair = connected_sockets();
  EXPECT_TRUE(failed_with(this->add(pair.client, 1, Interest::none), std::errc::invalid_argument));
  ASSERT_TRUE(succeeded(this->add(pair.client, 1, Interest::writable)));
  EXPECT_TRUE(failed_with(this->backend_.reregister(pair.client.raw(), 1, Interest::none),
                          std::errc::invalid_argument));
}

TYPED_TEST(BackendConformance, ARegularFileIsRefused) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::tmpfile(), &std::fclose);
  ASSERT_NE(file, nullptr);
  EXPECT_TRUE(failed_with(this->backend_.register_source(test::source_of(file.get()), 1, kBoth),
                          std::errc::operation_not_permitted));
}

TYPED_TEST(BackendConformance, ADescriptorThatIsNotOpenIsRefused) {
  EXPECT_TRUE(failed_with(this->backend_.register_source(kNoSource, 1, kBoth),
                          std::errc::bad_file_descriptor));
}

TYPED_TEST(BackendConformance, ReregisteringChangesTokenAndInterestBeforeAnyPoll) {
  const SocketPair pair = connected_sockets();
  ASSERT_TRUE(succeeded(this->add(pair.client, 1, Interest::readable)));
  ASSERT_TRUE(succeeded(this->backend_.reregister(pair.client.raw(), 2, Interest::writable)));
  EXPECT_TRUE(this->look(2, 1s).writable);
  send_text(pair.server.raw(), "x");
  test::spin_until_ready(pair.client.raw(), Interest::readable);
  const ReadyEvent event = this->look(2);
  EXPECT_FALSE(event.readable);
  EXPECT_TRUE(std::none_of(this->events_.begin(), this->events_.end(),
                           [](const ReadyEvent& e) { return e.token == 1; }));
}

TYPED_TEST(BackendConformance, ReregisteringReportsAnewWhatIsReady) {
  const SocketPair pair = connected_sockets();
  ASSERT_TRUE(succeeded(this->add(pair.client, 1, Interest::writable)));
  this->look_until(1, is_writable);
  EXPECT_FALSE(this->look(1).writable);
  ASSERT_TRUE(succeeded(this->backend_.reregister(pair.client.raw(), 1, Interest::writable)));
  EXPECT_TRUE(this->look(1, 1s).writable);
}

TYPED_TEST(BackendConformance, NoEventAfterDeregistering) {
  const SocketPair pair = connected_sockets();
  ASSERT_TRUE(succeeded(this->add(pair.server, 1, kBoth)));
  send_text(pair.client.raw(), "x");
  test::spin_until_ready(pair.server.raw(), Interest::readable);
  ASSERT_TRUE(succeeded(this->backend_.deregister(pair.server.raw())));  // an event is pending
  EXPECT_EQ(this->backend_.poll(this->events_, 0ns).value(), 0U);
}

// moduvex_runtime closed a descriptor before it deregistered it.
TYPED_TEST(BackendConformance, ADuplicateOfADeregisteredSourceReportsNothing) {
  SocketPair pair = connected_sockets();
  const Fd duplicate = std::move(sys::duplicate(pair.server.raw()).value());
  ASSERT_TRUE(succeeded(this->add(pair.server, 1, kBoth)));
  ASSERT_TRUE(succeeded(this->backend_.deregister(pair.server.raw())));
  pair.server.reset();
  send_text(pair.client.raw(), "x");
  test::spin_until_ready(duplicate.raw(), Interest::readable);
  EXPECT_EQ(this->backend_.poll(this->events_, 0ns).value(), 0U);
}

TYPED_TEST(BackendConformance, AReusedNumberGetsNoEventOfItsPredecessor) {
  SocketPair old = connected_sockets();
  const RawSource number = old.server.raw();
  ASSERT_TRUE(succeeded(this->add(old.server, 1, kBoth)));
  send_text(old.client.raw(), "x");
  test::spin_until_ready(number, Interest::readable);
  ASSERT_TRUE(succeeded(this->backend_.deregister(number)));
  const Pipe pipe = std::move(sys::create_pipe().value());
  old.server.reset();
  const Fd reused = test::duplicate_onto(pipe.reader.raw(), number);
  ASSERT_EQ(reused.raw(), number);
  ASSERT_TRUE(succeeded(this->add(reused, 2, Interest::readable)));
  EXPECT_EQ(this->backend_.poll(this->events_, 0ns).value(), 0U);
}

TYPED_TEST(BackendConformance, BackendsAreIndependentOfEachOther) {
  TypeParam other = std::move(TypeParam::create().value());
  const SocketPair pair = connected_sockets();
  ASSERT_TRUE(succeeded(this->add(pair.client, 1, Interest::writable)));
  EXPECT_EQ(other.poll(this->events_, 0ns).value(), 0U);
  EXPECT_TRUE(
      failed_with(other.deregister(pair.client.raw()), std::errc::no_such_file_or_directory));
  EXPECT_TRUE(this->look(1).writable);
}

TYPED_TEST(BackendConformance, PollClearsTheListAndCounts) {
  const SocketPair pair = connected_sockets();
  this->events_.push(ReadyEvent{.token = 99});
  EXPECT_EQ(this->backend_.poll(this->events_, 0ns).value(), 0U);
  EXPECT_TRUE(this->events_.empty());
  ASSERT_TRUE(succeeded(this->add(pair.client, 1, Interest::writable)));
  this->events_.push(ReadyEvent{.token = 99});
  EXPECT_EQ(this->backend_.poll(this->events_, 1s).value(), 1U);
  EXPECT_EQ(this->events_.size(), 1U);
}

TYPED_TEST(BackendConformance, APollIntoARegistryWakesItsWaiters) {
  detail::ReadyQueue ready;
  WakerRegistry wakers(ready);
  const SocketPair pair = connected_sockets();
  detail::Slot& slot = wakers.insert(pair.server.raw());
  for (detail::Readiness* readiness : {&slot.read, &slot.write}) {
    readiness->clear_ready(readiness->mark());
  }
  detail::Waiter reader;
  detail::Waiter writer;
  slot.add(reader, Direction::read);
  slot.add(writer, Direction::write);
  ASSERT_TRUE(succeeded(this->add(pair.server, WakerRegistry::token_of(slot), kBoth)));

  ASSERT_TRUE(succeeded(this->backend_.poll(wakers, 1s)));
  EXPECT_EQ(ready.pop(), &writer);
  EXPECT_EQ(ready.pop(), nullptr);
  EXPECT_TRUE(slot.write.ready());
  EXPECT_FALSE(slot.read.ready());

  send_text(pair.client.raw(), "x");
  ASSERT_TRUE(succeeded(this->backend_.poll(wakers, 1s)));
  EXPECT_EQ(ready.pop(), &reader);
  EXPECT_TRUE(slot.read.ready());
  EXPECT_FALSE(slot.read.sticky());
}

TYPED_TEST(BackendConformance, APollIntoARegistryIgnoresNotifications) {
  detail::ReadyQueue ready;
  WakerRegistry wakers(ready);
  detail::Waiter reader;
  wakers.insert(0).add(reader, Direction::read);
  const auto notifier = std::move(this->backend_.create_notifier().value());
  notifier.notify();
  EXPECT_TRUE(succeeded(this->backend_.poll(wakers, std::nullopt)));
  EXPECT_TRUE(ready.empty());
  reader.unlink();
}

TYPED_TEST(BackendConformance, EventsWithoutRoomInOnePollComeInTheNext) {
  std::vector<Pipe> pipes;
  for (Token token = 0; token < 20; ++token) {
    pipes.push_back(std::move(sys::create_pipe().value()));
    ASSERT_TRUE(succeeded(this->add(pipes.back().writer, token, Interest::writable)));
  }
  Events few = events_with_capacity(3);
  std::set<Token> seen;
  for (int polls = 0; polls < 20 && seen.size() < 20; ++polls) {
    ASSERT_LE(this->backend_.poll(few, 0ns).value(), 3U);
    for (const ReadyEvent& event : few) EXPECT_TRUE(seen.insert(event.token).second);
  }
  EXPECT_EQ(seen.size(), 20U);
}

TYPED_TEST(BackendConformance, EachOfAThousandSourcesReportsItsOwnEvents) {
  // A user's soft limit is often 1,024.
  if (!test::can_open(2'100)) GTEST_SKIP() << "the limit of descriptors is too low";
  std::vector<Pipe> pipes;
  for (Token token = 0; token < 1000; ++token) {
    pipes.push_back(std::move(sys::create_pipe().value()));
    ASSERT_TRUE(succeeded(this->add(pipes.back().reader, token, Interest::readable)));
  }
  for (std::size_t i = 0; i < pipes.size(); i += 7) {
    ASSERT_TRUE(succeeded(sys::write(pipes[i].writer.raw(), test::bytes_of("x"))));
    this->look_until(i, is_readable);
  }
}

TYPED_TEST(BackendConformance, AConnectionToAcceptIsAReadableListener) {
  const Fd listener = test::listen_on_loopback();
  ASSERT_TRUE(succeeded(this->add(listener, 1, Interest::readable)));
  EXPECT_FALSE(this->look(1).readable);
  const Fd client = test::connect_to(listener.raw());
  this->look_until(1, is_readable);
}

TYPED_TEST(BackendConformance, AFinishedConnectIsWritable) {
  const Fd listener = test::listen_on_loopback();
  const Fd client = std::move(sys::create_stream_socket(SocketAddress::Family::v4).value());
  static_cast<void>(sys::connect(client.raw(), sys::local_address(listener.raw()).value()));
  ASSERT_TRUE(succeeded(this->add(client, 1, kBoth)));
  const ReadyEvent event = this->look_until(1, is_writable);
  EXPECT_FALSE(event.error);
  EXPECT_TRUE(succeeded(sys::take_error(client.raw())));
}

TYPED_TEST(BackendConformance, ARefusedConnectIsAnErrorInBothDirections) {
  const Fd client = std::move(sys::create_stream_socket(SocketAddress::Family::v4).value());
  const Result<> connected = sys::connect(client.raw(), test::address_of_nobody());
  ASSERT_TRUE(failed_with(connected, std::errc::operation_in_progress));
  ASSERT_TRUE(succeeded(this->add(client, 1, kBoth)));
  const ReadyEvent event = this->look_until(1, [](const ReadyEvent& e) { return e.error; });
  EXPECT_TRUE(event.readable && event.writable);
  EXPECT_TRUE(failed_with(sys::take_error(client.raw()), std::errc::connection_refused));
}

TYPED_TEST(BackendConformance, AResetIsAnErrorInBothDirections) {
  SocketPair pair = connected_sockets();
  ASSERT_TRUE(succeeded(this->add(pair.client, 1, Interest::readable)));
  test::reset_connection(pair.server);
  const ReadyEvent event = this->look_until(1, [](const ReadyEvent& e) { return e.error; });
  EXPECT_TRUE(event.readable && event.writable);
}

TYPED_TEST(BackendConformance, TheEndOfThePeersStreamIsAReadEvent) {
  SocketPair pair = connected_sockets();
  ASSERT_TRUE(succeeded(this->add(pair.client, 1, kBoth)));
  this->look_until(1, is_writable);
  ASSERT_TRUE(succeeded(sys::shutdown(pair.server.raw(), ShutdownHow::write)));
  const ReadyEvent event = this->look_until(1, [](const ReadyEvent& e) { return e.read_closed; });
  EXPECT_TRUE(event.readable);
  EXPECT_FALSE(event.write_closed || event.error);  // the other half is open
}

TYPED_TEST(BackendConformance, TheEndOfBothStreamsEndsBothDirections) {
  SocketPair pair = connected_sockets();
  ASSERT_TRUE(succeeded(this->add(pair.client, 1, kBoth)));
  ASSERT_TRUE(succeeded(sys::shutdown(pair.client.raw(), ShutdownHow::write)));
  pair.server.reset();
  const ReadyEvent event = this->look_until(1, [](const ReadyEvent& e) { return e.write_closed; });
  EXPECT_TRUE(event.readable && event.writable && event.read_closed);
}

// In moduvex_runtime a hang-up woke neither direction.
TYPED_TEST(BackendConformance, AWriterThatIsGoneIsAnEventForTheReaderOfAPipe) {
  Pipe pipe = std::move(sys::create_pipe().value());
  ASSERT_TRUE(succeeded(this->add(pipe.reader, 1, Interest::readable)));
  pipe.writer.reset();
  const ReadyEvent event = this->look_until(1, is_readable);
  EXPECT_TRUE(event.read_closed);
}

// In moduvex_runtime a hang-up woke neither direction.
TYPED_TEST(BackendConformance, AReaderThatIsGoneIsAnEventForTheWriterOfAPipe) {
  Pipe pipe = std::move(sys::create_pipe().value());
  while (sys::write(pipe.writer.raw(), test::bytes_of(std::string(4096, 'x')))) {
  }
  ASSERT_TRUE(succeeded(this->add(pipe.writer, 1, Interest::writable)));
  EXPECT_FALSE(this->look(1).writable);
  pipe.reader.reset();
  this->look_until(1, is_writable);
}

TYPED_TEST(BackendConformance, BytesBeforeTheEndAreReportedWithIt) {
  SocketPair pair = connected_sockets();
  send_text(pair.server.raw(), "last words");
  pair.server.reset();
  ASSERT_TRUE(succeeded(this->add(pair.client, 1, kBoth)));
  if (test::kTellsOfAnEndBehindData) {
    this->look_until(1, [](const ReadyEvent& e) { return e.readable && e.read_closed; });
  } else {
    this->look_until(1, is_readable);
  }
  EXPECT_EQ(test::drain(pair.client.raw()), 10U);
}

TYPED_TEST(BackendConformance, OutOfBandDataIsAPriorityEvent) {
  const SocketPair pair = connected_sockets();
  ASSERT_TRUE(succeeded(this->add(pair.server, 1, Interest::readable | Interest::priority)));
  send_text(pair.client.raw(), "x");
  EXPECT_FALSE(this->look_until(1, is_readable).priority);
  test::send_urgent(pair.client.raw(), '!');
  this->look_until(1, [](const ReadyEvent& e) { return e.priority; });
}

}  // namespace
}  // namespace eddy
