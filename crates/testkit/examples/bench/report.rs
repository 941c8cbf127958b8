//! Collects the figures and prints them as a table with ratios to direct and to the floor.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::load::Outcome;
use crate::process::Process;

const PATHS: [&str; 5] = [
    "direct",
    "floor",
    "iron strict",
    "iron relaxed",
    "iron relaxed, no guardrails",
];

/// One path's best round of a saturated phase.
#[derive(Clone, Copy)]
struct Rate {
    per_second: f64,
    cpu_micros: Option<f64>,
}

/// Everything that was measured in this run.
pub(crate) struct Report {
    latencies: Vec<(String, [Vec<Duration>; 4])>,
    rates: BTreeMap<String, BTreeMap<&'static str, Rate>>,
    lines: Vec<String>,
}

impl Report {
    pub(crate) fn begin() -> Report {
        Report {
            latencies: Vec::new(),
            rates: BTreeMap::new(),
            lines: Vec::new(),
        }
    }

    pub(crate) fn latency(&mut self, name: &str, mut samples: [Vec<Duration>; 4]) {
        for path in &mut samples {
            path.sort_unstable();
        }
        self.latencies.push((name.to_owned(), samples));
    }

    /// Keeps the fastest round: the slower ones measured the neighbours.
    pub(crate) fn rate(
        &mut self,
        group: &str,
        path: &'static str,
        outcome: &Outcome,
        cpu: Option<Duration>,
    ) {
        let calls = outcome.latencies.len().max(1) as f64;
        let rate = Rate {
            per_second: outcome.per_second(),
            cpu_micros: cpu.map(|cpu| cpu.as_secs_f64() * 1e6 / calls),
        };
        let best = self
            .rates
            .entry(group.to_owned())
            .or_default()
            .entry(path)
            .or_insert(rate);
        if rate.per_second > best.per_second {
            *best = rate;
        }
    }

    pub(crate) fn per_chunk(&mut self, few: usize, many: usize) {
        let cpu = |path: &str, chunks: usize| {
            self.rates
                .get(&format!("streams of {chunks} chunks"))?
                .get(path)?
                .cpu_micros
        };
        for path in ["floor", "iron strict"] {
            if let (Some(low), Some(high)) = (cpu(path, few), cpu(path, many)) {
                let each = (high - low) / (many - few) as f64;
                self.lines
                    .push(format!("CPU per chunk, {path}: {each:.2} µs"));
            }
        }
    }

    pub(crate) fn idle(&mut self, iron: &Process, floor: &Process) {
        self.lines.push(format!(
            "RSS idle: iron {:.1} MiB, floor {:.1} MiB",
            mib(iron.memory_kib().0),
            mib(floor.memory_kib().0)
        ));
    }

    pub(crate) fn under_load(&mut self, iron: &Process, floor: &Process) {
        let (now, peak) = iron.memory_kib();
        self.lines.push(format!(
            "RSS after load: iron {:.1} MiB (peak {:.1}), floor {:.1} MiB",
            mib(now),
            mib(peak),
            mib(floor.memory_kib().0)
        ));
    }

    /// The disk's own time for an append and an fdatasync, in the data folder of this run.
    pub(crate) fn fsync(&mut self, data: &tempfile::TempDir) {
        let times = fsync_times(&data.path().join("fsync-probe"));
        self.lines.push(format!(
            "fdatasync of a 256-byte append in the data folder: p50 {:.2} ms, p99 {:.2} ms",
            millis(quantile(&times, 0.50)),
            millis(quantile(&times, 0.99))
        ));
    }

    pub(crate) fn print(&self) {
        println!("\nLatency (ms; added = over direct; over floor = added beyond the bare proxy)\n");
        println!(
            "{:<40} {:<13} {:>8} {:>8} {:>10} {:>10} {:>11} {:>11}",
            "", "", "p50", "p99", "added p50", "added p99", "over floor", "p99"
        );
        for (name, samples) in &self.latencies {
            self.print_latency(name, samples);
        }
        println!("\nSaturated, 64 connections, gateway on one core\n");
        println!(
            "{:<40} {:<28} {:>10} {:>12} {:>10} {:>10}",
            "", "", "per second", "CPU µs each", "× direct", "× floor"
        );
        for (group, paths) in &self.rates {
            let base = |path: &str| paths.get(path).map_or(f64::NAN, |rate| rate.per_second);
            for path in PATHS {
                let Some(rate) = paths.get(path) else {
                    continue;
                };
                let cpu = rate
                    .cpu_micros
                    .map_or("-".to_owned(), |cpu| format!("{cpu:.1}"));
                println!(
                    "{group:<40} {path:<28} {:>10.0} {cpu:>12} {:>10.3} {:>10.3}",
                    rate.per_second,
                    rate.per_second / base("direct"),
                    rate.per_second / base("floor"),
                );
            }
        }
        println!();
        for line in &self.lines {
            println!("{line}");
        }
    }

    fn print_latency(&self, name: &str, samples: &[Vec<Duration>; 4]) {
        let at = |path: usize, q: f64| millis(quantile(&samples[path], q));
        for (path, label) in PATHS.into_iter().take(samples.len()).enumerate() {
            let (p50, p99) = (at(path, 0.50), at(path, 0.99));
            println!(
                "{name:<40} {label:<13} {p50:>8.3} {p99:>8.3} {:>10.3} {:>10.3} {:>11.3} {:>11.3}",
                p50 - at(0, 0.50),
                p99 - at(0, 0.99),
                p50 - at(1, 0.50),
                p99 - at(1, 0.99),
            );
        }
    }
}

fn fsync_times(path: &Path) -> Vec<Duration> {
    let mut file = std::fs::File::create(path).expect("writable");
    let mut times: Vec<Duration> = (0..200)
        .map(|_| {
            let begun = Instant::now();
            file.write_all(&[7; 256]).expect("writable");
            file.sync_data().expect("syncs");
            begun.elapsed()
        })
        .collect();
    times.sort_unstable();
    times
}

fn quantile(sorted: &[Duration], q: f64) -> Duration {
    let last = sorted.len().saturating_sub(1);
    sorted
        .get((last as f64 * q).round() as usize)
        .copied()
        .unwrap_or_default()
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

fn mib(kib: u64) -> f64 {
    kib as f64 / 1024.0
}
