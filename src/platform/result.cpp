// SPDX-License-Identifier: MIT

#include "eddy/platform/result.hpp"

#include <string>

namespace eddy {
namespace {

class Category final : public std::error_category {
 public:
  const char* name() const noexcept override { return "eddy"; }

  std::string message(int value) const override {
    switch (static_cast<Error>(value)) {
      case Error::end_of_stream:
        return "the stream ended before all the bytes that were asked for had come";
      case Error::bad_address:
        return "not an address of the form 127.0.0.1:80 or [::1]:80";
      case Error::deadline_exceeded:
        return "the time limit that the program set has passed";
      case Error::closed:
        return "closed: the other side is gone, or somebody has closed what was asked for";
      case Error::full:
        return "the channel is full";
      case Error::empty:
        return "the channel is empty";
      case Error::lagged:
        return "the receiver was too slow, and has missed values";
    }
    return "unknown error";
  }

  std::error_condition default_error_condition(int value) const noexcept override {
    if (static_cast<Error>(value) == Error::deadline_exceeded) {
      return std::make_error_condition(std::errc::timed_out);
    }
    return {value, *this};
  }
};

}  // namespace

const std::error_category& error_category() noexcept {
  static const Category category;
  return category;
}

}  // namespace eddy
