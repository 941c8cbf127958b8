//! Several servers on one PostgreSQL: what sharing budgets costs.
//!
//! All servers share one core, so the calls per second of all together say what coordination
//! takes away: with none of it they would be the same for one, two and four.

use std::time::Duration;

use crate::load::{self, Outcome, Plan, Shape, Target};
use crate::process::Process;
use crate::{Effort, governed, upstream};

const COUNTS: [usize; 3] = [1, 2, 4];
const CONNECTIONS: usize = 64;

/// Measures one, two and four servers in turn, all of which stand on this empty database.
pub(crate) async fn measure(iron: &str, database: &str, effort: Effort) {
    let key = "5a".repeat(32);
    let settings = [("IRON_DATABASE_URL", database), ("IRON_MASTER_KEY", &key)];
    let upstream = upstream::start(Duration::ZERO).await;
    let mut servers = Vec::new();
    for _ in 0..COUNTS.into_iter().max().unwrap_or(1) {
        servers.push(governed::serve(&[], iron, "relaxed", &settings).await);
    }
    // One agent for each server: they share user, project and tenant.
    let upstreams = vec![upstream.as_str(); servers.len()];
    let tokens = governed::settle_in(&servers[0].0.address(), &upstreams).await;

    println!("servers  calls/s  CPU per call, µs  p99, ms  failed");
    for round in 0..effort.rounds {
        for count in COUNTS {
            let plan = Plan {
                shape: Shape::Whole,
                per_second: None,
                connections: CONNECTIONS / count,
                duration: Duration::from_secs(effort.saturated_seconds),
            };
            let busy = &servers[..count];
            let before = cpu(busy);
            let runs = busy.iter().enumerate().map(|(index, (process, _))| {
                let target = Target {
                    token: Some(tokens[index].clone()),
                    ..Target::plain(process.address())
                };
                tokio::spawn(async move { load::run(&target, plan).await })
            });
            let runs: Vec<_> = runs.collect();
            let mut outcomes = Vec::new();
            for run in runs {
                outcomes.push(run.await.expect("a load ends"));
            }
            print(round, count, &outcomes, cpu(busy).saturating_sub(before));
        }
    }
}

fn cpu(servers: &[(Process, tempfile::TempDir)]) -> Duration {
    servers.iter().map(|(process, _)| process.cpu()).sum()
}

fn print(round: usize, servers: usize, outcomes: &[Outcome], cpu: Duration) {
    let calls: usize = outcomes.iter().map(|outcome| outcome.latencies.len()).sum();
    let failed: usize = outcomes.iter().map(|outcome| outcome.failures).sum();
    let per_second: f64 = outcomes.iter().map(Outcome::per_second).sum();
    let mut latencies: Vec<Duration> = outcomes
        .iter()
        .flat_map(|outcome| outcome.latencies.iter().copied())
        .collect();
    latencies.sort_unstable();
    let p99 = latencies
        .get(latencies.len() * 99 / 100)
        .copied()
        .unwrap_or_default();
    if round > 0 && servers == 1 {
        println!();
    }
    println!(
        "{servers:>7}  {per_second:>7.0}  {:>16.0}  {:>7.1}  {failed:>6}",
        cpu.as_secs_f64() * 1e6 / calls.max(1) as f64,
        p99.as_secs_f64() * 1e3,
    );
}
