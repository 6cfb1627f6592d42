// The part of a task-local that does not depend on its type.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/platform/compiler.hpp"
#include "eddy/platform/export.hpp"

#include <string>
#include <string_view>

namespace eddy::detail {

/// A task-local. Its address is the key under which code finds a value.
class EDDY_EXPORT TaskLocalBase {
 public:
  TaskLocalBase(const TaskLocalBase&) = delete;
  TaskLocalBase& operator=(const TaskLocalBase&) = delete;

  /// The name by which dumps show it; empty if they do not.
  std::string_view name() const noexcept { return name_; }
  /// The text of `value`, which is one of its values.
  virtual std::string text_of(const void* value) const = 0;

 protected:
  constexpr explicit TaskLocalBase(std::string_view name) noexcept : name_(name) {}
  ~TaskLocalBase() = default;

  /// The value of the innermost scope around the calling code; null if there is none.
  void* find() const noexcept;

 private:
  std::string_view name_;
};

}  // namespace eddy::detail
