// eddy as a named module: `import eddy;`. It exports the names of the headers, which are compiled and tested.
// SPDX-License-Identifier: MIT
module;

#include "eddy/eddy.hpp"

export module eddy;

export namespace eddy {

// Tasks.
using eddy::AbortHandle;
using eddy::block_on;
using eddy::block_on_at;
using eddy::BlockingGuard;
using eddy::BlockingMutex;
using eddy::busy_poll;
using eddy::cancellation_reason;
using eddy::CancelReason;
using eddy::Concurrency;
using eddy::current_waker;
using eddy::dump_each_task;
using eddy::dump_tasks;
using eddy::dump_tasks_as_json;
using eddy::dump_tasks_to_stderr;
using eddy::finally;
using eddy::finally_within;
using eddy::first_ok;
using eddy::FirstOf;
using eddy::GroupError;
using eddy::GroupErrors;
using eddy::kTaskNameLimit;
using eddy::name_task;
using eddy::Joined;
using eddy::JoinError;
using eddy::JoinHandle;
using eddy::JoinKey;
using eddy::JoinResult;
using eddy::JoinSet;
using eddy::may_lose;
using eddy::ok;
using eddy::OnError;
using eddy::Pinned;
using eddy::when_any;
using eddy::when_any_fair;
using eddy::shield;
using eddy::spawn;
using eddy::spawn_at;
using eddy::suspend;
using eddy::Task;
using eddy::TaskGroup;
using eddy::TaskLocal;
using eddy::try_all;
using eddy::Waker;
using eddy::when_all;
using eddy::with_group;
using eddy::yield_now;

// Time.
using eddy::Clock;
using eddy::deadline;
using eddy::Duration;
using eddy::Instant;
using eddy::Interval;
using eddy::MissedTick;
using eddy::retry;
using eddy::RetryBudget;
using eddy::RetryPolicy;
using eddy::seed_jitter;
using eddy::sleep_for;
using eddy::sleep_until;
using eddy::time_left;
using eddy::timeout;
using eddy::with_deadline;

// Errors.
using eddy::Error;
using eddy::error_category;
using eddy::failure;
using eddy::make_error_code;
using eddy::Result;

// Network.
using eddy::Accepted;
using eddy::BufferPool;
using eddy::bytes_of;
using eddy::Conduit;
using eddy::ConnectOptions;
using eddy::KeepAlive;
using eddy::ListenOptions;
using eddy::PooledBuffer;
using eddy::ReadHalf;
using eddy::ReuniteError;
using eddy::ShutdownHow;
using eddy::SocketAddress;
using eddy::TcpListener;
using eddy::TcpStream;
using eddy::writable_bytes_of;
using eddy::WriteHalf;

// Synchronisation.
using eddy::Barrier;
using eddy::broadcast;
using eddy::BroadcastReceiver;
using eddy::BroadcastSender;
using eddy::channel;
using eddy::Condition;
using eddy::Event;
using eddy::Latch;
using eddy::Mutex;
using eddy::MutexGuard;
using eddy::Notify;
using eddy::OnceCell;
using eddy::oneshot;
using eddy::OneshotReceiver;
using eddy::OneshotSender;
using eddy::Rate;
using eddy::RateLimiter;
using eddy::Receiver;
using eddy::RwLock;
using eddy::RwLockGuard;
using eddy::Semaphore;
using eddy::SemaphorePermit;
using eddy::Sender;
using eddy::SendPermit;
using eddy::StopSource;
using eddy::StopToken;
using eddy::unbounded_channel;
using eddy::UnboundedSender;
using eddy::watch;
using eddy::WatchReceiver;
using eddy::WatchSender;

// Signals.
using eddy::ctrl_c;
using eddy::dump_on_signal;
using eddy::SignalSet;

// The reactor.
using eddy::Events;
using eddy::events_with_capacity;
using eddy::Fd;
using eddy::Interest;
using eddy::IoSource;
using eddy::kNoSource;
using eddy::PlatformReactor;
using eddy::RawSource;
using eddy::Reactor;
using eddy::ReadyEvent;
using eddy::Token;
using eddy::with_reactor;
using eddy::with_reactor_mut;

}  // namespace eddy
