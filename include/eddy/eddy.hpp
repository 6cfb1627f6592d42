// The whole of eddy.
// SPDX-License-Identifier: MIT
#pragma once

// IWYU pragma: begin_exports
#include "eddy/compose/shield.hpp"
#include "eddy/compose/task_group.hpp"
#include "eddy/compose/timeout.hpp"
#include "eddy/compose/when_all.hpp"
#include "eddy/compose/when_any.hpp"
#include "eddy/net/buffer_pool.hpp"
#include "eddy/net/conduit.hpp"
#include "eddy/net/tcp_listener.hpp"
#include "eddy/net/tcp_stream.hpp"
#include "eddy/platform/bytes.hpp"
#include "eddy/platform/clock.hpp"
#include "eddy/platform/result.hpp"
#include "eddy/platform/socket_address.hpp"
#include "eddy/reactor/io_source.hpp"
#include "eddy/reactor/reactor.hpp"
#include "eddy/signal/dump_on_signal.hpp"
#include "eddy/signal/signal_set.hpp"
#include "eddy/task/block_on.hpp"
#include "eddy/task/join_handle.hpp"
#include "eddy/task/ok.hpp"
#include "eddy/task/spawn.hpp"
#include "eddy/task/task.hpp"
#include "eddy/task/waker.hpp"
#include "eddy/time/interval.hpp"
#include "eddy/time/sleep.hpp"
#include "eddy/version.hpp"
#include "eddy/worker/blocking_guard.hpp"
#include "eddy/worker/dump.hpp"
// IWYU pragma: end_exports
