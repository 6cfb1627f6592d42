// Round trips of ev_async_send between two threads.
// SPDX-License-Identifier: MIT

#include "round_trip.h"

#include <ev.h>
#include <pthread.h>

struct side {
  struct ev_loop* loop;
  ev_async wake;
};

static struct side here, there;
static double began;
static long left;

static void answer(struct ev_loop* loop, ev_async* wake, int events) {
  (void)loop, (void)wake, (void)events;
  ev_async_send(here.loop, &here.wake);
}

static void serve(struct ev_loop* loop, ev_async* wake, int events) {
  (void)loop, (void)wake, (void)events;
  if (left-- == 0) print_since(began);
  ev_async_send(there.loop, &there.wake);
}

static void* run(void* loop) {
  while (ev_run(loop, polling ? EVRUN_NOWAIT : 0)) continue;
  return NULL;
}

int main(int argc, char** argv) {
  parse(argc, argv, true);
  left = rounds;
  here.loop = ev_loop_new(EVBACKEND_EPOLL);
  there.loop = ev_loop_new(EVBACKEND_EPOLL);
  ev_async_init(&here.wake, serve);
  ev_async_init(&there.wake, answer);
  ev_async_start(here.loop, &here.wake);
  ev_async_start(there.loop, &there.wake);
  pthread_t other;
  if (pthread_create(&other, NULL, run, there.loop) != 0) abort();
  began = now_ns();
  ev_async_send(here.loop, &here.wake);
  run(here.loop);
}
