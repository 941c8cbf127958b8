//! Many clients of one agent, some of whom leave without a word.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use iron_llm::{Assumptions, Bound, Dialect, Envelope, PriceBook, ProviderKind};
use serde_json::{Value, json};

use crate::http;

/// What the crowd does.
#[derive(Clone)]
pub(crate) struct Crowd {
    /// Of the servers, any of which a call may go to.
    pub(crate) addresses: Vec<String>,
    pub(crate) token: String,
    pub(crate) clients: u64,
    /// One call in this many is left at a random byte; 0 = nobody leaves.
    pub(crate) leaves_one_in: u64,
    /// The cap that each call asks for.
    pub(crate) max_tokens: u64,
    /// A client that was refused this often in a row goes home.
    pub(crate) patience: u32,
    /// Everybody goes home after this long.
    pub(crate) at_most: Duration,
}

/// What happened to the crowd.
#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) answered: AtomicU64,
    pub(crate) left: AtomicU64,
    pub(crate) refused: AtomicU64,
    pub(crate) failed: AtomicU64,
}

/// A small generator whose sequence repeats (SplitMix64).
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % sides
    }
}

/// What everybody asks.
pub(crate) fn body(max_tokens: u64, stream: bool) -> Value {
    json!({
        "model": "gpt-4o-mini",
        "messages": [{"role": "user", "content": "How much is the fish? ".repeat(4)}],
        "max_tokens": max_tokens,
        "stream": stream,
    })
}

/// The most that one call can cost in nano-dollars: the very bound by which the server holds.
pub(crate) fn bound_nanos(max_tokens: u64) -> i64 {
    let book = PriceBook::builtin();
    let bounds = [false, true].map(|stream| {
        let body = body(max_tokens, stream).to_string().into();
        let envelope = Envelope::read(Dialect::OpenAiChat, body).expect("a request");
        let kind = ProviderKind::OpenAi;
        let bound = Bound::quick(&book, kind, &envelope, &Assumptions::default()).expect("a price");
        bound.cost_at(bound.cap()).expect("in range").nanos()
    });
    bounds.into_iter().max().unwrap_or(0)
}

/// Lets the crowd spend until everybody was refused for good.
pub(crate) async fn spend(crowd: Crowd) -> Arc<Tally> {
    let tally = Arc::new(Tally::default());
    let started = Instant::now();
    let clients: Vec<_> = (0..crowd.clients)
        .map(|index| tokio::spawn(one(crowd.clone(), tally.clone(), Dice(index), started)))
        .collect();
    for client in clients {
        client.await.expect("a client does not panic");
    }
    tally
}

async fn one(crowd: Crowd, tally: Arc<Tally>, mut dice: Dice, started: Instant) {
    let mut refusals = 0;
    while refusals < crowd.patience && started.elapsed() < crowd.at_most {
        let stream = dice.roll(2) == 0;
        let body = body(crowd.max_tokens, stream);
        let head = format!(
            "POST /v1/chat/completions HTTP/1.1\r\nauthorization: Bearer {}",
            crowd.token
        );
        let leaves = crowd.leaves_one_in > 0 && dice.roll(crowd.leaves_one_in) == 0;
        let leave_after = leaves.then(|| usize::try_from(dice.roll(3_000)).unwrap_or(0));
        let servers = u64::try_from(crowd.addresses.len()).expect("not that many");
        let server = usize::try_from(dice.roll(servers)).expect("one of them");
        match http::request(
            &crowd.addresses[server],
            &head,
            &body.to_string(),
            leave_after,
        )
        .await
        {
            None if leaves => _ = tally.left.fetch_add(1, Ordering::Relaxed),
            None => {
                // Killed just now: the server will be back.
                tally.failed.fetch_add(1, Ordering::Relaxed);
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            Some(answer) if answer.status == 429 => {
                assert!(
                    !answer.whole || answer.body.contains("BUDGET_EXCEEDED"),
                    "{}",
                    answer.body
                );
                tally.refused.fetch_add(1, Ordering::Relaxed);
                refusals += 1;
                continue;
            }
            Some(answer) if answer.status == 200 => {
                let counter = if answer.whole {
                    &tally.answered
                } else {
                    &tally.left
                };
                counter.fetch_add(1, Ordering::Relaxed);
            }
            // The provider broke its answer before the first byte: 5xx in the caller's shape.
            Some(answer) => {
                assert!(answer.status >= 500, "{} {}", answer.status, answer.body);
                tally.failed.fetch_add(1, Ordering::Relaxed);
            }
        }
        refusals = 0;
    }
}
