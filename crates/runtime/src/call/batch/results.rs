//! Reading results: as they are, or, for an agent with guardrails or tools, line by line, each as it
//! may be read. One that may not be read is replaced by an error that says so, and the others stay.
//!
//! Nothing is kept of a batch by which pseudonyms in its results could be given their values back.

use std::ops::Range;
use std::sync::Arc;

use bytes::{BufMut as _, Bytes, BytesMut};
use http::Method;
use iron_llm::batch::BatchResult;
use iron_llm::{Dialect, ProviderKind};
use iron_primitives::Refusal;

use crate::Runtime;
use crate::bearer::Lane;
use crate::call::close::Verdict;
use crate::call::draft::{Draft, Refused};
use crate::call::errand::{ASKED, Done};
use crate::call::files::{about, unavailable};
use crate::call::reply::{Breaker, Listener, Reply};
use crate::call::request::CallRequest;
use crate::call::safety::Safety;
use crate::call::screen;
use crate::call::upstream::{self, Upstream};
use crate::record::Outcome;
use crate::room::Share;

use super::lines::Lines;

impl Runtime {
    /// What lies there, which is lines of results.
    pub(in crate::call) async fn read_results(
        self: &Arc<Self>,
        mut draft: Box<Draft>,
        request: &CallRequest,
        lane: &Lane,
        path: &str,
    ) -> Result<Done, Refused> {
        let judges_tools = self.gate_in(&draft, Dialect::OpenAiChat).is_some();
        if draft.bearer.guard.is_idle() && !judges_tools {
            let read = self.read_through(&mut draft, request, lane, path).await;
            return match read {
                Ok(reply) => Ok(Done::now(draft, reply)),
                Err(refusal) => Err(draft.refuse(ASKED, refusal)),
            };
        }
        let question = about(Method::GET, path, request);
        let begun = tokio::select! {
            biased;
            begun = self.begin_to_read(&draft, lane, question) => begun,
            why = draft.cut() => Err(why.refusal()),
        };
        let upstream = match begun {
            Ok(Ok(upstream)) => upstream,
            Ok(Err(reply)) => return Ok(Done::now(draft, reply)),
            Err(refusal) => return Err(draft.refuse(ASKED, refusal)),
        };
        let (status, headers) = (
            upstream.status(),
            upstream::shown_as_it_is(upstream.headers()),
        );
        let (listener, breaker, body) = Listener::to_a_body(self.config.stalled_client);
        let reading = Reading {
            runtime: self.clone(),
            kind: lane.route.kind,
            left: self.config.file_limit_bytes,
            share: self.room.share(),
            lines: Lines::default(),
            upstream,
            listener,
            breaker,
            draft,
        };
        tokio::spawn(reading.run());
        Ok(Done {
            draft: None,
            reply: Reply {
                status,
                headers,
                cost: None,
                remaining: None,
                body,
            },
        })
    }
}

/// Results on their way to their agent.
struct Reading {
    runtime: Arc<Runtime>,
    draft: Box<Draft>,
    kind: ProviderKind,
    upstream: Upstream,
    listener: Listener,
    breaker: Breaker,
    lines: Lines,
    /// For the line that is not whole yet.
    share: Share,
    /// How many bytes may still come.
    left: u64,
}

impl Reading {
    async fn run(mut self) {
        let status = self.upstream.status();
        let outcome = self.hand_all().await;
        if matches!(outcome, Outcome::Cut | Outcome::ProviderError) {
            self.breaker.trip();
        }
        let verdict = Verdict {
            outcome,
            ..Verdict::of_answer(status)
        };
        self.runtime.record(&mut self.draft, verdict).await;
    }

    /// Hands over line by line; says how it ended.
    async fn hand_all(&mut self) -> Outcome {
        loop {
            let chunk = tokio::select! {
                biased;
                _ = self.draft.cut() => return Outcome::Cut,
                () = self.listener.gone() => return Outcome::ClientGone,
                chunk = self.upstream.chunk() => chunk,
            };
            let (lines, is_last) = match chunk {
                Ok(Some(chunk)) => match self.lines_of(&chunk) {
                    Some(lines) => (lines, false),
                    None => return Outcome::ProviderError,
                },
                Ok(None) => (vec![self.lines.finish()], true),
                Err(_) => return Outcome::ProviderError,
            };
            for line in lines {
                let judged = self.judged(line);
                if !self.listener.hand(judged).await {
                    return Outcome::ClientGone;
                }
                tokio::task::yield_now().await;
            }
            if is_last {
                return Outcome::Completed;
            }
        }
    }

    fn lines_of(&mut self, chunk: &Bytes) -> Option<Vec<Bytes>> {
        self.left = self.left.checked_sub(chunk.len() as u64)?;
        let lines = self.lines.feed(chunk).ok()?;
        let has_room = self.share.follows(self.lines.kept_bytes());
        has_room.then_some(lines)
    }

    /// A line as it may be read.
    fn judged(&mut self, line: Bytes) -> Bytes {
        let text = line.trim_ascii();
        if text.is_empty() {
            return line;
        }
        let Some(result) = BatchResult::read(self.kind, text) else {
            let why = unavailable("a line of the results cannot be read".to_owned());
            return self.withheld(None, &why);
        };
        let text = line.slice_ref(text);
        let mut safety = Safety::default();
        let guard = self.draft.bearer.guard.clone();
        let edits = edits(&text, &result, |said, dialect| match dialect {
            None => screen::fault(&guard, &mut safety, said),
            Some(dialect) => {
                let said = screen::answer(&guard, &mut safety, dialect, said)?;
                self.gated(dialect, said)
            }
        });
        self.draft.safety.add(safety);
        match edits {
            Ok(edits) if edits.is_empty() => line,
            Ok(edits) => with_end(&BatchResult::with(&text, &edits)),
            Err(why) => self.withheld(Some(&result.custom_id), &why),
        }
    }

    /// An answer with the calls of tools that its agent may see.
    fn gated(&mut self, dialect: Dialect, said: Bytes) -> Result<Bytes, Refusal> {
        let Some(mut gate) = self.runtime.gate_in(&self.draft, dialect) else {
            return Ok(said);
        };
        let said = gate.whole(said);
        self.draft.noted(gate.into_found());
        said
    }

    /// What stands in the place of a line that may not be read.
    fn withheld(&self, custom_id: Option<&str>, why: &Refusal) -> Bytes {
        let id = self.draft.edge_id.unwrap_or(self.draft.id).to_string();
        let line = BatchResult::withheld(self.kind, custom_id, why, &id);
        with_end(line.as_bytes())
    }
}

/// What is replaced of what a line says.
fn edits(
    line: &Bytes,
    result: &BatchResult,
    mut judge: impl FnMut(Bytes, Option<Dialect>) -> Result<Bytes, Refusal>,
) -> Result<Vec<(Range<usize>, Bytes)>, Refusal> {
    let mut edits = Vec::new();
    for (place, dialect) in &result.said {
        let said = line.slice(place.clone());
        let judged = judge(said.clone(), *dialect)?;
        if judged != said {
            edits.push((place.clone(), judged));
        }
    }
    Ok(edits)
}

fn with_end(line: &[u8]) -> Bytes {
    let mut whole = BytesMut::with_capacity(line.len().saturating_add(1));
    whole.put_slice(line);
    whole.put_u8(b'\n');
    whole.freeze()
}
