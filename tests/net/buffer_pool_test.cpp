// Reads into buffers of a pool: who holds a buffer, when, and how many buffers there are.
// SPDX-License-Identifier: MIT
#include "eddy/net/buffer_pool.hpp"

#include "eddy/compose/timeout.hpp"
#include "eddy/compose/when_any.hpp"
#include "eddy/net/tcp_stream.hpp"
#include "eddy/task/ok.hpp"
#include "eddy/task/spawn.hpp"
#include "eddy/task/waker.hpp"
#include "eddy/time/sleep.hpp"

#include "support/bytes.hpp"
#include "support/reactor.hpp"
#include "support/result.hpp"
#include "support/run.hpp"
#include "support/tcp.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

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

TEST(BufferPool, AReadGivesTheBytesInABufferThatIsLentUntilItIsDestroyed) {
  BufferPool pool;
  TcpPair pair;
  run([&]() -> Task<> {
    send_text(pair.client.raw(), "hello");
    {
      const Result<PooledBuffer> bytes = co_await pair.server.read(pool);
      EXPECT_TRUE(succeeded(bytes));
      EXPECT_EQ(text_of(*bytes), "hello");
      EXPECT_FALSE(bytes->empty());
      EXPECT_EQ(pool.lent(), 1U);
    }
    EXPECT_EQ(pool.lent(), 0U);
  });
}

TEST(BufferPool, AReadThatWaitsHoldsNoBuffer) {
  BufferPool pool;
  TcpPair pair;
  std::string got;
  run([&]() -> Task<> {
    const auto reader = [&]() -> Task<> {
      const Result<PooledBuffer> bytes = co_await pair.server.read(pool);
      got = text_of(*bytes);
    };
    JoinHandle<void> reading = spawn(reader);
    co_await yield_now();
    EXPECT_EQ(pool.lent(), 0U);  // the buffer of the first attempt is back, too
    send_text(pair.client.raw(), "late");
    (void)co_await reading;
  });
  EXPECT_EQ(got, "late");
  EXPECT_EQ(pool.lent(), 0U);
}

TEST(BufferPool, TheEndOfTheStreamIsEmptyAndHoldsNoBuffer) {
  BufferPool pool;
  TcpPair pair;
  pair.client.close();
  run([&]() -> Task<> {
    const Result<PooledBuffer> bytes = co_await pair.server.read(pool);
    EXPECT_TRUE(succeeded(bytes));
    EXPECT_TRUE(bytes->empty());
    EXPECT_EQ(bytes->size(), 0U);
    EXPECT_EQ(pool.lent(), 0U);
  });
}

TEST(BufferPool, AnErrorHoldsNoBuffer) {
  BufferPool pool;
  TcpPair pair;
  EXPECT_TRUE(succeeded(pair.client.set_reset_on_close(true)));
  pair.client.close();
  run([&]() -> Task<> {
    const Result<PooledBuffer> bytes = co_await pair.server.read(pool);
    EXPECT_TRUE(failed_with(bytes, std::errc::connection_reset));
    EXPECT_EQ(pool.lent(), 0U);
  });
}

TEST(BufferPool, AReadOfAStreamThatIsClosedMeanwhileIsCancelledAndHoldsNoBuffer) {
  BufferPool pool;
  TcpPair pair;
  run([&]() -> Task<> {
    std::optional<std::error_code> error;
    const auto reader = [&]() -> Task<> {
      const Result<PooledBuffer> bytes = co_await pair.server.read(pool);
      if (!bytes) error = bytes.error();
    };
    JoinHandle<void> reading = spawn(reader);
    co_await yield_now();
    send_text(pair.client.raw(), "too late");
    test::poll_until_woken();
    pair.server.close();
    (void)co_await reading;
    EXPECT_EQ(error, std::make_error_code(std::errc::operation_canceled));
    EXPECT_EQ(pool.lent(), 0U);
  });
}

