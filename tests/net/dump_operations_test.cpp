// What the dump shows of tasks that wait for a socket.
// SPDX-License-Identifier: MIT
#include "eddy/compose/timeout.hpp"
#include "eddy/net/conduit.hpp"
#include "eddy/net/tcp_listener.hpp"
#include "eddy/net/tcp_stream.hpp"
#include "eddy/task/ok.hpp"
#include "eddy/task/spawn.hpp"
#include "eddy/task/waker.hpp"
#include "eddy/worker/dump.hpp"

#include "support/bytes.hpp"
#include "support/descriptors.hpp"
#include "support/run.hpp"
#include "support/tcp.hpp"

#include <gtest/gtest.h>

#include <array>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace eddy {
namespace {

using namespace std::chrono_literals;
using test::run;

std::string dump() {
  std::string text;
  dump_each_task([&](std::string_view line) { text.append(line).append("\n"); });
  return text;
}

/// Starts `wait()` as a task of its own, and returns the dump once that task waits.
template <class F>
std::string dump_of(F wait) {
  std::string text;
  run([&]() -> Task<> {
    JoinHandle<void> waiting = spawn([&]() -> Task<> { co_await wait(); });
    co_await yield_now();
    text = dump();
    waiting.abort();
    (void)co_await waiting;
  });
  return text;
}

testing::AssertionResult tells(const std::string& dump, const std::string& what, RawSource source) {
  const std::string words = "for " + what + " (source " + std::to_string(source) + ")";
  if (dump.find(words) != std::string::npos) return testing::AssertionSuccess();
  return testing::AssertionFailure() << "no \"" << words << "\" in\n" << dump;
}

/// A stream with nothing to read, and no room to write.
class DumpOfAStream : public testing::Test {
 protected:
  void fill() { test::fill(pair_.server.raw()); }

