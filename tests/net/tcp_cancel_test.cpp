// Cancels every operation of a stream in each of its states: nothing is lost.
// SPDX-License-Identifier: MIT
#include "eddy/compose/timeout.hpp"
#include "eddy/compose/when_any.hpp"
#include "eddy/net/tcp_listener.hpp"
#include "eddy/net/tcp_stream.hpp"
#include "eddy/task/spawn.hpp"
#include "eddy/task/waker.hpp"
#include "eddy/time/sleep.hpp"

#include "support/bytes.hpp"
#include "support/reactor.hpp"
#include "support/result.hpp"
#include "support/run.hpp"
#include "support/tcp.hpp"

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <optional>
#include <string>
#include <utility>

namespace eddy {
namespace {

using namespace std::chrono_literals;
using test::bytes_of;
using test::failed_with;
using test::run;
using test::send_text;
using test::succeeded;
using test::TcpPair;
using test::text_of;

/// An operation on a stream, by name; sets `ran_on` if it completes.
struct NamedOperation {
  const char* name;
  Task<> (*start)(TcpStream& stream, bool& ran_on);
};

std::array<std::byte, 64> buffer{};
BufferPool pool;
const std::array<std::span<std::byte>, 1> kBuffers = {buffer};
const std::array<std::span<const std::byte>, 1> kData = {buffer};

// One function for each operation, because an operation that refers to its stream must be made in
// the coroutine that awaits it.
#define EDDY_OPERATION(function_name, expression)         \
  Task<> function_name(TcpStream& stream, bool& ran_on) { \
    static_cast<void>(co_await stream.expression);        \
    ran_on = true;                                        \
  }
EDDY_OPERATION(do_read, read(buffer))
EDDY_OPERATION(do_pooled_read, read(pool))
EDDY_OPERATION(do_read_vectored, read_vectored(kBuffers))
EDDY_OPERATION(do_read_exact, read_exact(buffer))
EDDY_OPERATION(do_peek, peek(buffer))
EDDY_OPERATION(do_readable, readable())
EDDY_OPERATION(do_write, write(buffer))
EDDY_OPERATION(do_write_vectored, write_vectored(kData))
EDDY_OPERATION(do_write_all, write_all(buffer))
EDDY_OPERATION(do_writable, writable())
#undef EDDY_OPERATION

std::string name_of(const testing::TestParamInfo<NamedOperation>& info) { return info.param.name; }

class CancelledRead : public testing::TestWithParam<NamedOperation> {
 protected:
  JoinHandle<void> start() {
    return spawn(GetParam().start, std::ref(pair_.server), std::ref(ran_on_));
  }
  /// The next reader gets all bytes that were sent, even after a cancelled read.
  Task<> expect_intact(std::string sent) {
    std::string text(sent.size(), ' ');
    const auto all = std::as_writable_bytes(std::span(text));
    EXPECT_TRUE(succeeded(co_await pair_.server.read_exact(all)));
    EXPECT_EQ(text, sent);
    EXPECT_FALSE(ran_on_);
    EXPECT_EQ(pool.lent(), 0U);
  }

  TcpPair pair_;
  bool ran_on_ = false;
};

TEST_P(CancelledRead, BeforeItStartsLeavesTheBytes) {
  run([&]() -> Task<> {
    send_text(pair_.client.raw(), "hello");
    test::spin_until_ready(pair_.server.raw(), Interest::readable);
    JoinHandle<void> handle = start();
    handle.abort();
    EXPECT_FALSE((co_await handle).has_value());
    co_await expect_intact("hello");
  });
}

TEST_P(CancelledRead, WhileItWaitsLeavesTheNextOneUnharmed) {
  run([&]() -> Task<> {
    JoinHandle<void> handle = start();
    co_await yield_now();
    handle.abort();
    handle.abort();  // twice
    EXPECT_FALSE((co_await handle).has_value());
    send_text(pair_.client.raw(), "hello");
    co_await expect_intact("hello");
  });
}

TEST_P(CancelledRead, AfterTheWakeAndBeforeItRunsLeavesTheBytes) {
  run([&]() -> Task<> {
    JoinHandle<void> handle = start();
    co_await yield_now();
    send_text(pair_.client.raw(), "hello");
    test::poll_until_woken();
    handle.abort();
    EXPECT_FALSE((co_await handle).has_value());
    co_await expect_intact("hello");
  });
}

TEST_P(CancelledRead, BeforeTheWakeInTheSameTurnLeavesTheBytes) {
  run([&]() -> Task<> {
    JoinHandle<void> handle = start();
    co_await yield_now();
    handle.abort();
    send_text(pair_.client.raw(), "hello");
    test::poll_once(10ms);
    EXPECT_FALSE((co_await handle).has_value());
    co_await expect_intact("hello");
  });
}

TEST_P(CancelledRead, ByATimeoutLeavesTheBytes) {
  run([&]() -> Task<> {
    EXPECT_TRUE(failed_with(co_await timeout(1ms, GetParam().start(pair_.server, ran_on_)),
                            std::errc::timed_out));
    send_text(pair_.client.raw(), "hello");
    co_await expect_intact("hello");
  });
}

TEST_P(CancelledRead, AsTheLoserOfAWhenAnyInTheSameTurnLeavesTheBytes) {
  TcpPair other;
  run([&]() -> Task<> {
    std::array<std::byte, 8> room{};
    const auto selecting = [&]() -> Task<> {
      const auto first =
          co_await when_any(other.server.read(room), GetParam().start(pair_.server, ran_on_));
      EXPECT_EQ(first.index(), 0U);
    };
    JoinHandle<void> handle = spawn(selecting);
    co_await yield_now();
    send_text(other.client.raw(), "first");
    test::poll_until_woken();
    send_text(pair_.client.raw(), "hello");
    test::poll_once();  // wakes the other branch too, if a byte arrives as soon as it is sent
    (void)co_await handle;
    co_await expect_intact("hello");
  });
}

INSTANTIATE_TEST_SUITE_P(Operations, CancelledRead,
                         testing::Values(NamedOperation{"read", do_read},
                                         NamedOperation{"pooled_read", do_pooled_read},
                                         NamedOperation{"read_vectored", do_read_vectored},
                                         NamedOperation{"read_exact", do_read_exact},
                                         NamedOperation{"peek", do_peek},
                                         NamedOperation{"readable", do_readable}),
                         name_of);

class CancelledWrite : public testing::TestWithParam<NamedOperation> {
 protected:
  CancelledWrite() : filled_(test::fill(pair_.server.raw())) {}

