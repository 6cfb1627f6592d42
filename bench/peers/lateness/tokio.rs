// How late sleeps of tokio are, which count in milliseconds: COUNT.
// SPDX-License-Identifier: MIT

use std::time::{Duration, Instant};

fn cpu_ns() -> f64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &mut now) };
    now.tv_sec as f64 * 1e9 + now.tv_nsec as f64
}

async fn sleeper(deadline: Instant) -> i64 {
    tokio::time::sleep_until(deadline.into()).await;
    match Instant::now().checked_duration_since(deadline) {
        Some(late) => late.as_nanos() as i64,
        None => -(deadline.duration_since(Instant::now()).as_nanos() as i64),
    }
}

async fn sleep_all(count: u64) -> (Vec<i64>, f64) {
    let start = Instant::now() + Duration::from_secs(1);
    let tasks: Vec<_> = (0..count)
        .map(|i| Duration::from_nanos(1_000_000_000 / count * (i * 7919 % count)))
        .map(|offset| tokio::spawn(sleeper(start + offset)))
        .collect();
    tokio::time::sleep_until((start - Duration::from_millis(1)).into()).await;
    let before = cpu_ns();
    let mut lateness = Vec::new();
    for task in tasks {
        lateness.push(task.await.unwrap());
    }
    (lateness, cpu_ns() - before)
}

fn main() {
    let count: u64 = std::env::args().nth(1).unwrap().parse().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let (mut lateness, cpu) = runtime.block_on(sleep_all(count));
    lateness.sort_unstable();
    let at = |part: u64| lateness[(count * part / 100) as usize];
    println!("{} {} {} {:.1}", at(50), at(99), lateness.last().unwrap(), cpu / count as f64);
}
