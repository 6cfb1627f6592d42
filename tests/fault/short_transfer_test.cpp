// Transfers that are short although there is more: no edge follows for the rest.
// SPDX-License-Identifier: MIT
#include "eddy/eddy.hpp"

#include "fault/faulty_sys.hpp"
#include "support/bytes.hpp"
#include "support/result.hpp"
#include "support/run.hpp"
#include "support/tcp.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <span>
#include <vector>

#include <sys/mman.h>
#include <unistd.h>

namespace eddy {
namespace {

using namespace std::chrono_literals;
using test::failed_with;
using test::run;
using test::succeeded;
using test::TcpPair;

constexpr std::size_t kGood = 300'000;
constexpr std::size_t kMapped = std::size_t{1} << 20;
constexpr auto kLimit = 20s;  // a test that hangs fails

/// A mapped file that was truncated: only its first `kGood` bytes, and the rest of their page, can
/// be read.
class TruncatedFile {
 public:
  TruncatedFile() : file_(::memfd_create("eddy", MFD_CLOEXEC)) {
    EXPECT_EQ(::ftruncate(file_.raw(), kMapped), 0);
    address_ = ::mmap(nullptr, kMapped, PROT_READ | PROT_WRITE, MAP_SHARED, file_.raw(), 0);
    EXPECT_NE(address_, MAP_FAILED);
    std::ranges::copy(test::pattern(kGood), bytes().begin());
    EXPECT_EQ(::ftruncate(file_.raw(), kGood), 0);
  }
  TruncatedFile(const TruncatedFile&) = delete;
  TruncatedFile& operator=(const TruncatedFile&) = delete;
  ~TruncatedFile() { ::munmap(address_, kMapped); }

  std::span<std::byte> bytes() const { return {static_cast<std::byte*>(address_), kMapped}; }

 private:
  Fd file_;
  void* address_;
};

/// Registers the stream with the reactor: only then is its readiness kept.
Task<> watch(TcpStream& stream) {
  const Result<> readable = co_await timeout(0s, stream.readable());
  EXPECT_TRUE(failed_with(readable, std::errc::timed_out));
}

TEST(ShortTransfer, AWriteAllOfATruncatedMappedFileEndsWithBadAddress) {
  TcpPair pair;
  EXPECT_TRUE(succeeded(pair.client.set_send_buffer_size(1 << 20)));
  const TruncatedFile file;
  run([&]() -> Task<> {
    co_await watch(pair.client);
    fault::reset_counts();
    const Result<> written = co_await timeout(kLimit, pair.client.write_all(file.bytes()));
    EXPECT_TRUE(failed_with(written, std::errc::bad_address));
    EXPECT_GT(fault::count_of(fault::Call::send), 1U) << "no part was written before";
  });
}

TEST(ShortTransfer, AWriteAfterAShortOneEndsWithBadAddress) {
  TcpPair pair;
  EXPECT_TRUE(succeeded(pair.client.set_send_buffer_size(1 << 20)));
  const TruncatedFile file;
  run([&]() -> Task<> {
    co_await watch(pair.client);
    std::span<const std::byte> rest = file.bytes();
    const Result<std::size_t> first = co_await pair.client.write(rest);
    EXPECT_TRUE(succeeded(first));
    rest = rest.subspan(first.value_or(0));
    EXPECT_TRUE(
        failed_with(co_await timeout(kLimit, pair.client.write(rest)), std::errc::bad_address));
  });
}

TEST(ShortTransfer, AReadExactIntoATruncatedMappedFileEndsWithBadAddress) {
  TcpPair pair;
  EXPECT_TRUE(succeeded(pair.server.set_receive_buffer_size(1 << 20)));
  const TruncatedFile file;
  run([&]() -> Task<> {
    const std::vector<std::byte> data = test::pattern(kMapped);
    const auto send = [&]() -> Task<> { static_cast<void>(co_await pair.client.write_all(data)); };
    JoinHandle<void> sending = spawn(send);
    std::vector<std::byte> all(2 * kGood);  // wait for more bytes than the file has room for
    std::size_t there = 0;
    while (there < all.size()) there = (co_await pair.server.peek(all)).value();
    const Result<> read = co_await timeout(kLimit, pair.server.read_exact(file.bytes()));
    EXPECT_TRUE(failed_with(read, std::errc::bad_address));
    sending.abort();
    static_cast<void>(co_await sending);
  });
}

TEST(ShortTransfer, AWriteThatIsShortForAnotherReasonThanAFullSocketGoesOn) {
  TcpPair pair;
  run([&]() -> Task<> {
    co_await watch(pair.client);
    const std::vector<std::byte> data = test::pattern(10'000);
    fault::arm(0, fault::Kind::short_transfer());
    EXPECT_TRUE(succeeded(co_await timeout(kLimit, pair.client.write_all(data))));
    EXPECT_EQ(fault::disarm(), fault::Call::send);
    fault::arm(0, fault::Kind::short_transfer());
    EXPECT_EQ(co_await timeout(kLimit, pair.client.write(data)), Result<std::size_t>(1));
    EXPECT_EQ(fault::disarm(), fault::Call::send);
    EXPECT_TRUE(succeeded(co_await timeout(kLimit, pair.client.write_all(data))));
    fault::arm(0, fault::Kind::short_transfer());
    EXPECT_EQ(*pair.client.try_write(data), 1U);
    EXPECT_EQ(fault::disarm(), fault::Call::send);
    EXPECT_TRUE(succeeded(co_await timeout(kLimit, pair.client.write_all(data))));
  });
}

}  // namespace
}  // namespace eddy
