// Before `main` of its program, arms the fault that EDDY_FAULT names: with "epoll_add 2 28" the
// third call of epoll_add fails with errno 28.
// SPDX-License-Identifier: MIT
#include "fault/faulty_sys.hpp"

#include <cstdlib>
#include <sstream>
#include <string>

namespace {

[[maybe_unused]] const bool kArmed = [] {
  const char* const wanted = std::getenv("EDDY_FAULT");
  if (wanted == nullptr) return false;
  std::istringstream words(wanted);
  std::string name;
  std::size_t index = 0;
  int number = 0;
  if (!(words >> name >> index >> number)) std::abort();
  for (int i = 0; i < static_cast<int>(fault::Call::count_); ++i) {
    const auto call = static_cast<fault::Call>(i);
    if (fault::name_of(call) != name) continue;
    fault::arm_call(call, fault::Kind::error(number), index);
    return true;
  }
  std::abort();
}();

}  // namespace
