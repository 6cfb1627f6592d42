// expect: private
// SPDX-License-Identifier: MIT
#include "eddy/eddy.hpp"

void use(eddy::IoSource& source, eddy::JoinHandle<void>& handle, eddy::detail::Waiter& waiter) {
#ifdef EDDY_COMPILE_OK
  (void)eddy::detail::SourceAccess(source).wait(eddy::Direction::read, waiter);
  (void)handle.abort_handle();
#else
  (void)source.wait(eddy::Direction::read, waiter);  // here
  handle.on_end(nullptr);                            // here
  const eddy::AbortHandle stop(nullptr);             // here
#endif
}
