//! What people and their programs ask of the control plane: mixed reads on one core, and a storm
//! of logins, whose memory has a bound however many come at once.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::Effort;
use crate::governed::{EMAIL, PASSWORD, serve, settle_in, sign_in};
use crate::load::stay_awake;
use crate::process::Process;
use crate::wire::{Connection, get, post};

/// Without the limits of the API, which would refuse most of it.
const UNLIMITED: [(&str, &str); 4] = [
    ("IRON_RATE_LIMITS_USER_PER_MINUTE", "0"),
    ("IRON_RATE_LIMITS_USER_PER_HOUR", "0"),
    ("IRON_RATE_LIMITS_ANONYMOUS_PER_MINUTE", "0"),
    ("IRON_RATE_LIMITS_ANONYMOUS_PER_HOUR", "0"),
];
/// What a dashboard asks for, again and again.
const READS: [&str; 8] = [
    "/api/v1/agents",
    "/api/v1/agents?per_page=10&page=2",
    "/api/v1/providers",
    "/api/v1/projects",
    "/api/v1/users/me",
    "/api/v1/leases",
    "/api/v1/limits/events",
    "/api/v1/audit-logs?per_page=20",
];
const AGENTS: usize = 50;
const READERS: usize = 32;
/// How many sign in at once.
const STORMS: [usize; 3] = [1, 32, 512];

/// What came of asking over many connections for so long.
#[derive(Default)]
struct Asked {
    latencies: Vec<Duration>,
    refused: usize,
}

/// Measures and prints.
pub(crate) async fn measure(iron: &str, effort: Effort) {
    let (process, _data) = serve(&[], iron, "relaxed", &UNLIMITED).await;
    settle_in(&process.address(), &["127.0.0.1:9"; AGENTS]).await;
    let token = sign_in(&process.address()).await;
    let requests = READS.map(|path| get(path, &token).into());
    for _ in 0..effort.rounds {
        let cpu = process.cpu();
        let asked = ask(&process, &requests, READERS, effort.saturated_seconds).await;
        let cpu = process.cpu() - cpu;
        println!(
            "reads: {}, {:.0} µs of CPU each",
            told(&asked, effort.saturated_seconds),
            cpu.as_secs_f64() * 1e6 / asked.latencies.len() as f64
        );
    }
    let body = json!({"email": EMAIL, "password": PASSWORD}).to_string();
    let login = [post("/api/v1/auth/login", None, &body).into()];
    let (idle, _) = process.memory_kib();
    println!("resident before the storms: {} MiB", idle / 1024);
    for clients in STORMS {
        let asked = ask(&process, &login, clients, effort.saturated_seconds).await;
        let (_, most) = process.memory_kib();
        println!(
            "logins of {clients} at once: {}; at most {} MiB resident so far",
            told(&asked, effort.saturated_seconds),
            most / 1024
        );
    }
}

fn told(asked: &Asked, seconds: u64) -> String {
    let mut sorted = asked.latencies.clone();
    sorted.sort_unstable();
    let at = |percent: usize| {
        let place = sorted.len().saturating_sub(1) * percent / 100;
        sorted.get(place).map_or(0.0, |one| one.as_secs_f64() * 1e3)
    };
    format!(
        "{:.0} a second, p50 {:.1} ms, p99 {:.1} ms, {} refused",
        sorted.len() as f64 / seconds as f64,
        at(50),
        at(99),
        asked.refused
    )
}

/// So many clients ask one thing after the other, each beginning at another one.
async fn ask(process: &Process, requests: &[Arc<[u8]>], clients: usize, seconds: u64) -> Asked {
    let awake = tokio::spawn(stay_awake());
    let until = Instant::now() + Duration::from_secs(seconds);
    let workers: Vec<_> = (0..clients)
        .map(|first| tokio::spawn(client(process.address(), requests.to_vec(), first, until)))
        .collect();
    let mut all = Asked::default();
    for worker in workers {
        let one = worker.await.expect("a client does not panic");
        all.latencies.extend(one.latencies);
        all.refused += one.refused;
    }
    awake.abort();
    all
}

async fn client(address: String, requests: Vec<Arc<[u8]>>, first: usize, until: Instant) -> Asked {
    let mut asked = Asked::default();
    let mut connection = Connection::open(&address).await;
    for request in requests.iter().cycle().skip(first) {
        let begun = Instant::now();
        if begun >= until {
            break;
        }
        assert!(connection.send(request).await, "the server has gone");
        let head = connection.head().await.expect("an answer");
        connection.body(&head.framing, false).await.expect("a body");
        match head.status {
            200 => asked.latencies.push(begun.elapsed()),
            _ => asked.refused += 1,
        }
    }
    asked
}
