// Reads the lines of a stream.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/eddy.hpp"

#include <algorithm>
#include <array>
#include <span>
#include <string_view>

namespace example {

class LineReader {
 public:
  explicit LineReader(eddy::TcpStream& stream) noexcept : stream_(stream) {}

  /// The next line without its "\n" or "\r\n", valid until the next call. A line without an end is
  /// none.
  /// **Errors**: those of a read, `Error::end_of_stream`, message_size if the buffer is too short.
  /// **Cancel**: nothing is lost; the next call gives the line.
  eddy::Task<eddy::Result<std::string_view>> next() {
    std::size_t length = 0;
    while ((length = unread_.find('\n')) == std::string_view::npos) {
      if (unread_.size() == buffer_.size()) co_return eddy::failure(std::errc::message_size);
      if (unread_.data() != buffer_.data()) std::ranges::copy(unread_, buffer_.begin());
      unread_ = {buffer_.data(), unread_.size()};
      const auto room = std::span(buffer_).subspan(unread_.size());
      const std::size_t count = co_await eddy::ok(stream_.read(room));
      if (count == 0) co_return eddy::failure(eddy::Error::end_of_stream);
      unread_ = {buffer_.data(), unread_.size() + count};
    }
    const std::string_view line = unread_.substr(0, length);
    unread_.remove_prefix(length + 1);
    co_return line.ends_with('\r') ? line.substr(0, length - 1) : line;
  }

 private:
  eddy::TcpStream& stream_;
  std::array<char, 1024> buffer_;
  std::string_view unread_;  ///< the bytes in the buffer that no line has had
};

}  // namespace example
