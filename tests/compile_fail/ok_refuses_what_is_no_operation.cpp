// expect: ok takes eddy's tasks and operations
#include "eddy/eddy.hpp"

eddy::Task<eddy::Result<int>> use(eddy::Result<int> result) {
#ifdef EDDY_COMPILE_OK
  co_return result;
#else
  co_return co_await eddy::ok(std::move(result));
#endif
}
