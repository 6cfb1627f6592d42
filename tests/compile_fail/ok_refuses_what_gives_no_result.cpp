// expect: ok(...) takes a task that returns an eddy::Result
#include "eddy/eddy.hpp"

eddy::Task<int> number() { co_return 1; }
eddy::Task<eddy::Result<int>> result() { co_return 1; }

eddy::Task<eddy::Result<int>> use() {
#ifdef EDDY_COMPILE_OK
  co_return co_await eddy::ok(result());
#else
  co_return co_await eddy::ok(number());
#endif
}
