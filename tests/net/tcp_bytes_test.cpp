// What a stream reads into and writes from: every contiguous range of bytes or characters.
// SPDX-License-Identifier: MIT
#include "eddy/compose/when_all.hpp"
#include "eddy/net/tcp_stream.hpp"
#include "eddy/platform/bytes.hpp"
#include "eddy/task/spawn.hpp"

#include "support/result.hpp"
#include "support/run.hpp"
#include "support/tcp.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace eddy {
namespace {

using test::run;
using test::succeeded;
using test::TcpPair;

/// Writes `data` on one side, and returns what the other side reads.
template <class Data>
std::string text_after_writing(Data&& data) {
  TcpPair pair;
  return run([&]() -> Task<std::string> {
    EXPECT_TRUE(succeeded(co_await pair.client.write_all(data)));
    EXPECT_TRUE(succeeded(pair.client.shutdown(ShutdownHow::write)));
    std::string text(100, '?');
    std::size_t size = 0;
    while (const auto count = co_await pair.server.read(std::span(text).subspan(size))) {
      if (*count == 0) break;
      size += *count;
    }
    text.resize(size);
    co_return text;
  });
}

/// Reads "text" from a stream into `buffer`, which has four elements. Returns the first and last.
template <class Buffer>
std::string ends_after_reading(Buffer& buffer) {
  TcpPair pair;
  run([&]() -> Task<> {
    EXPECT_TRUE(succeeded(co_await pair.client.write_all("text")));
    EXPECT_TRUE(succeeded(co_await pair.server.read_exact(buffer)));
  });
  return {static_cast<char>(*std::data(buffer)), static_cast<char>(std::data(buffer)[3])};
}

TEST(TcpBytes, AStringLiteralIsWrittenWithoutItsZero) {
  EXPECT_EQ(text_after_writing("text"), "text");
  EXPECT_EQ(text_after_writing(u8"text"), "text");
  EXPECT_EQ(text_after_writing("a zero\0 inside"), std::string("a zero\0 inside", 14));
  EXPECT_EQ(text_after_writing(""), "");
}

TEST(TcpBytes, AnArrayOfCharactersThatIsNoLiteralIsWrittenWhole) {
  char text[] = {'t', 'e', 'x', 't', '\0'};
  EXPECT_EQ(text_after_writing(text), std::string("text\0", 5));
  const unsigned char bytes[] = {'x', 0};
  EXPECT_EQ(text_after_writing(bytes), std::string("x\0", 2));
}

TEST(TcpBytes, EveryContiguousRangeOfBytesOrCharactersIsWritten) {
  EXPECT_EQ(text_after_writing(std::string("text")), "text");
  EXPECT_EQ(text_after_writing(std::string_view("text")), "text");
  EXPECT_EQ(text_after_writing(std::u8string(u8"text")), "text");
  EXPECT_EQ(text_after_writing(std::array{'t', 'e', 'x', 't'}), "text");
  EXPECT_EQ(text_after_writing(std::vector<unsigned char>{'t', 'e', 'x', 't'}), "text");
  EXPECT_EQ(text_after_writing(std::vector<std::byte>(4, std::byte{'t'})), "tttt");
  EXPECT_EQ(text_after_writing(std::span<const char, 4>("text", 4)), "text");
}

TEST(TcpBytes, EveryContiguousRangeOfBytesOrCharactersIsReadInto) {
  std::string string(4, '?');
  EXPECT_EQ(ends_after_reading(string), "tt");
  EXPECT_EQ(string, "text");
  std::u8string string8(4, u8'?');
  EXPECT_EQ(ends_after_reading(string8), "tt");
  std::array<char, 4> chars{};
  EXPECT_EQ(ends_after_reading(chars), "tt");
  std::vector<unsigned char> vector(4);
  EXPECT_EQ(ends_after_reading(vector), "tt");
  std::byte bytes[4];
  EXPECT_EQ(ends_after_reading(bytes), "tt");
  const std::span<char> span(chars);
  EXPECT_EQ(ends_after_reading(span), "tt");
}

TEST(TcpBytes, EveryTransferTakesTextAndBytesInBraces) {
  TcpPair pair;
  run([&]() -> Task<> {
    std::string text(4, '?');
    std::array<std::byte, 4> bytes{};
    EXPECT_EQ(co_await pair.client.write("text"), Result<std::size_t>(4));
    EXPECT_EQ(co_await pair.server.peek(text), Result<std::size_t>(4));
    EXPECT_EQ(std::exchange(text, "????"), "text");
    EXPECT_EQ(co_await pair.server.read(text), Result<std::size_t>(4));
    EXPECT_EQ(text, "text");
    EXPECT_EQ(pair.client.try_write("more"), Result<std::size_t>(4));
    EXPECT_TRUE(succeeded(co_await pair.server.readable()));
    EXPECT_EQ(pair.server.try_read(text), Result<std::size_t>(4));
    EXPECT_EQ(text, "more");
    EXPECT_TRUE(succeeded(co_await pair.client.write_all({bytes.data(), 2})));
    EXPECT_EQ(co_await pair.server.read({bytes.data(), 2}), Result<std::size_t>(2));
  });
}

TEST(TcpBytes, HalvesTakeText) {
  TcpPair pair;
  run([&]() -> Task<> {
    auto [reader, unused_writer] = std::move(pair.server).split();
    auto [unused_reader, writer] = std::move(pair.client).split();
    std::string text(4, '?');
    EXPECT_EQ(co_await writer.write("text"), Result<std::size_t>(4));
    EXPECT_EQ(co_await reader.peek(text), Result<std::size_t>(4));
    EXPECT_EQ(co_await reader.read(text), Result<std::size_t>(4));
    EXPECT_EQ(text, "text");
    EXPECT_TRUE(succeeded(co_await writer.write_all(std::string("more"))));
    EXPECT_TRUE(succeeded(co_await reader.read_exact(text)));
    EXPECT_EQ(text, "more");
  });
}

TEST(TcpBytes, ATemporaryLivesUntilAllOfItIsWritten) {
  constexpr std::size_t kSize = 16 << 20;  // more than the kernel's buffers: the write must wait
  TcpPair pair;
  run([&]() -> Task<> {
    const auto write = [&]() -> Task<> {
      EXPECT_TRUE(succeeded(co_await pair.client.write_all(std::string(kSize, 'x'))));
    };
    const auto read = [&]() -> Task<std::size_t> {
      std::string text(kSize, '?');
      EXPECT_TRUE(succeeded(co_await pair.server.read_exact(text)));
      co_return text.find_first_not_of('x');
    };
    const auto ended = co_await when_all(write(), read());
    EXPECT_EQ(std::get<1>(ended), std::string::npos);
  });
}

TEST(TcpBytes, BytesOfMakesWhatVectoredTransfersTake) {
  TcpPair pair;
  run([&]() -> Task<> {
    const std::string body = "body";
    const std::array parts{bytes_of("head "), bytes_of(body)};
    EXPECT_EQ(co_await pair.client.write_vectored(parts), Result<std::size_t>(9));
    std::array<char, 5> head{};
    std::string rest(4, '?');
    const std::array buffers{writable_bytes_of(head), writable_bytes_of(rest)};
    EXPECT_EQ(co_await pair.server.read_vectored(buffers), Result<std::size_t>(9));
    EXPECT_EQ(std::string_view(head.data(), head.size()), "head ");
    EXPECT_EQ(rest, "body");
  });
}

}  // namespace
}  // namespace eddy
