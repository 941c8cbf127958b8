//! What a governed call costs: direct, through a bare proxy (the floor), through `iron`.
//!
//! Every figure is taken in one run on one machine, so that ratios mean something where
//! absolute numbers do not. The gateway under test has one core to itself; the load and the
//! upstream share another, in one process that never sleeps while a core is to be full:
//! otherwise a slow gateway would also pay for waking its neighbours. Nothing here leaves the
//! loopback interface, and every phase is bounded in calls and in time.
//!
//! ```text
//! bench --iron target/release/iron            # everything, as a table
//! bench --iron target/release/iron --quick    # a smoke run of a few seconds
//! bench --iron target/release/iron --instructions   # per call, counted by callgrind
//! bench --iron target/release/iron --instructions --keep DIR   # and keep its files
//! bench --iron target/release/iron --instances postgres://…   # 1, 2 and 4 on an empty database
//! bench --iron target/release/iron --control        # the control plane: mixed reads, logins
//! bench --iron target/release/iron --translated     # the same calls in two dialects
//! bench --iron target/release/iron --crowd          # up to 1000 streams at once, and memory
//! bench --iron target/release/iron --saturate 10    # a full core, for a profiler to look at
//! ```

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a report is what this prints"
)]
#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a measurement that cannot be set up has nothing better to do than to stop"
)]

mod control;
mod crowd;
mod floor;
mod governed;
mod instances;
mod instructions;
mod load;
mod process;
mod report;
mod translated;
mod upstream;
mod wire;

use std::path::Path;
use std::time::Duration;

use load::{Plan, Shape};
use process::{Core, Process};
use report::Report;

/// How long each phase runs.
#[derive(Clone, Copy)]
struct Effort {
    paced_seconds: u64,
    saturated_seconds: u64,
    rounds: usize,
}

const FULL: Effort = Effort {
    paced_seconds: 8,
    saturated_seconds: 4,
    rounds: 3,
};
const QUICK: Effort = Effort {
    paced_seconds: 1,
    saturated_seconds: 1,
    rounds: 1,
};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let value = |name: &str| {
        let at = arguments.iter().position(|a| a == name)?;
        arguments.get(at + 1).cloned()
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    match arguments.first().map(String::as_str) {
        Some("floor") => runtime.block_on(floor::run(
            value("--listen").unwrap().parse().unwrap(),
            value("--upstream").unwrap(),
        )),
        _ => {
            let iron = value("--iron").unwrap_or_else(|| "target/release/iron".to_owned());
            let effort = if arguments.iter().any(|a| a == "--quick") {
                QUICK
            } else {
                FULL
            };
            process::pin_self(Core::Load);
            if let Some(seconds) = value("--saturate") {
                let shape = value("--chunks").map_or(Shape::Whole, |chunks| Shape::Stream {
                    chunks: chunks.parse().unwrap(),
                });
                runtime.block_on(saturate(&iron, shape, seconds.parse().unwrap()));
            } else if let Some(database) = value("--instances") {
                runtime.block_on(instances::measure(&iron, &database, effort));
            } else if arguments.iter().any(|a| a == "--crowd") {
                runtime.block_on(crowd::measure(&iron));
            } else if arguments.iter().any(|a| a == "--translated") {
                runtime.block_on(translated::measure(&iron, effort));
            } else if arguments.iter().any(|a| a == "--control") {
                runtime.block_on(control::measure(&iron, effort));
            } else if arguments.iter().any(|a| a == "--instructions") {
                runtime.block_on(instructions::count(
                    &iron,
                    value("--keep").as_deref().map(Path::new),
                ));
            } else {
                runtime.block_on(measure(&iron, effort));
            }
        }
    }
}

/// Keeps one server's core full for so long and says what it did.
async fn saturate(iron: &str, shape: Shape, seconds: u64) {
    let upstream = upstream::start(Duration::ZERO).await;
    let governed = governed::start(iron, "relaxed", &[&upstream]).await;
    eprintln!("process {}", governed.process.id());
    let plan = Plan {
        shape,
        per_second: None,
        connections: 64,
        duration: Duration::from_secs(seconds),
    };
    let before = governed.process.cpu();
    let outcome = load::run(&governed.targets()[0], plan).await;
    let cpu = governed.process.cpu() - before;
    println!(
        "{:.0} per second, {:.1} µs of CPU each",
        outcome.per_second(),
        cpu.as_secs_f64() * 1e6 / outcome.latencies.len() as f64
    );
}

/// The three ways to the upstream, in the order in which the table shows them.
struct Paths {
    direct: Vec<load::Target>,
    floor: Vec<load::Target>,
    strict: Vec<load::Target>,
    relaxed: Vec<load::Target>,
    /// As `relaxed`, with guardrails that look for nothing.
    unguarded: Vec<load::Target>,
}

/// The servers under test.
struct Servers {
    strict: governed::Governed,
    relaxed: governed::Governed,
    unguarded: governed::Governed,
}

