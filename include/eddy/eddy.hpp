// The whole of eddy.
// SPDX-License-Identifier: MIT
#pragma once

// IWYU pragma: begin_exports
#include "eddy/executor/block_on.hpp"
#include "eddy/executor/blocking_guard.hpp"
#include "eddy/executor/dump.hpp"
#include "eddy/executor/join_handle.hpp"
#include "eddy/executor/ok.hpp"
#include "eddy/executor/select.hpp"
#include "eddy/executor/spawn.hpp"
#include "eddy/executor/task.hpp"
#include "eddy/executor/task_group.hpp"
#include "eddy/executor/waker.hpp"
#include "eddy/executor/when_all.hpp"
#include "eddy/net/buffer_pool.hpp"
#include "eddy/net/conduit.hpp"
#include "eddy/net/tcp_listener.hpp"
#include "eddy/net/tcp_stream.hpp"
#include "eddy/platform/bytes.hpp"
#include "eddy/platform/clock.hpp"
#include "eddy/platform/result.hpp"
#include "eddy/platform/socket_addr.hpp"
#include "eddy/reactor/io_source.hpp"
#include "eddy/reactor/reactor.hpp"
#include "eddy/signal/dump_on_signal.hpp"
#include "eddy/signal/signal_set.hpp"
#include "eddy/time/interval.hpp"
#include "eddy/time/sleep.hpp"
#include "eddy/time/timeout.hpp"
#include "eddy/version.hpp"
// IWYU pragma: end_exports
