// Round trips of uv_async_send between two threads.
// SPDX-License-Identifier: MIT

#include "round_trip.h"

#include <uv.h>

struct side {
  uv_loop_t loop;
  uv_async_t wake;
};

static struct side here, there;
static double began;
static long left;

static void answer(uv_async_t* wake) {
  (void)wake;
  uv_async_send(&here.wake);
}

static void serve(uv_async_t* wake) {
  (void)wake;
  if (left-- == 0) print_since(began);
  uv_async_send(&there.wake);
}

static void prepare(struct side* side, uv_async_cb on_wake) {
  if (uv_loop_init(&side->loop) != 0 || uv_async_init(&side->loop, &side->wake, on_wake) != 0)
    abort();
}

static void run(void* loop) {
  while (uv_run(loop, polling ? UV_RUN_NOWAIT : UV_RUN_DEFAULT) != 0) continue;
}

int main(int argc, char** argv) {
  parse(argc, argv, true);
  left = rounds;
  prepare(&here, serve);
  prepare(&there, answer);
  uv_thread_t other;
  uv_thread_create(&other, run, &there.loop);
  began = now_ns();
  uv_async_send(&here.wake);
  run(&here.loop);
}
