// A stream whose descriptor somebody else has closed, and whose number is another descriptor's now.
// SPDX-License-Identifier: MIT
#include "eddy/net/tcp_stream.hpp"
#include "eddy/platform/sys.hpp"
#include "eddy/task/spawn.hpp"
#include "eddy/task/waker.hpp"

#include "support/bytes.hpp"
#include "support/descriptors.hpp"
#include "support/result.hpp"
#include "support/run.hpp"
#include "support/tcp.hpp"

#include <gtest/gtest.h>

#include <array>
#include <functional>
#include <optional>
#include <utility>

namespace eddy {
namespace {

using test::failed_with;
using test::run;
using test::succeeded;
using test::TcpPair;

/// Registers the stream, by a wait that is given up.
Task<> register_by_waiting(TcpStream& stream) {
  const auto wait = [](TcpStream& waits) -> Task<> { (void)co_await waits.closed(); };
  JoinHandle<void> waiting = spawn(wait, std::ref(stream));
  co_await yield_now();
  waiting.abort();
  (void)co_await waiting;
}

class LostStream : public testing::Test {
 protected:
  Task<> lose() {
    co_await register_by_waiting(*old_);
    const RawSource number = old_->raw();
    sys::close(number).value();
    fresh_.emplace(test::duplicate_onto(second_.server.raw(), number));
    second_.server.close();
    EXPECT_EQ(fresh_->raw(), number);
    co_await register_by_waiting(*fresh_);
  }

  /// The socket that has the number now still works.
  Task<> expect_whole_stranger() {
    std::array<std::byte, 6> buffer{};
    EXPECT_TRUE(succeeded(co_await second_.client.write_all("secret")));
    EXPECT_TRUE(succeeded(co_await fresh_->read_exact(buffer)));
    EXPECT_TRUE(succeeded(co_await fresh_->write_all("answer")));
    EXPECT_TRUE(succeeded(co_await second_.client.read_exact(buffer)));
  }

  TcpPair first_;
  TcpPair second_;
  std::optional<TcpStream> old_{std::move(first_.server)};
  std::optional<TcpStream> fresh_;
};

template <class T>
testing::AssertionResult is_refused(const Result<T>& result) {
  return failed_with(result, std::errc::bad_file_descriptor);
}

TEST_F(LostStream, NeitherReadsNorWritesNorSetsOptionsOfAnotherSocket) {
  run([&]() -> Task<> {
    co_await lose();
    EXPECT_TRUE(succeeded(co_await second_.client.write_all("secret")));
    EXPECT_TRUE(succeeded(co_await fresh_->readable()));
    std::array<std::byte, 16> buffer{};
    EXPECT_EQ(old_->raw(), kNoSource);
    EXPECT_TRUE(is_refused(old_->try_read(buffer)));
    EXPECT_TRUE(is_refused(old_->try_write("x")));
    EXPECT_TRUE(is_refused(old_->set_nodelay(true)));
    EXPECT_TRUE(is_refused(old_->nodelay()));
    EXPECT_TRUE(is_refused(old_->local_address()));
    EXPECT_TRUE(is_refused(old_->peer_address()));
    EXPECT_TRUE(is_refused(co_await old_->read(buffer)));
    EXPECT_TRUE(is_refused(co_await old_->write("x")));
    EXPECT_EQ((co_await fresh_->read(buffer)).value(), 6U);
    co_await expect_whole_stranger();
  });
}

TEST_F(LostStream, DoesNotEndTheStreamOfAnother) {
  run([&]() -> Task<> {
    co_await lose();
    EXPECT_TRUE(is_refused(old_->shutdown(ShutdownHow::both)));
    co_await expect_whole_stranger();
  });
}

TEST_F(LostStream, WhoseWritingHalfIsDroppedDoesNotEndTheStreamOfAnother) {
  run([&]() -> Task<> {
    co_await lose();
    {
      const auto halves = std::move(*old_).split();
    }
    co_await expect_whole_stranger();
  });
}

}  // namespace
}  // namespace eddy
