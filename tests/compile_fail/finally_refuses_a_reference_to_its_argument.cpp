// expect: the clean-up of a finally outlives the coroutine that awaits it
// SPDX-License-Identifier: MIT
#include "eddy/eddy.hpp"

#ifdef EDDY_COMPILE_OK
eddy::Task<> clean_up(std::string) { co_return; }
#else
eddy::Task<> clean_up(const std::string&) { co_return; }
#endif

eddy::Task<> work(std::string name) { co_await eddy::finally(eddy::yield_now(), clean_up, name); }
