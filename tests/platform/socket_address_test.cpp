// SPDX-License-Identifier: MIT

#include "eddy/platform/socket_address.hpp"

#include "support/result.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <unordered_set>

#ifdef _WIN32
#include <ws2tcpip.h>
#else
#include <arpa/inet.h>
#endif

namespace eddy {
namespace {

using test::failed_with;
using test::succeeded;

struct RoundTrip {
  std::string_view text;
  std::string_view printed;
};

class SocketAddressText : public testing::TestWithParam<RoundTrip> {};

TEST_P(SocketAddressText, IsReadAndPrintedInTheShortestForm) {
  const Result<SocketAddress> address = SocketAddress::parse(GetParam().text);
  ASSERT_TRUE(succeeded(address)) << GetParam().text;
  EXPECT_EQ(address->to_string(), GetParam().printed);
  EXPECT_EQ(SocketAddress::parse(address->to_string()).value(), *address);
}

INSTANTIATE_TEST_SUITE_P(
    Valid, SocketAddressText,
    testing::Values(RoundTrip{"127.0.0.1:80", "127.0.0.1:80"}, RoundTrip{"0.0.0.0:0", "0.0.0.0:0"},
                    RoundTrip{"255.255.255.255:65535", "255.255.255.255:65535"},
                    RoundTrip{"10.0.0.1:00080", "10.0.0.1:80"}, RoundTrip{"[::]:0", "[::]:0"},
                    RoundTrip{"[::1]:443", "[::1]:443"},
                    RoundTrip{"[0:0:0:0:0:0:0:1]:443", "[::1]:443"},
                    RoundTrip{"[2001:DB8:0:0:8:800:200C:417A]:1", "[2001:db8::8:800:200c:417a]:1"},
                    RoundTrip{"[2001:db8:0:1:1:1:1:1]:1", "[2001:db8:0:1:1:1:1:1]:1"},
                    RoundTrip{"[2001:0:0:1:0:0:0:1]:1", "[2001:0:0:1::1]:1"},
                    RoundTrip{"[2001:db8:0:0:1:0:0:1]:1", "[2001:db8::1:0:0:1]:1"},
                    RoundTrip{"[1::]:1", "[1::]:1"},
                    RoundTrip{"[1:2:3:4:5:6:7::]:1", "[1:2:3:4:5:6:7:0]:1"},
                    RoundTrip{"[::2:3:4:5:6:7:8]:1", "[0:2:3:4:5:6:7:8]:1"},
                    RoundTrip{"[::ffff:192.0.2.1]:80", "[::ffff:192.0.2.1]:80"},
                    RoundTrip{"[::ffff:c000:201]:80", "[::ffff:192.0.2.1]:80"},
                    RoundTrip{"[64:ff9b::192.0.2.33]:80", "[64:ff9b::c000:221]:80"},
                    RoundTrip{"[1:2:3:4:5:6:1.2.3.4]:80", "[1:2:3:4:5:6:102:304]:80"},
                    RoundTrip{"[fe80::1%2]:80", "[fe80::1%2]:80"},
                    RoundTrip{"[fe80::1%4294967295]:80", "[fe80::1%4294967295]:80"},
                    RoundTrip{"[fe80::1%0]:80", "[fe80::1]:80"}));

class NotASocketAddress : public testing::TestWithParam<std::string_view> {};

TEST_P(NotASocketAddress, IsRefused) {
  EXPECT_TRUE(failed_with(SocketAddress::parse(GetParam()), Error::bad_address)) << GetParam();
}

INSTANTIATE_TEST_SUITE_P(
    Malformed, NotASocketAddress,
    testing::Values("", ":", ":80", "80", "127.0.0.1", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:80x",
                    "127.0.0.1:-1", "127.0.0.1:+1", "127.0.0.1: 80", "127.0.0.1:65536",
                    "127.0.0.1:99999", "127.0.0.1:000080", " 127.0.0.1:80", "127.0.0.1 :80",
                    "127.0.0.1:80 ", "127.0.0:80", "127.0.0.1.1:80", "127.0.0.256:80",
                    "127.0.0.0001:80", "127.0.0.01:80", "127..0.1:80", "127.0.0.:80", ".0.0.1:80",
                    "0x7f.0.0.1:80", "localhost:80", "::1:80", "[::1]", "[::1]80", "[::1]:",
                    "[::1:80", "::1]:80", "[]:80", "[:]:80", "[:::]:80", "[1:2:3:4:5:6:7]:80",
                    "[1:2:3:4:5:6:7:8:9]:80", "[1:2:3:4:5:6:7:8::]:80", "[::1:2:3:4:5:6:7:8]:80",
                    "[1::2::3]:80", "[1:2:3:4:5:6:7:]:80", "[:1:2:3:4:5:6:7]:80", "[12345::]:80",
                    "[g::]:80", "[::1.2.3]:80", "[::1.2.3.4.5]:80", "[::1.2.3.256]:80",
                    "[1.2.3.4::]:80", "[1.2.3.4]:80", "[1:2:3:4:5:6:7:1.2.3.4]:80",
                    "[::1.2.3.4:1]:80", "[fe80::1%]:80", "[fe80::1%x]:80", "[fe80::1%-1]:80",
                    "[fe80::1%4294967296]:80", "[fe80::1%1%2]:80", "[127.0.0.1]:80"));

TEST(SocketAddress, ANulInTheTextIsRefused) {
  using namespace std::string_view_literals;
  EXPECT_FALSE(SocketAddress::parse("127.0.0.1:80\0"sv));
  EXPECT_FALSE(SocketAddress::parse("127.0.0.1\0:80"sv));
}

TEST(SocketAddress, KnowsItsParts) {
  const SocketAddress v4 = SocketAddress::parse("1.2.3.4:5").value();
  EXPECT_EQ(v4.family(), SocketAddress::Family::v4);
  EXPECT_EQ(v4.port(), 5);
  EXPECT_EQ(v4.bytes()[0], 1);
  EXPECT_EQ(v4.bytes()[3], 4);
  EXPECT_EQ(v4, SocketAddress::v4({1, 2, 3, 4}, 5));

  const SocketAddress v6 = SocketAddress::parse("[fe80::1%3]:5").value();
  EXPECT_EQ(v6.family(), SocketAddress::Family::v6);
  EXPECT_EQ(v6.bytes()[0], 0xfe);
  EXPECT_EQ(v6.bytes()[15], 1);
  EXPECT_EQ(v6.scope_id(), 3U);
}

TEST(SocketAddress, ComparesByValue) {
  EXPECT_EQ(SocketAddress::loopback(80), SocketAddress::v4({127, 0, 0, 1}, 80));
  EXPECT_NE(SocketAddress::loopback(80), SocketAddress::loopback(81));
  EXPECT_NE(SocketAddress::v4({0, 0, 0, 0}, 80), SocketAddress::v6({}, 80));
  EXPECT_NE(SocketAddress::v6({}, 80, 1), SocketAddress::v6({}, 80, 2));
  EXPECT_EQ(SocketAddress(), SocketAddress::v4({0, 0, 0, 0}, 0));
}

/// How the system reads the same text, without port and brackets.
std::optional<std::array<std::uint8_t, 16>> read_by_system(const std::string& host) {
  std::array<std::uint8_t, 16> ip{};
  if (inet_pton(AF_INET6, host.c_str(), ip.data()) != 1) return std::nullopt;
  return ip;
}

std::string random_host(std::mt19937& random) {
  static constexpr std::array<std::string_view, 12> kPieces = {
      ":", ":", ":", "::", "0", "1", "ab", "ffff", "1.2.3.4", "0", "12345", ".1"};
  std::string host;
  for (std::size_t i = 0, n = random() % 18; i < n; ++i) host += kPieces[random() % kPieces.size()];
  return host;
}

TEST(SocketAddress, ReadsIpv6AsTheSystemDoes) {
  if (read_by_system("::01.2.3.4")) GTEST_SKIP() << "this system reads what RFC 4291 does not have";
  constexpr unsigned kSeed = 20261;
  std::mt19937 random(kSeed);
  int valid = 0;
  for (int i = 0; i < 200'000; ++i) {
    const std::string host = random_host(random);
    const auto expected = read_by_system(host);
    const Result<SocketAddress> parsed = SocketAddress::parse('[' + host + "]:80");
    ASSERT_EQ(parsed.has_value(), expected.has_value()) << host << " (seed " << kSeed << ')';
    if (!expected) continue;
    ++valid;
    ASSERT_EQ(parsed->bytes(), *expected) << host;
    ASSERT_EQ(SocketAddress::parse(parsed->to_string()).value(), *parsed) << host;
  }
  EXPECT_GT(valid, 500);  // else the random texts test little
}

TEST(SocketAddress, PrintsWhatTheSystemReads) {
  std::mt19937 random(7);
  for (int i = 0; i < 20'000; ++i) {
    std::array<std::uint8_t, 16> ip{};
    for (std::size_t k = 0; k < ip.size(); ++k) {
      ip[k] = random() % 3 == 0 ? static_cast<std::uint8_t>(random()) : 0;
    }
    const std::string text = SocketAddress::v6(ip, 80).to_string();
    ASSERT_TRUE(text.starts_with('[') && text.ends_with("]:80")) << text;
    ASSERT_EQ(read_by_system(text.substr(1, text.size() - 5)), ip) << text;
  }
}

}  // namespace
}  // namespace eddy