TEST(BufferPool, MoreThanABufferComesInSeveralReadsInOrder) {
  BufferPool pool(1000);
  TcpPair pair;
  const std::vector<std::byte> sent = test::pattern(10'500);
  std::vector<std::byte> got;
  run([&]() -> Task<> {
    const auto writer = [&]() -> Task<> {
      EXPECT_TRUE(succeeded(co_await pair.client.write_all(sent)));
      pair.client.close();
    };
    JoinHandle<void> writing = spawn(writer);
    for (;;) {
      const Result<PooledBuffer> bytes = co_await pair.server.read(pool);
      EXPECT_TRUE(succeeded(bytes));
      if (!bytes || bytes->empty()) break;
      EXPECT_LE(bytes->size(), 1000U);
      got.insert(got.end(), bytes->begin(), bytes->end());
    }
    (void)co_await writing;
  });
  EXPECT_EQ(got, sent);
}

Task<Result<std::size_t>> read_all_ok(TcpStream& stream, BufferPool& pool, std::size_t& most) {
  std::size_t total = 0;
  for (;;) {
    const PooledBuffer bytes = co_await ok(stream.read(pool));
    if (bytes.empty()) co_return total;
    total += bytes.size();
    most = std::max(most, pool.lent());
  }
}

TEST(BufferPool, WorksWithOkTimeoutAndWhenAny) {
  BufferPool pool(16);
  TcpPair pair;
  run([&]() -> Task<> {
    EXPECT_TRUE(failed_with(co_await timeout(1ms, pair.server.read(pool)), std::errc::timed_out));
    const auto first = co_await when_any(pair.server.read(pool), sleep_for(1ms));
    EXPECT_EQ(first.index(), 1U);
    EXPECT_EQ(pool.lent(), 0U);

    send_text(pair.client.raw(), std::string(100, 'x'));
    const auto second = co_await when_any(pair.server.read(pool), sleep_for(1h));
    EXPECT_EQ(second.index(), 0U);
    EXPECT_EQ(text_of(*std::get<0>(second)), std::string(16, 'x'));
    const Result<PooledBuffer> timed = co_await timeout(1h, pair.server.read(pool));
    EXPECT_TRUE(succeeded(timed));
    EXPECT_EQ(pool.lent(), 2U);

    pair.client.close();
    std::size_t most = 0;
    EXPECT_EQ(co_await read_all_ok(pair.server, pool, most),
              Result<std::size_t>(100 - 16 - timed->size()));
    EXPECT_EQ(most, 3U);  // the loop gives each back before the next read
    EXPECT_TRUE(
        failed_with(co_await read_all_ok(pair.client, pool, most), std::errc::operation_canceled));
  });
  EXPECT_EQ(pool.lent(), 0U);
}

TEST(BufferPool, AHalfOfAStreamReadsTheSameWay) {
  BufferPool pool;
  TcpPair pair;
  run([&]() -> Task<> {
    auto [reader, writer] = std::move(pair.server).split();
    send_text(pair.client.raw(), "half");
    const Result<PooledBuffer> bytes = co_await reader.read(pool);
    EXPECT_EQ(text_of(*bytes), "half");
    EXPECT_TRUE(succeeded(co_await writer.write_all(*bytes)));
    const Result<PooledBuffer> back = co_await pair.client.read(pool);
    EXPECT_EQ(text_of(*back), "half");
  });
}

TEST(BufferPool, TheBytesMayBeChangedInPlaceAndMoved) {
  BufferPool pool;
  TcpPair pair;
  run([&]() -> Task<> {
    send_text(pair.client.raw(), "abc");
    Result<PooledBuffer> bytes = co_await pair.server.read(pool);
    std::memset(bytes->data(), 'x', bytes->size());
    PooledBuffer moved = std::move(*bytes);
    EXPECT_TRUE(bytes->empty());
    EXPECT_EQ(text_of(moved), "xxx");
    PooledBuffer other;
    EXPECT_TRUE(other.empty());
    other = std::move(moved);
    EXPECT_EQ(text_of(other), "xxx");
    EXPECT_EQ(pool.lent(), 1U);
  });
  EXPECT_EQ(pool.lent(), 0U);
}

TEST(BufferPool, LendsTheBufferThatCameBackLast) {
  BufferPool pool;
  detail::PoolBlock* const first = detail::PoolAccess::take(pool);
  detail::PoolBlock* const second = detail::PoolAccess::take(pool);
  first->home->give_back(*first);
  second->home->give_back(*second);
  EXPECT_EQ(detail::PoolAccess::take(pool), second);
  EXPECT_EQ(detail::PoolAccess::take(pool), first);
  first->home->give_back(*first);
  second->home->give_back(*second);
}

TEST(BufferPool, KeepsNoMoreSpareBuffersThanItMay) {
  BufferPool pool(64, 2);
  std::vector<detail::PoolBlock*> blocks;
  for (int i = 0; i < 5; ++i) blocks.push_back(detail::PoolAccess::take(pool));
  EXPECT_EQ(pool.lent(), 5U);
  for (detail::PoolBlock* block : blocks) block->home->give_back(*block);
  EXPECT_EQ(pool.lent(), 0U);
  EXPECT_EQ(pool.spare(), 2U);

  BufferPool none(64, 0);
  detail::PoolBlock* const block = detail::PoolAccess::take(none);
  block->home->give_back(*block);
  EXPECT_EQ(none.spare(), 0U);
}

/// A buffer of `pool`, as if `size` bytes had been read into it.
PooledBuffer lend(BufferPool& pool, std::size_t size) {
  detail::PoolBlock& block = *detail::PoolAccess::take(pool);
  block.size = size;
  return detail::PoolAccess::lend(block);
}

TEST(BufferPool, ABufferMayOutliveItsPool) {
  std::optional<BufferPool> pool(std::in_place);
  TcpPair pair;
  run([&]() -> Task<> {
    send_text(pair.client.raw(), "last");
    test::spin_until_ready(pair.server.raw(), Interest::readable);
    const Result<PooledBuffer> bytes = co_await pair.server.read(*pool);
    {
      const PooledBuffer other = lend(*pool, 1);
      pool.reset();
    }
    EXPECT_EQ(text_of(*bytes), "last");
  });  // the lent buffer, and its bookkeeping, are freed: the sanitizers check that
}

TEST(BufferPool, AnAssignmentGivesTheOldBufferBackAtOnce) {
  BufferPool pool;
  PooledBuffer one = lend(pool, 1);
  PooledBuffer other = lend(pool, 2);
  one = std::move(other);
  EXPECT_EQ(one.size(), 2U);
  EXPECT_EQ(pool.lent(), 1U);
  PooledBuffer& itself = one;
  one = std::move(itself);
  EXPECT_EQ(one.size(), 2U);
  one = PooledBuffer();
  EXPECT_EQ(pool.lent(), 0U);
}

TEST(BufferPool, AnOperationThatIsAwaitedAgainReadsAgain) {
  BufferPool pool(2);
  TcpPair pair;
  run([&]() -> Task<> {
    send_text(pair.client.raw(), "abcd");
    test::spin_until_ready(pair.server.raw(), Interest::readable);
    auto operation = pair.server.read(pool);
    const Result<PooledBuffer> first = co_await std::move(operation);
    const Result<PooledBuffer> second = co_await std::move(operation);
    EXPECT_EQ(text_of(*first) + text_of(*second), "abcd");
    EXPECT_EQ(pool.lent(), 2U);
  });
  EXPECT_EQ(pool.lent(), 0U);
}

TEST(BufferPool, ABufferTooLargeForTheMemoryIsAnErrorOfTheRead) {
  BufferPool pool(SIZE_MAX - 15);
  TcpPair pair;
  run([&]() -> Task<> {
    send_text(pair.client.raw(), "x");
    test::spin_until_ready(pair.server.raw(), Interest::readable);
    EXPECT_TRUE(failed_with(co_await pair.server.read(pool), std::errc::not_enough_memory));
  });
}

class BufferPoolDeathTest : public testing::Test {
 protected:
  BufferPoolDeathTest() { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
};

TEST_F(BufferPoolDeathTest, BuffersOfNoBytesStopTheProgram) {
  EXPECT_EXIT(BufferPool pool(0), testing::KilledBySignal(SIGABRT), "buffers of at least one byte");
}

}  // namespace
}  // namespace eddy
