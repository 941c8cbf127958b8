//! Calls as they are recorded, one line each.
//!
//! The lines come from the journal of this process, behind the same fsync that the calls
//! themselves wait for: what is shown is on the disk. A reader that is too slow, a stopped
//! terminal for example, loses lines and is told how many; it never slows a call down.

use std::collections::HashMap;
use std::sync::mpsc::{self, SyncSender, TrySendError};
use std::time::Duration;

use iron_journal::{Content, Reader};
use iron_primitives::{AgentId, Money, TenantId, Timestamp};
use iron_runtime::record::{CallRecord, Outcome as Ending};
use serde::Serialize;
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::console::{Console, printable};
use crate::failure::Outcome;
use crate::server::Names;

/// Lines that may wait for a slow reader.
const MOST_WAITING: usize = 1_024;
/// How long a name is believed.
const NAMES_FOR: Duration = Duration::from_secs(10);

/// What is shown of a call.
#[derive(Debug, Serialize)]
struct Line {
    time: Timestamp,
    call: String,
    agent_id: AgentId,
    agent: Option<String>,
    model: Option<String>,
    provider: Option<String>,
    outcome: Ending,
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    input_tokens: u64,
    output_tokens: u64,
    cost_nanos: i64,
    duration_ms: i64,
}

impl Line {
    fn new(record: CallRecord, agent: Option<String>) -> Self {
        let duration_us = record.ended_at_us.saturating_sub(record.started_at_us);
        Line {
            time: Timestamp::from_micros(record.ended_at_us),
            call: record.call.to_string(),
            agent_id: record.agent,
            agent,
            provider: record
                .attempts
                .last()
                .map(|attempt| attempt.provider_kind.clone().into_owned()),
            outcome: record.outcome,
            status: record.status,
            reason: record.refusal.map(|refusal| refusal.code),
            input_tokens: record.tokens.input_total(),
            output_tokens: record.tokens.output,
            cost_nanos: record.cost_nanos,
            duration_ms: duration_us / 1_000,
            model: record.model,
        }
    }

    fn words(&self, console: Console) -> String {
        let at = self.time.to_string();
        let agent = printable(self.agent.as_deref().unwrap_or("-"));
        // Whatever the caller wrote.
        let model = printable(self.model.as_deref().unwrap_or("-"));
        let tokens = format!("{} + {}", self.input_tokens, self.output_tokens);
        let cost = format!("${}", Money::from_nanos(self.cost_nanos));
        let outcome = console.paint(self.outcome.as_str(), 14);
        let reason = match &self.reason {
            Some(reason) => format!("  {}", printable(reason)),
            None => String::new(),
        };
        format!(
            "{}  {agent:12}  {model:24}  {tokens:>13} tokens  {cost:>12}  {outcome}  {:>6} ms{reason}",
            at.get(11..19).unwrap_or(&at),
            self.duration_ms,
        )
    }
}

/// Shows every call until the journal is closed, or nobody reads any more.
pub(super) async fn calls(mut reader: Reader, names: Names, console: Console) -> Outcome {
    let (lines, waiting) = mpsc::sync_channel::<String>(MOST_WAITING);
    let (writing, mut nobody_reads) = oneshot::channel::<()>();
    let writer = std::thread::spawn(move || {
        // Dropped when the thread ends, which tells at once that nobody reads any more.
        let _writing = writing;
        while let Ok(line) = waiting.recv() {
            if console.write(&line).is_err() {
                return;
            }
        }
    });
    let mut known = Known::new(names);
    let mut missed = 0_u64;
    loop {
        let open = tokio::select! {
            ready = reader.ready() => ready.is_ok(),
            _ = &mut nobody_reads => return Ok(()),
        };
        for frame in
            tokio::task::block_in_place(|| reader.next_frames(256)).map_err(anyhow::Error::from)?
        {
            let Content::Record(record) = frame.content else {
                continue;
            };
            let Ok(call) = serde_json::from_slice::<CallRecord>(record.body()) else {
                continue;
            };
            let name = known.name(call.tenant, call.agent).await;
            let line = Line::new(call, name);
            let text = console.rendered(&line, || line.words(console))?;
            if !offer(&lines, text, &mut missed, console) {
                return Ok(());
            }
        }
        if !open {
            break;
        }
    }
    drop(lines);
    let _ = tokio::task::spawn_blocking(move || writer.join()).await;
    Ok(())
}

/// Hands a line over, or counts it; false if there is nobody left.
fn offer(lines: &SyncSender<String>, text: String, missed: &mut u64, console: Console) -> bool {
    match lines.try_send(text) {
        Ok(()) => {
            if *missed > 0 {
                console.note(&format!(
                    "{missed} calls were not shown, they came too fast; the records have them"
                ));
                *missed = 0;
            }
            true
        }
        Err(TrySendError::Full(_)) => {
            *missed = missed.saturating_add(1);
            true
        }
        Err(TrySendError::Disconnected(_)) => false,
    }
}

/// The names of agents, asked for once in a while and not once a call.
struct Known {
    names: Names,
    found: HashMap<AgentId, Option<String>>,
    since: Instant,
}

impl Known {
    fn new(names: Names) -> Self {
        Known {
            names,
            found: HashMap::new(),
            since: Instant::now(),
        }
    }

    async fn name(&mut self, tenant: TenantId, agent: AgentId) -> Option<String> {
        if self.since.elapsed() > NAMES_FOR {
            self.found.clear();
            self.since = Instant::now();
        }
        if let Some(name) = self.found.get(&agent) {
            return name.clone();
        }
        let name = self.names.of(tenant, agent).await;
        self.found.insert(agent, name.clone());
        name
    }
}
