# SPDX-License-Identifier: MIT
"""Which peers there are, and which rows are measured: a line each. A program that a row needs is
bench/peers/FOLDER/PEER.{c,cpp,rs,go,js}; a peer that has none is not in that row."""

# What a row is compared with stands first; `copy` is the same program a second time, so the
# difference of the two is noise.
PEERS = {
    "headers": "the standard headers alone",
    "c": "hand-written C",
    "copy": "the same again",
    "uring": "C on io_uring",
    "eddy": "eddy",
    "eddy_clang": "eddy, by clang",
    "asio_callbacks": "Asio, callbacks",
    "asio_awaitable": "Asio, awaitables",
    "boost_fiber": "Boost.Fiber",
    "libuv": "libuv",
    "libevent": "libevent",
    "libev": "libev",
    "tokio": "tokio",
    "go": "Go",
    "node": "node",
    "haproxy": "HAProxy",
}

# What the machine and its kernel allow.
LIMITS = ("headers", "c", "copy", "uring")

# eddy's own programs, built by another compiler than the rest: the command, by peer.
OTHER_COMPILERS = {
    "eddy_clang": "clang++-19",
}

# Programs that ./dev bench has already.
RELEASED = {
    ("echo", "c"): "epoll_echo",
    ("echo", "eddy"): "echo_eddy",
    ("tasks", "c"): "limits",
    ("lateness", "eddy"): "lateness",
    ("memory", "eddy"): "memory",
}

# What links a program in C or C++, by peer.
LINK = {
    "asio_callbacks": ["-pthread"],
    "asio_awaitable": ["-pthread"],
    "boost_fiber": ["-lboost_fiber", "-lboost_context", "-pthread"],
    "libuv": ["-luv"],
    "libevent": ["-levent_core", "-levent_extra", "-levent_pthreads", "-pthread"],
    "libev": ["-lev", "-pthread"],
    "c": ["-pthread"],
    "uring": [],
}

# Crates that a family needs besides tokio, by family.
CRATES = {
    "http": 'hyper = { version = "0.14", features = ["http1", "server", "tcp"] }',
}

# Whose versions the page tells: the Debian package, by peer.
PACKAGES = {
    "Asio": "libasio-dev",
    "Boost.Fiber": "libboost-fiber-dev",
    "libuv": "libuv1-dev",
    "libevent": "libevent-dev",
    "libev": "libev-dev",
    "tokio": "librust-tokio-dev",
    "hyper": "librust-hyper-dev",
    "llhttp": "node-llhttp",
}

# connections, bytes, depth, requests, in --quick
ECHO = [
    (1, 64, 1, 15_000, True),
    (1, 65536, 1, 10_000, False),
    (64, 64, 1, 100_000, True),
    (64, 64, 16, 1_200_000, False),
    (64, 4096, 1, 80_000, False),
    (64, 4096, 16, 240_000, False),
    (64, 65536, 1, 15_000, False),
    (1000, 64, 1, 100_000, False),
    (1000, 64, 16, 800_000, False),
    (1000, 4096, 1, 80_000, False),
]

# operation, name, rounds, live timers (none: the default of 1,000), in --quick
TASKS = [
    ("spawn_and_join", "spawn and join", 1_000_000, None, True),
    ("yield", "yield, 1,000 tasks in turn", 3_000_000, None, True),
    ("child", "await a child that ends at once", 3_000_000, None, True),
    ("sleep_and_cancel", "make and cancel a timer, 1,000 live", 1_500_000, None, True),
    ("sleep_and_cancel", "make and cancel a timer, 1,000,000 live", 1_500_000, 1_000_000, False),
]

# What tasks share: operation, name, rounds, live, in --quick
SYNC = [
    ("mutex", "lock and unlock a free mutex", 3_000_000, None, True),
    ("contended_mutex", "lock, yield, unlock: 100 tasks", 1_000_000, None, False),
    ("semaphore", "take and give back a free permit", 3_000_000, None, False),
    ("channel", "channel: send, then receive", 3_000_000, None, True),
    ("channel_between_tasks", "channel of one room: from a task to another", 1_000_000, None, False),
    ("channel_between_threads", "channel of 128 rooms: from a thread to another", 1_000_000, None, False),
    ("oneshot", "make a oneshot, send, receive", 1_000_000, None, False),
    ("broadcast", "broadcast to 100 receivers", 50_000, None, False),
]

# Suspended tasks, by peer; a million where nothing stands. A fiber has a stack.
SUSPENDED = {"boost_fiber": 100_000}

# concurrent, connections, in --quick
CHURN = [(1, 8_000, False), (64, 20_000, True)]

# Cost against scale: how many, and how much is measured.
SCALE_CONNECTIONS = [(1, 15_000), (10, 25_000), (100, 25_000), (1_000, 25_000), (5_000, 25_000),
                     (15_000, 30_000)]
SCALE_TASKS = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000]
SCALE_TIMERS = [1, 1_000, 10_000, 100_000, 1_000_000]

# What is compiled, in the compile family: what its users would write, by peer.
COMPILED = {
    "eddy": "bench/compile/echo_server.cpp",
    "asio_callbacks": "bench/peers/echo/asio_callbacks.cpp",
    "asio_awaitable": "bench/peers/echo/asio_awaitable.cpp",
    "libuv": "bench/peers/echo/libuv.c",
    "libevent": "bench/peers/echo/libevent.c",
    "libev": "bench/peers/echo/libev.c",
    "c": "bench/epoll_echo.c",
}

# connections, bytes, depth, requests, in --quick
PROXY = [(64, 64, 1, 50_000, True), (64, 4096, 1, 40_000, False), (64, 65536, 1, 10_000, False),
         (1000, 64, 1, 50_000, False)]

# connections, requests in a pipeline, in --quick
HTTP = [(64, 1, True), (64, 16, True)]