async fn measure(iron: &str, effort: Effort) {
    let fast = upstream::start(Duration::ZERO).await;
    let slow = upstream::start(Duration::from_millis(50)).await;
    let mut report = Report::begin();

    let floor_fast = Process::role("floor", Core::Gateway, &["--upstream", &fast]);
    let floor_slow = Process::role("floor", Core::Gateway, &["--upstream", &slow]);
    let strict = governed::start(iron, "strict", &[&fast, &slow]).await;
    let relaxed = governed::start(iron, "relaxed", &[&fast, &slow]).await;
    let unguarded = governed::start(iron, "relaxed", &[&fast, &slow]).await;
    let servers = Servers {
        strict,
        relaxed,
        unguarded: unguarded.without_guardrails().await,
    };
    report.idle(&servers.strict.process, &floor_fast);

    // Index 0 reaches the upstream that answers at once, index 1 the one that takes 50 ms.
    let paths = Paths {
        direct: vec![
            load::Target::plain(fast.clone()),
            load::Target::plain(slow.clone()),
        ],
        floor: vec![
            load::Target::plain(floor_fast.address()),
            load::Target::plain(floor_slow.address()),
        ],
        strict: servers.strict.targets(),
        relaxed: servers.relaxed.targets(),
        unguarded: servers.unguarded.targets(),
    };
    low_rate(&mut report, &paths, effort).await;
    first_token(&mut report, &paths, effort).await;
    saturated(&mut report, &paths, &floor_fast, &servers, effort).await;
    streams(&mut report, &paths, &floor_fast, &servers, effort).await;
    report.under_load(&servers.strict.process, &floor_fast);
    report.fsync(&servers.strict.data);
    report.print();
}

/// Added latency at 50 calls/s, where nothing queues.
async fn low_rate(report: &mut Report, paths: &Paths, effort: Effort) {
    for (index, upstream) in ["upstream 0 ms", "upstream 50 ms"].into_iter().enumerate() {
        let plan = Plan {
            shape: Shape::Whole,
            per_second: Some(50),
            connections: 16,
            duration: Duration::from_secs(effort.paced_seconds),
        };
        let mut samples = [const { Vec::new() }; 4];
        // The rounds alternate, so that a noisy neighbour disturbs every path alike.
        for _ in 0..effort.rounds {
            samples[0].extend(load::run(&paths.direct[index], plan).await.latencies);
            samples[1].extend(load::run(&paths.floor[index], plan).await.latencies);
            samples[2].extend(load::run(&paths.strict[index], plan).await.latencies);
            samples[3].extend(load::run(&paths.relaxed[index], plan).await.latencies);
        }
        report.latency(&format!("whole answer at 50/s, {upstream}"), samples);
    }
}

/// Added time to the first token of a stream at 50 streams/s.
async fn first_token(report: &mut Report, paths: &Paths, effort: Effort) {
    let plan = Plan {
        shape: Shape::Stream { chunks: 20 },
        per_second: Some(50),
        connections: 16,
        duration: Duration::from_secs(effort.paced_seconds),
    };
    for (index, upstream) in ["upstream 0 ms", "upstream 50 ms"].into_iter().enumerate() {
        let mut samples = [const { Vec::new() }; 4];
        for _ in 0..effort.rounds {
            samples[0].extend(load::run(&paths.direct[index], plan).await.first_bytes);
            samples[1].extend(load::run(&paths.floor[index], plan).await.first_bytes);
            samples[2].extend(load::run(&paths.strict[index], plan).await.first_bytes);
            samples[3].extend(load::run(&paths.relaxed[index], plan).await.first_bytes);
        }
        report.latency(&format!("first token at 50/s, {upstream}"), samples);
    }
}

/// Calls per second with the gateway's core full.
async fn saturated(
    report: &mut Report,
    paths: &Paths,
    floor: &Process,
    servers: &Servers,
    effort: Effort,
) {
    let plan = Plan {
        shape: Shape::Whole,
        per_second: None,
        connections: 64,
        duration: Duration::from_secs(effort.saturated_seconds),
    };
    for _ in 0..effort.rounds {
        report.rate(
            "calls",
            "direct",
            &load::run(&paths.direct[0], plan).await,
            None,
        );
        let before = floor.cpu();
        let outcome = load::run(&paths.floor[0], plan).await;
        report.rate("calls", "floor", &outcome, Some(floor.cpu() - before));
        for (name, target, process) in [
            ("iron strict", &paths.strict[0], &servers.strict.process),
            ("iron relaxed", &paths.relaxed[0], &servers.relaxed.process),
            (
                "iron relaxed, no guardrails",
                &paths.unguarded[0],
                &servers.unguarded.process,
            ),
        ] {
            let before = process.cpu();
            let outcome = load::run(target, plan).await;
            report.rate("calls", name, &outcome, Some(process.cpu() - before));
        }
    }
}

/// Streams per second with the gateway's core full, and what one more chunk costs.
async fn streams(
    report: &mut Report,
    paths: &Paths,
    floor: &Process,
    servers: &Servers,
    effort: Effort,
) {
    for chunks in [20, 200] {
        let plan = Plan {
            shape: Shape::Stream { chunks },
            per_second: None,
            connections: 64,
            duration: Duration::from_secs(effort.saturated_seconds),
        };
        let group = format!("streams of {chunks} chunks");
        for _ in 0..effort.rounds {
            report.rate(
                &group,
                "direct",
                &load::run(&paths.direct[0], plan).await,
                None,
            );
            let before = floor.cpu();
            let outcome = load::run(&paths.floor[0], plan).await;
            report.rate(&group, "floor", &outcome, Some(floor.cpu() - before));
            for (name, target, process) in [
                ("iron strict", &paths.strict[0], &servers.strict.process),
                (
                    "iron relaxed, no guardrails",
                    &paths.unguarded[0],
                    &servers.unguarded.process,
                ),
            ] {
                let before = process.cpu();
                let outcome = load::run(target, plan).await;
                report.rate(&group, name, &outcome, Some(process.cpu() - before));
            }
        }
    }
    report.per_chunk(20, 200);
}
