// SPDX-License-Identifier: MIT
#include "eddy/sync/rw_lock.hpp"

#include "eddy/task/spawn.hpp"
#include "eddy/task/waker.hpp"

#include "support/run.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>

namespace eddy {
namespace {

using test::run;

using Text = RwLock<std::string>;

Task<> write(Text& text, char letter) {
  auto guard = co_await text.write();
  *guard += letter;
}

Task<> read(Text& text, std::string& seen) {
  const auto guard = co_await text.read();
  seen = *guard;
}

TEST(RwLock, LetsManyReadAtOnce) {
  run([]() -> Task<> {
    Text text("a");
    const auto first = co_await text.read();
    const auto second = co_await text.read();
    EXPECT_EQ(*first + *second, "aa");
    EXPECT_TRUE(text.try_read().has_value());
    EXPECT_FALSE(text.try_write().has_value());
  });
}

TEST(RwLock, LetsAWriterInAlone) {
  run([]() -> Task<> {
    Text text;
    auto guard = co_await text.write();
    *guard = "b";
    EXPECT_FALSE(text.try_read().has_value());
    EXPECT_FALSE(text.try_write().has_value());
    guard.unlock();
    EXPECT_EQ(*co_await text.read(), "b");
  });
}

TEST(RwLock, LetsNoReaderPastAWaitingWriter) {
  run([]() -> Task<> {
    Text text("a");
    std::string seen;
    auto reading = co_await text.read();
    JoinHandle<> writer = spawn(write, std::ref(text), 'b');
    JoinHandle<> reader = spawn(read, std::ref(text), std::ref(seen));
    co_await yield_now();
    EXPECT_FALSE(text.try_read().has_value());
    reading.unlock();
    EXPECT_TRUE((co_await writer).has_value());
    EXPECT_TRUE((co_await reader).has_value());
    EXPECT_EQ(seen, "ab");
  });
}

TEST(RwLock, LetsReadersInOnceTheWriterThatTheyWaitForIsCancelled) {
  run([]() -> Task<> {
    Text text("a");
    std::string seen;
    auto reading = co_await text.read();
    JoinHandle<> writer = spawn(write, std::ref(text), 'b');
    JoinHandle<> reader = spawn(read, std::ref(text), std::ref(seen));
    co_await yield_now();
    writer.abort();
    EXPECT_TRUE((co_await reader).has_value());
    EXPECT_EQ(seen, "a");
  });
}

TEST(RwLock, IsUnlockedOnceByAGuardThatWasMoved) {
  run([]() -> Task<> {
    Text text;
    Text other;
    auto guard = co_await text.write();
    auto moved = std::move(guard);
    moved = co_await other.write();
    EXPECT_TRUE(text.try_write().has_value());
    EXPECT_FALSE(other.try_write().has_value());
  });
}

TEST(RwLockDeathTest, StopsTheProgramIfItIsDestroyedWhileItIsRead) {
  const auto destroy = [] {
    run([]() -> Task<> {
      auto text = std::make_unique<Text>();
      const auto guard = co_await text->read();
      text.reset();
    });
  };
  EXPECT_DEATH(destroy(), "a RwLock was destroyed while somebody holds it");
}

}  // namespace
}  // namespace eddy
