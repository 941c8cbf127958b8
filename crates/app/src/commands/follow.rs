//! Calls as they are recorded, one line each.

use iron_journal::{Content, Journal};
use iron_primitives::Timestamp;
use serde::{Deserialize, Serialize};

use crate::console::Console;
use crate::failure::Outcome;

/// What is shown of the record of a call.
#[derive(Debug, Serialize, Deserialize)]
struct Line {
    call: String,
    agent: String,
    #[serde(default)]
    model: Option<String>,
    outcome: String,
    #[serde(default)]
    status: u16,
    #[serde(default)]
    cost_nanos: i64,
    started_at_us: i64,
    ended_at_us: i64,
}

/// Shows every call from now on.
pub(super) async fn calls(journal: &Journal, console: Console) -> Outcome {
    let mut reader = journal
        .read_from(journal.position())
        .map_err(anyhow::Error::from)?;
    loop {
        if reader.ready().await.is_err() {
            return Ok(());
        }
        for frame in reader.next_frames(256).map_err(anyhow::Error::from)? {
            let Content::Record(record) = frame.content else {
                continue;
            };
            if let Ok(line) = serde_json::from_slice::<Line>(record.body()) {
                console.event(&line, || words(&line))?;
            }
        }
    }
}

fn words(line: &Line) -> String {
    let at = Timestamp::from_micros(line.ended_at_us);
    let took_ms = line.ended_at_us.saturating_sub(line.started_at_us) / 1_000;
    let dollars = iron_primitives::Money::from_nanos(line.cost_nanos);
    let model = line.model.as_deref().unwrap_or("-");
    format!(
        "{at}  {model:24}  {:12}  {}  {dollars}  {took_ms} ms",
        line.outcome, line.status
    )
}