  JoinHandle<void> start() {
    return spawn(GetParam().start, std::ref(pair_.server), std::ref(ran_on_));
  }
  /// Makes room to write, until the kernel reports it. Counts the bytes that came out.
  void make_room() {
    while (sys::poll_now(pair_.server.raw(), Interest::writable)->empty()) {
      drained_ += test::drain(pair_.client.raw());
    }
  }
  /// The cancelled write has sent nothing, and the next one works.
  Task<> expect_intact() {
    EXPECT_FALSE(ran_on_);
    make_room();
    const auto end = [&]() -> Task<> {
      EXPECT_TRUE(succeeded(co_await pair_.server.write_all(bytes_of("end"))));
      pair_.server.close();
    };
    JoinHandle<void> ending = spawn(end);
    std::array<std::byte, 4096> room{};
    std::string last;
    for (;;) {
      const Result<std::size_t> n = co_await pair_.client.read(room);
      EXPECT_TRUE(succeeded(n));
      if (!n || *n == 0) break;
      drained_ += *n;
      last = (last + text_of(std::span(room).first(*n)));
      if (last.size() > 3) last.erase(0, last.size() - 3);
    }
    EXPECT_EQ(drained_, filled_ + 3);
    EXPECT_EQ(last, "end");
    (void)co_await ending;
  }

  TcpPair pair_;
  std::size_t filled_;
  std::size_t drained_ = 0;
  bool ran_on_ = false;
};

TEST_P(CancelledWrite, BeforeItStartsWritesNothing) {
  run([&]() -> Task<> {
    make_room();
    JoinHandle<void> handle = start();
    handle.abort();
    EXPECT_FALSE((co_await handle).has_value());
    co_await expect_intact();
  });
}

TEST_P(CancelledWrite, WhileItWaitsWritesNothing) {
  run([&]() -> Task<> {
    JoinHandle<void> handle = start();
    co_await yield_now();
    handle.abort();
    handle.abort();  // twice
    EXPECT_FALSE((co_await handle).has_value());
    co_await expect_intact();
  });
}

TEST_P(CancelledWrite, AfterTheWakeAndBeforeItRunsWritesNothing) {
  run([&]() -> Task<> {
    JoinHandle<void> handle = start();
    co_await yield_now();
    make_room();
    test::poll_until_woken();
    handle.abort();
    EXPECT_FALSE((co_await handle).has_value());
    co_await expect_intact();
  });
}

TEST_P(CancelledWrite, ByATimeoutWritesNothing) {
  run([&]() -> Task<> {
    EXPECT_TRUE(failed_with(co_await timeout(1ms, GetParam().start(pair_.server, ran_on_)),
                            std::errc::timed_out));
    co_await expect_intact();
  });
}

TEST_P(CancelledWrite, AsTheLoserOfAWhenAnyInTheSameTurnWritesNothing) {
  TcpPair other;
  run([&]() -> Task<> {
    std::array<std::byte, 8> room{};
    const auto selecting = [&]() -> Task<> {
      const auto first =
          co_await when_any(other.server.read(room), GetParam().start(pair_.server, ran_on_));
      EXPECT_EQ(first.index(), 0U);
    };
    JoinHandle<void> handle = spawn(selecting);
    co_await yield_now();
    send_text(other.client.raw(), "first");
    test::poll_until_woken();
    make_room();
    test::poll_once();  // wakes the other branch too, if the room is reported at once
    (void)co_await handle;
    co_await expect_intact();
  });
}

INSTANTIATE_TEST_SUITE_P(Operations, CancelledWrite,
                         testing::Values(NamedOperation{"write", do_write},
                                         NamedOperation{"write_vectored", do_write_vectored},
                                         NamedOperation{"write_all", do_write_all},
                                         NamedOperation{"writable", do_writable}),
                         name_of);

}  // namespace
}  // namespace eddy
