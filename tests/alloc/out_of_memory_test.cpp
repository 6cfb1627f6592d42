// Each allocation of a program is refused in turn: std::bad_alloc comes out where it happened, and
// nothing leaks or is destroyed twice.
// SPDX-License-Identifier: MIT
#include "eddy/eddy.hpp"

#include "alloc/counting_new.hpp"
#include "support/run.hpp"
#include "support/sockets.hpp"
#include "support/trace.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <functional>
#include <new>
#include <optional>
#include <vector>

namespace eddy {
namespace {

using namespace std::chrono_literals;
using test::Guard;
using test::run;
using test::Tally;

// Larger than the largest class of the frame pool, so that each frame is an allocation.
using Bulk = std::array<std::byte, 4096>;

[[gnu::noinline]] int use(const Bulk& bulk) { return static_cast<int>(bulk[bulk.size() / 2]); }

// Not inlined, so that no compiler puts the frame into the caller's. It uses its argument, so that
// no compiler leaves the argument out.
[[gnu::noinline]] Task<int> child(Guard, Bulk bulk, bool wait) {
  if (wait) co_await yield_now();
  co_return use(bulk);
}

Task<> child_of_group(Guard guard, Bulk bulk) {
  static_cast<void>(co_await child(std::move(guard), bulk, true));
}

/// Runs `program` again and again: the k-th run refuses the k-th allocation. Ends with the run that
/// meets no refusal.
void refuse_each(const std::function<Task<>(Tally&)>& program) {
  run([]() -> Task<> { co_await yield_now(); });  // makes the worker
  int refused = 0;
  for (long k = 0; k < 1000; ++k) {
    Tally tally;
    bool thrown = false;
    auto guarded = [&]() -> Task<> {
      test::refuse_allocation_after(k);
      try {
        co_await program(tally);
      } catch (const std::bad_alloc&) {
        thrown = true;
      }
      test::refuse_allocation_after(-1);
    };
    run(guarded);
    EXPECT_TRUE(tally.all_gone_once()) << "allocation " << k;
    if (!thrown) {
      EXPECT_GT(refused, 0);
      return;
    }
    ++refused;
  }
  ADD_FAILURE() << "always out of memory";
}

TEST(OutOfMemory, InAnAwaitThrowsAndLeaksNothing) {
  refuse_each([](Tally& tally) -> Task<> {
    static_cast<void>(co_await child(Guard(tally), Bulk(), false));
    static_cast<void>(co_await child(Guard(tally), Bulk(), true));
  });
}

TEST(OutOfMemory, InASpawnThrowsAndLeaksNothing) {
  refuse_each([](Tally& tally) -> Task<> {
    JoinHandle<int> handle = spawn(child, Guard(tally), Bulk(), true);
    JoinHandle<int> captured = spawn(
        [guard = Guard(tally)](const Bulk&) -> Task<int> {
          co_await yield_now();
          co_return 1;
        },
        Bulk());
    const JoinResult<int> joined = co_await handle;
    if (!joined) joined.error().rethrow();
    const JoinResult<int> also = co_await captured;
    if (!also) also.error().rethrow();
  });
}

TEST(OutOfMemory, InAWhenAnyThrowsAndLeaksNothing) {
  refuse_each([](Tally& tally) -> Task<> {
    co_await when_any(child(Guard(tally), Bulk(), true), child(Guard(tally), Bulk(), true),
                      sleep_for(1h));
  });
}

TEST(OutOfMemory, InAWhenAllThrowsAndLeaksNothing) {
  refuse_each([](Tally& tally) -> Task<> {
    std::vector<Task<int>> tasks;
    for (int i = 0; i < 4; ++i) tasks.push_back(child(Guard(tally), Bulk(), i % 2 == 0));
    static_cast<void>(co_await when_all(std::move(tasks)));
  });
}

TEST(OutOfMemory, InATimeoutThrowsAndLeaksNothing) {
  refuse_each([](Tally& tally) -> Task<> {
    auto inner = [&]() -> Task<int> { co_return co_await child(Guard(tally), Bulk(), true); };
    static_cast<void>(co_await timeout(1h, inner()));
    auto body = [&](TaskGroup&) -> Task<int> {
      const Bulk bulk{};
      co_await yield_now();
      co_return static_cast<int>(bulk[0]);
    };
    static_cast<void>(co_await timeout(1h, with_group(body)));
  });
}

Task<> clean_up(int& count, Guard, Bulk bulk) {
  co_await yield_now();
  count += 1 + use(bulk);
}

TEST(OutOfMemory, InAFinallyThrowsAndRunsTheCleanUpIfItsTaskHasBegun) {
  refuse_each([](Tally& tally) -> Task<> {
    int begun = 0;
    int cleaned = 0;
    auto work = [&]() -> Task<int> {
      ++begun;
      co_return co_await child(Guard(tally), Bulk(), true);
    };
    const test::AtEnd check([&] { EXPECT_EQ(begun, cleaned); });
    static_cast<void>(co_await finally(work(), clean_up, std::ref(cleaned), Guard(tally), Bulk()));
  });
}

TEST(OutOfMemory, AtACancellationLetsTheCleanUpRun) {
  int cleaned = 0;
  Tally tally;
  run([&]() -> Task<> {
    auto user = [&]() -> Task<> {
      co_await finally(sleep_for(1h), clean_up, std::ref(cleaned), Guard(tally), Bulk());
    };
    JoinHandle<> handle = spawn(user);
    co_await yield_now();
    handle.abort();
    test::refuse_allocation_after(0);
    while (tally.alive() != 0) co_await yield_now();
    test::refuse_allocation_after(-1);
    (void)co_await handle;
  });
  EXPECT_EQ(cleaned, 1);
  EXPECT_TRUE(tally.all_gone_once());
}

TEST(OutOfMemory, InAGroupThrowsAndLeaksNothing) {
  refuse_each([](Tally& tally) -> Task<> {
    auto body = [&](TaskGroup& group) -> Task<> {
      for (int i = 0; i < 3; ++i) group.spawn(child_of_group, Guard(tally), Bulk());
      co_await yield_now();
    };
    co_await with_group(body);
  });
}

TEST(OutOfMemory, InAGroupThatCollectsThrowsAndLeaksNothing) {
  refuse_each([](Tally& tally) -> Task<> {
    auto fails = [](Guard) -> Task<Result<>> { co_return failure(Error::closed); };
    auto body = [&](TaskGroup& group) -> Task<> {
      for (int i = 0; i < 3; ++i) co_await group.spawn_when_free(fails, Guard(tally));
    };
    const auto done = co_await with_group<OnError::collect>(Concurrency(2), body);
    if (done || done.error().size() != 3) throw std::bad_alloc();  // of the body
  });
}

TEST(OutOfMemory, InAJoinSetThrowsAndLeaksNothing) {
  refuse_each([](Tally& tally) -> Task<> {
    JoinSet<int> set;
    for (int i = 0; i < 3; ++i) set.spawn(child, Guard(tally), Bulk(), true);
    while (std::optional<Joined<int>> joined = co_await set.next()) {
      if (!joined->result) joined->result.error().rethrow();
    }
  });
}

TEST(OutOfMemory, InAWakerThrowsAndLeaksNothing) {
  refuse_each([](Tally& tally) -> Task<> {
    auto task = [](Guard) -> Task<> {
      const Waker waker = co_await current_waker();
      waker.wake();
      co_await suspend();
    };
    JoinHandle<void> handle = spawn(task, Guard(tally));
    const AbortHandle abort = handle.abort_handle();
    const JoinResult<void> joined = co_await handle;
    if (!joined) joined.error().rethrow();
  });
}

/// Makes one read of `stream` while there is no memory for a buffer.
Task<Result<PooledBuffer>> read_without_memory(TcpStream& stream, BufferPool& pool) {
  test::refuse_allocation_after(0);
  Result<PooledBuffer> bytes = co_await stream.read(pool);
  test::refuse_allocation_after(-1);
  co_return bytes;
}

TEST(OutOfMemory, ForABufferOfAPoolIsAnErrorOfTheReadAndTheBytesStay) {
  test::SocketPair sockets = test::connected_sockets();
  TcpStream left(std::move(sockets.client));
  TcpStream right(std::move(sockets.server));
  BufferPool pool;
  run([&]() -> Task<> {
    const std::array<std::byte, 3> sent{};
    static_cast<void>(co_await left.write_all(sent));
    static_cast<void>(co_await right.readable());
    Result<PooledBuffer> bytes = co_await read_without_memory(right, pool);
    EXPECT_EQ(bytes.error(), std::errc::not_enough_memory);
    EXPECT_EQ(pool.lent(), 0U);
    bytes = co_await right.read(pool);
    EXPECT_EQ(bytes.value().size(), sent.size());
  });
}

TEST(OutOfMemory, ForABufferOfAPoolDoesNotMatterIfThereIsNothingToRead) {
  test::SocketPair sockets = test::connected_sockets();
  TcpStream left(std::move(sockets.client));
  TcpStream right(std::move(sockets.server));
  BufferPool pool(64, 0);
  run([&]() -> Task<> {
    std::array<std::byte, 3> bytes{};
    static_cast<void>(co_await left.write_all(bytes));
    static_cast<void>(co_await right.readable());
    EXPECT_EQ(sys::receive(right.raw(), bytes).value_or(0), bytes.size());  // unseen by eddy
    auto send_later = [&]() -> Task<> {
      co_await yield_now();
      test::refuse_allocation_after(-1);
      static_cast<void>(co_await left.write_all(bytes));
    };
    JoinHandle<void> sending = spawn(send_later);
    co_await yield_now();
    {
      const Result<PooledBuffer> came = co_await read_without_memory(right, pool);
      EXPECT_EQ(came.value().size(), bytes.size());
      EXPECT_EQ(pool.lent(), 1U);
    }
    static_cast<void>(co_await sending);

    left.close();
    const Result<PooledBuffer> end = co_await read_without_memory(right, pool);
    EXPECT_TRUE(end.value().empty());
    right.close();
    const Result<PooledBuffer> closed = co_await read_without_memory(right, pool);
    EXPECT_EQ(closed.error(), std::errc::operation_canceled);
  });
}

}  // namespace
}  // namespace eddy
