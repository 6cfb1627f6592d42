// Memory of suspended tasks of tokio: COUNT.
// SPDX-License-Identifier: MIT

fn resident_bytes() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("RssAnon:")).unwrap();
    let kibibytes: f64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kibibytes * 1024.0
}

async fn suspended() {
    std::future::pending::<()>().await
}

async fn measure(count: u64) -> f64 {
    tokio::spawn(suspended());
    tokio::task::yield_now().await;
    let before = resident_bytes();
    for _ in 0..count {
        tokio::spawn(suspended());
        tokio::task::yield_now().await;
    }
    (resident_bytes() - before) / count as f64
}

fn main() {
    let count = std::env::args().nth(1).unwrap().parse().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    println!("{:.1}", runtime.block_on(measure(count)));
    std::process::exit(0);
}
