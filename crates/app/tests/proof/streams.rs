//! Streams that somebody listens to until they end.

use std::time::Instant;

use serde_json::Value;
use tokio::task::JoinHandle;

use crate::crowd::body;
use crate::http::{self, Answer};
use crate::server::{Agent, Server};

/// What a listener got, and when it was over.
pub(crate) struct Heard {
    pub(crate) answer: Answer,
    pub(crate) ended: Instant,
}

impl Heard {
    /// Whether there was a stream at all.
    pub(crate) fn has_begun(&self) -> bool {
        self.answer.status == 200
    }

    /// The error at the end of the stream, and nothing behind it; or the one that came instead.
    pub(crate) fn error(&self) -> Value {
        let body = &self.answer.body;
        if !self.has_begun() {
            return self.answer.json()["error"].clone();
        }
        let mut events = body.lines().filter_map(|line| line.strip_prefix("data: "));
        let last = events
            .next_back()
            .unwrap_or_else(|| panic!("no event: {body}"));
        let last: Value = serde_json::from_str(last).unwrap_or_else(|_| panic!("{last}"));
        assert!(last.get("error").is_some(), "it ended otherwise: {last}");
        last["error"].clone()
    }
}

/// Asks for a stream of so many tokens, in a task of its own.
pub(crate) fn listen(server: &Server, agent: &Agent, max_tokens: u64) -> JoinHandle<Heard> {
    let (head, address) = (head_of(agent), server.address.clone());
    let asked = body(max_tokens, true).to_string();
    tokio::spawn(async move {
        let answer = http::request(&address, &head, &asked, None).await;
        Heard {
            answer: answer.expect("the server answers"),
            ended: Instant::now(),
        }
    })
}

/// Asks for an answer that comes as a whole.
pub(crate) async fn ask(server: &Server, agent: &Agent, max_tokens: u64) -> Answer {
    let asked = body(max_tokens, false).to_string();
    let answer = http::request(&server.address, &head_of(agent), &asked, None).await;
    answer.expect("the server answers")
}

/// Waits until a server passes so many streams on.
pub(crate) async fn under_way(server: &Server, streams: usize) {
    let line = format!("iron_streams_in_flight {streams}\n");
    while !server.metrics().await.contains(&line) {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

fn head_of(agent: &Agent) -> String {
    format!(
        "POST /v1/chat/completions HTTP/1.1\r\nauthorization: Bearer {}",
        agent.token
    )
}
