//! Many streams at once on one core, each with a chunk every tenth of a second: what a chunk costs,
//! and that memory follows the number of streams, not their length.

use std::time::Duration;

use crate::load::{Plan, Shape};
use crate::{governed, load, upstream};

const PACE: Duration = Duration::from_millis(100);
const CHUNKS: usize = 100;
/// The last crowd is as large as the one before it: what it leaves more is what leaks.
const CROWDS: [usize; 4] = [1, 100, 1_000, 1_000];

/// Measures and prints.
pub(crate) async fn measure(iron: &str) {
    let upstream = upstream::start_paced(PACE).await;
    let governed = governed::start(iron, "relaxed", &[&upstream]).await;
    let process = &governed.process;
    println!("resident idle: {} MiB", process.memory_kib().0 / 1024);
    for connections in CROWDS {
        let plan = Plan {
            shape: Shape::Stream { chunks: CHUNKS },
            per_second: None,
            connections,
            // Two streams one after the other on each connection.
            duration: PACE * u32::try_from(CHUNKS).expect("fits") * 3 / 2,
        };
        let (before, target) = (process.cpu(), governed.targets()[0].clone());
        let running = tokio::spawn(async move { load::run(&target, plan).await });
        let mut seen = Vec::new();
        while !running.is_finished() {
            tokio::time::sleep(Duration::from_secs(2)).await;
            seen.push(process.memory_kib().0 / 1024);
        }
        let outcome = running.await.expect("the load does not panic");
        let cpu = (process.cpu() - before).as_secs_f64();
        let chunks = (outcome.latencies.len() * CHUNKS) as f64;
        println!(
            "{connections} streams at once: {:.0} chunks a second, {:.1} µs of CPU each, {:.0} % of the core, \
             {} failed; MiB resident every two seconds: {seen:?}",
            chunks / outcome.elapsed.as_secs_f64(),
            cpu * 1e6 / chunks,
            cpu * 100.0 / outcome.elapsed.as_secs_f64(),
            outcome.failures,
        );
    }
    println!(
        "resident at the highest: {} MiB",
        process.memory_kib().1 / 1024
    );
}
