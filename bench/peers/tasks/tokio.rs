// Tasks, timers and what tasks share, of tokio, on one thread: OPERATION ROUNDS [LIVE].
// SPDX-License-Identifier: MIT

use std::future::{poll_fn, Future};
use std::pin::Pin;
use std::task::Poll;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{broadcast, mpsc, oneshot, Mutex, Semaphore};
use tokio::time::{sleep_until, Instant, Sleep};

const YIELDERS: u64 = 1000;
const LOCKERS: u64 = 100;

fn cpu_ns() -> f64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &mut now) };
    now.tv_sec as f64 * 1e9 + now.tv_nsec as f64
}

#[inline(never)]
async fn nothing() {
    std::hint::black_box(());
}

async fn start(sleep: &mut Pin<Box<Sleep>>) {
    poll_fn(|context| {
        let _ = sleep.as_mut().poll(context);
        Poll::Ready(())
    })
    .await
}

async fn run(operation: &str, rounds: u64, live: u64) -> f64 {
    let mut kept = Vec::new();
    if operation == "sleep_and_cancel" {
        for i in 0..live {
            let ms = if i == 0 { 10_000 } else { 3_600_000 + i * 2_654_435_769 % 3_600_000 };
            let due = Duration::from_millis(ms);
            let mut sleep = Box::pin(sleep_until(Instant::now() + due));
            start(&mut sleep).await;
            kept.push(sleep);
        }
    }
    let deadline = Instant::now() + Duration::from_secs(60);
    let before = cpu_ns();
    match operation {
        "spawn_and_join" => {
            for _ in 0..rounds {
                tokio::spawn(nothing()).await.unwrap();
            }
        }
        "spawn_batch" => {
            let mut handles = Vec::new();
            for _ in 0..rounds / live {
                handles.extend((0..live).map(|_| tokio::spawn(nothing())));
                for handle in handles.drain(..) {
                    handle.await.unwrap();
                }
            }
        }
        "yield" => {
            let tasks: Vec<_> = (0..YIELDERS)
                .map(|_| {
                    tokio::spawn(async move {
                        for _ in 0..rounds / YIELDERS {
                            tokio::task::yield_now().await;
                        }
                    })
                })
                .collect();
            for task in tasks {
                task.await.unwrap();
            }
        }
        "child" => {
            for _ in 0..rounds {
                nothing().await;
            }
        }
        "sleep_and_cancel" => {
            poll_fn(|context| {
                for _ in 0..rounds {
                    let sleep = sleep_until(deadline);
                    let mut sleep = std::pin::pin!(sleep);
                    let _ = sleep.as_mut().poll(context);
                }
                Poll::Ready(())
            })
            .await
        }
        "mutex" => {
            let mutex = Mutex::new(0u64);
            for _ in 0..rounds {
                *mutex.lock().await += 1;
            }
        }
        "contended_mutex" => {
            let mutex = Arc::new(Mutex::new(rounds));
            let tasks: Vec<_> = (0..LOCKERS)
                .map(|_| {
                    let mutex = mutex.clone();
                    tokio::spawn(async move {
                        loop {
                            let mut left = mutex.lock().await;
                            if *left == 0 {
                                break;
                            }
                            *left -= 1;
                            tokio::task::yield_now().await;
                        }
                    })
                })
                .collect();
            for task in tasks {
                task.await.unwrap();
            }
        }
        "semaphore" => {
            let semaphore = Semaphore::new(2);
            for _ in 0..rounds {
                let _permit = semaphore.acquire().await.unwrap();
            }
        }
        "channel" => {
            let (sender, mut receiver) = mpsc::channel::<i32>(16);
            for _ in 0..rounds {
                sender.send(1).await.unwrap();
                receiver.recv().await.unwrap();
            }
        }
        "channel_between_tasks" => {
            let (sender, mut receiver) = mpsc::channel::<i32>(1);
            let sending = tokio::spawn(async move {
                for _ in 0..rounds {
                    sender.send(1).await.unwrap();
                }
            });
            while receiver.recv().await.is_some() {}
            sending.await.unwrap();
        }
        "channel_between_threads" => {
            let (sender, mut receiver) = mpsc::channel::<i32>(128);
            let thread = std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
                runtime.block_on(async { while receiver.recv().await.is_some() {} });
            });
            for _ in 0..rounds {
                sender.send(1).await.unwrap();
            }
            drop(sender);
            thread.join().unwrap();
        }
        "oneshot" => {
            for _ in 0..rounds {
                let (sender, receiver) = oneshot::channel::<i32>();
                sender.send(1).unwrap();
                receiver.await.unwrap();
            }
        }
        "broadcast" => {
            let (sender, _) = broadcast::channel::<i32>(16);
            let mut receivers: Vec<_> = (0..100).map(|_| sender.subscribe()).collect();
            for _ in 0..rounds {
                sender.send(1).unwrap();
                for receiver in &mut receivers {
                    receiver.recv().await.unwrap();
                }
            }
        }
        _ => {
            eprintln!("no operation '{operation}'");
            std::process::exit(2)
        }
    }
    let after = cpu_ns();
    std::mem::forget(kept);
    (after - before) / rounds as f64
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let rounds = arguments[2].parse().unwrap();
    let live = arguments.get(3).map_or(1000, |text| text.parse().unwrap());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    println!("{:.3}", runtime.block_on(run(&arguments[1], rounds, live)));
}
