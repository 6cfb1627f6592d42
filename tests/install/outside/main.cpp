// SPDX-License-Identifier: MIT

#include <eddy/eddy.hpp>

eddy::Task<int> answer() { co_return 42; }

int main() { return eddy::block_on(answer()) == 42 ? 0 : 1; }
