// Bytes to send, and to compare.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace eddy::test {

inline std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text));
}

inline std::string text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// Byte `i` of a test stream, in which every shift, loss and repetition of bytes shows.
inline std::byte pattern_at(std::size_t i) {
  return static_cast<std::byte>((i * 2654435761U >> 13 ^ i) & 0xff);
}

inline std::vector<std::byte> pattern(std::size_t size, std::size_t from = 0) {
  std::vector<std::byte> bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = pattern_at(from + i);
  return bytes;
}

}  // namespace eddy::test
