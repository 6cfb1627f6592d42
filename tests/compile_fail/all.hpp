// What the cases include, precompiled for all of them.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/eddy.hpp"

#include <array>
#include <chrono>
#include <coroutine>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>