  test::TcpPair pair_;
  TcpStream& stream_ = pair_.server;
  std::array<std::byte, 16> buffer_{};
};

TEST_F(DumpOfAStream, NamesARead) {
  const std::string text = dump_of([&]() -> Task<> { (void)co_await stream_.read(buffer_); });
  EXPECT_TRUE(tells(text, "read", stream_.raw()));
}

TEST_F(DumpOfAStream, NamesAReadIntoAPool) {
  BufferPool pool(4096);
  const std::string text = dump_of([&]() -> Task<> { (void)co_await stream_.read(pool); });
  EXPECT_TRUE(tells(text, "read", stream_.raw()));
}

TEST_F(DumpOfAStream, NamesAReadExact) {
  const std::string text = dump_of([&]() -> Task<> { (void)co_await stream_.read_exact(buffer_); });
  EXPECT_TRUE(tells(text, "read_exact", stream_.raw()));
}

TEST_F(DumpOfAStream, NamesAReadIntoSeveralBuffers) {
  const std::array<std::span<std::byte>, 2> parts{std::span(buffer_).first(8),
                                                  std::span(buffer_).last(8)};
  const std::string text =
      dump_of([&]() -> Task<> { (void)co_await stream_.read_vectored(parts); });
  EXPECT_TRUE(tells(text, "read_vectored", stream_.raw()));
}

TEST_F(DumpOfAStream, NamesAPeek) {
  const std::string text = dump_of([&]() -> Task<> { (void)co_await stream_.peek(buffer_); });
  EXPECT_TRUE(tells(text, "peek", stream_.raw()));
}

TEST_F(DumpOfAStream, NamesAWrite) {
  fill();
  const std::string text = dump_of([&]() -> Task<> { (void)co_await stream_.write(buffer_); });
  EXPECT_TRUE(tells(text, "write", stream_.raw()));
}

TEST_F(DumpOfAStream, NamesAWriteAll) {
  fill();
  const std::string text = dump_of([&]() -> Task<> { (void)co_await stream_.write_all(buffer_); });
  EXPECT_TRUE(tells(text, "write_all", stream_.raw()));
}

TEST_F(DumpOfAStream, NamesAWriteFromSeveralBuffers) {
  fill();
  const std::array<std::span<const std::byte>, 2> parts{std::span(buffer_).first(8),
                                                        std::span(buffer_).last(8)};
  const std::string text =
      dump_of([&]() -> Task<> { (void)co_await stream_.write_vectored(parts); });
  EXPECT_TRUE(tells(text, "write_vectored", stream_.raw()));
}

TEST_F(DumpOfAStream, NamesTheReadinessThatIsWaitedFor) {
  fill();
  const std::string readable = dump_of([&]() -> Task<> { (void)co_await stream_.readable(); });
  EXPECT_TRUE(tells(readable, "readable", stream_.raw()));
  const std::string writable = dump_of([&]() -> Task<> { (void)co_await stream_.writable(); });
  EXPECT_TRUE(tells(writable, "writable", stream_.raw()));
}

TEST_F(DumpOfAStream, NamesAConduitThatIsFilled) {
  Conduit conduit;
  const std::string text = dump_of([&]() -> Task<> { (void)co_await conduit.fill(stream_); });
  EXPECT_TRUE(tells(text, "fill", stream_.raw()));
}

TEST_F(DumpOfAStream, NamesAConduitThatIsDrained) {
  fill();
  test::TcpPair other;
  test::send_text(other.client.raw(), "bytes");
  Conduit conduit;
  const std::string text = dump_of([&]() -> Task<> {
    (void)co_await conduit.fill(other.server);
    (void)co_await conduit.drain(stream_);
  });
  EXPECT_TRUE(tells(text, "drain", stream_.raw()));
}

TEST_F(DumpOfAStream, NamesTheOperationInsideATimeout) {
  const std::string text =
      dump_of([&]() -> Task<> { (void)co_await timeout(1h, stream_.read(buffer_)); });
  EXPECT_TRUE(tells(text, "read", stream_.raw()));
}

TEST_F(DumpOfAStream, NamesATaskWithATimeLimitAndWhatThatWaitsFor) {
  const std::string text = dump_of([&]() -> Task<> {
    const auto inner = [&]() -> Task<> { (void)co_await stream_.peek(buffer_); };
    (void)co_await timeout(1h, inner());
  });
  EXPECT_NE(text.find("for a task with a time limit"), std::string::npos) << text;
  EXPECT_TRUE(tells(text, "peek", stream_.raw()));
}

TEST_F(DumpOfAStream, NamesTheOperationInsideAnOk) {
  const std::string text = dump_of([&]() -> Task<> {
    const auto reads = [&]() -> Task<Result<>> {
      co_await ok(stream_.read(buffer_));
      co_return {};
    };
    (void)co_await reads();
  });
  EXPECT_TRUE(tells(text, "read", stream_.raw()));
}

TEST(DumpOfAListener, NamesAnAccept) {
  TcpListener listener = test::listen_anywhere();
  const std::string text = dump_of([&]() -> Task<> { (void)co_await listener.accept(); });
  EXPECT_TRUE(tells(text, "accept", listener.raw()));
}

TEST(DumpOfAListener, NamesAnAcceptThatBacksOff) {
  if (!test::NoDescriptorsLeft::kPossible) GTEST_SKIP() << "there is no limit of descriptors";
  TcpListener listener = test::listen_anywhere();
  const Fd client = test::connect_to(listener.raw());
  const std::string text = dump_of([&]() -> Task<> {
    const test::NoDescriptorsLeft none;
    (void)co_await listener.accept();
  });
  EXPECT_TRUE(tells(text, "accept, backing off", listener.raw()));
}

// If the backlog of a listener is full, the next client waits.
TEST(DumpOfAConnect, NamesTheConnect) {
  TcpListener listener =
      std::move(TcpListener::bind(SocketAddress::loopback(0), {.backlog = 0}).value());
  const SocketAddress address = test::address_of(listener);
  std::string text;
  run([&]() -> Task<> {
    std::vector<JoinHandle<void>> clients;
    for (int i = 0; i < 8; ++i) {
      clients.push_back(spawn([&]() -> Task<> { (void)co_await TcpStream::connect(address); }));
    }
    co_await yield_now();
    text = dump();
    for (JoinHandle<void>& client : clients) {
      client.abort();
      (void)co_await client;
    }
  });
  EXPECT_NE(text.find("for connect"), std::string::npos) << text;
}

}  // namespace
}  // namespace eddy
