// Round trips of tokio's Notify between two threads, each with a runtime of its own: parked ROUNDS.
// SPDX-License-Identifier: MIT

use std::sync::Arc;
use std::time::Instant;
use tokio::sync::Notify;

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().build().unwrap()
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if arguments[1] != "parked" {
        eprintln!("no operation '{}'", arguments[1]);
        std::process::exit(2);
    }
    let rounds: u64 = arguments[2].parse().unwrap();
    let (here, there) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (ours, theirs) = (here.clone(), there.clone());
    let other = std::thread::spawn(move || {
        runtime().block_on(async {
            for _ in 0..rounds {
                theirs.notified().await;
                ours.notify_one();
            }
        })
    });
    let began = Instant::now();
    runtime().block_on(async {
        for _ in 0..rounds {
            there.notify_one();
            here.notified().await;
        }
    });
    println!("{:.1}", began.elapsed().as_nanos() as f64 / rounds as f64);
    other.join().unwrap();
}
