//! The load: paced (open loop, nothing queues) or saturated (closed loop, the core is full).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::wire::{Connection, post};

/// Stands in the prompt where each call has a word of its own: a server remembers texts that it has
/// looked at, and no caller asks the same all day.
const WORD: &[u8] = b"qqqqqqqqqq";

/// What one call asks for.
#[derive(Clone, Copy)]
pub(crate) enum Shape {
    Whole,
    Stream { chunks: usize },
}

/// How the calls are made.
#[derive(Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) shape: Shape,
    /// Calls per second over all connections; none = as fast as answers come.
    pub(crate) per_second: Option<u64>,
    pub(crate) connections: usize,
    pub(crate) duration: Duration,
}

/// Where the calls go.
#[derive(Clone)]
pub(crate) struct Target {
    pub(crate) address: String,
    pub(crate) token: Option<String>,
    pub(crate) model: String,
    /// Anthropic messages instead of OpenAI chat.
    pub(crate) speaks_messages: bool,
}

impl Target {
    pub(crate) fn plain(address: String) -> Target {
        Target {
            address,
            token: None,
            model: "gpt-4o-mini".to_owned(),
            speaks_messages: false,
        }
    }

    fn request(&self, shape: Shape) -> Vec<u8> {
        // A prompt of 1 KiB.
        let word = String::from_utf8_lossy(WORD);
        let prompt = "The quick brown fox jumps over the lazy dog. ".repeat(23);
        let prompt = format!("Tell me about {word}. {prompt}");
        let model = &self.model;
        let tail = match (shape, self.speaks_messages) {
            (Shape::Whole, _) => String::new(),
            (Shape::Stream { chunks }, true) => {
                format!(",\"stream\":true,\"stop_sequences\":[\"seed\\\":{chunks}\"]")
            }
            (Shape::Stream { chunks }, false) => {
                format!(
                    ",\"stream\":true,\"seed\":{chunks},\"stream_options\":{{\"include_usage\":true}}"
                )
            }
        };
        let path = match self.speaks_messages {
            true => "/v1/messages",
            false => "/v1/chat/completions",
        };
        let body = format!(
            "{{\"model\":\"{model}\",\"messages\":[{{\"role\":\"user\",\"content\":\"{prompt}\"}}],\"max_tokens\":256{tail}}}"
        );
        post(path, self.token.as_deref(), &body)
    }
}

/// What came of it.
#[derive(Default)]
pub(crate) struct Outcome {
    pub(crate) latencies: Vec<Duration>,
    pub(crate) first_bytes: Vec<Duration>,
    pub(crate) failures: usize,
    pub(crate) elapsed: Duration,
}

impl Outcome {
    pub(crate) fn per_second(&self) -> f64 {
        self.latencies.len() as f64 / self.elapsed.as_secs_f64()
    }
}

/// Runs a plan to its end. A call that fails is counted and reported, never hidden.
pub(crate) async fn run(target: &Target, plan: Plan) -> Outcome {
    let request: Arc<[u8]> = target.request(plan.shape).into();
    let awake = plan
        .per_second
        .is_none()
        .then(|| tokio::spawn(stay_awake()));
    let started = Instant::now();
    let mut workers = Vec::new();
    for index in 0..plan.connections {
        workers.push(tokio::spawn(work(
            target.clone(),
            request.clone(),
            plan,
            index,
            started,
        )));
    }
    let mut outcome = Outcome::default();
    for worker in workers {
        let part = worker.await.expect("a worker does not panic");
        outcome.latencies.extend(part.latencies);
        outcome.first_bytes.extend(part.first_bytes);
        outcome.failures += part.failures;
    }
    outcome.elapsed = started.elapsed();
    if let Some(awake) = awake {
        awake.abort();
    }
    if outcome.failures > 0 {
        eprintln!(
            "{} of {} calls to {} failed",
            outcome.failures,
            outcome.latencies.len() + outcome.failures,
            target.address
        );
    }
    outcome
}

/// Keeps the core of the load from going to sleep, so that nobody pays for waking it.
pub(crate) async fn stay_awake() {
    loop {
        tokio::task::yield_now().await;
    }
}

async fn work(
    target: Target,
    request: Arc<[u8]>,
    plan: Plan,
    index: usize,
    started: Instant,
) -> Outcome {
    let mut request = Request::new(&request);
    let mut outcome = Outcome::default();
    let mut connection = Connection::open(&target.address).await;
    let interval = plan
        .per_second
        .map(|rate| Duration::from_secs_f64(plan.connections as f64 / rate as f64));
    let mut due = started
        + interval.map_or(Duration::ZERO, |i| {
            i.mul_f64(index as f64 / plan.connections as f64)
        });
    while started.elapsed() < plan.duration {
        if let Some(interval) = interval {
            tokio::time::sleep_until(due.into()).await;
            due += interval;
        }
        let begun = Instant::now();
        match call(&mut connection, request.next(), plan.shape).await {
            Some(first_byte) => {
                outcome.first_bytes.push(first_byte - begun);
                outcome.latencies.push(begun.elapsed());
            }
            None => {
                outcome.failures += 1;
                connection = Connection::open(&target.address).await;
                if outcome.failures > 1_000 {
                    return outcome;
                }
            }
        }
    }
    outcome
}

/// A request, with another word in its prompt for each call of this run.
struct Request {
    bytes: Vec<u8>,
    at: usize,
}

impl Request {
    fn new(bytes: &[u8]) -> Request {
        let at = bytes.windows(WORD.len()).position(|window| window == WORD);
        Request {
            bytes: bytes.to_vec(),
            at: at.expect("the prompt has a word of its own"),
        }
    }

    fn next(&mut self) -> &[u8] {
        static CALLS: AtomicU64 = AtomicU64::new(0);
        let mut number = CALLS.fetch_add(1, Ordering::Relaxed);
        for letter in &mut self.bytes[self.at..self.at + WORD.len()] {
            *letter = b'a' + (number % 26) as u8;
            number /= 26;
        }
        &self.bytes
    }
}

/// One call; the instant of the first byte of the body.
async fn call(connection: &mut Connection, request: &[u8], shape: Shape) -> Option<Instant> {
    if !connection.send(request).await {
        return None;
    }
    let head = connection.head().await?;
    if matches!(shape, Shape::Stream { .. }) {
        connection.first_byte().await.then_some(())?;
    }
    let first_byte = Instant::now();
    let refused = head.status != 200;
    let body = connection.body(&head.framing, refused).await?;
    if refused {
        eprintln!("{}: {}", head.status, String::from_utf8_lossy(&body));
        return None;
    }
    Some(first_byte)
}

/// Makes so many calls, one after the other, over one connection.
pub(crate) async fn calls(target: &Target, shape: Shape, number: usize) {
    let mut request = Request::new(&target.request(shape));
    let mut connection = Connection::open(&target.address).await;
    for _ in 0..number {
        call(&mut connection, request.next(), shape)
            .await
            .expect("an answer");
    }
}
