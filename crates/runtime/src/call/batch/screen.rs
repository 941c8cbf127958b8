//! The lines of a batch before the guardrails of its agent: each is judged as it would be alone.
//!
//! The input of a batch of OpenAI was judged as a file when it was stored. Its lines are judged again
//! when a batch is made of it: the guardrails may be others by then, and long files are not read.

use bytes::Bytes;
use iron_llm::Envelope;
use iron_llm::batch::{BatchLine, refusal_of_line};
use iron_primitives::Refusal;

use crate::call::draft::Draft;
use crate::call::safety::Safety;
use crate::call::screen;

/// Judges every line, which then has the request that may be sent. Gives the first, counted from 1,
/// that has another one than before.
///
/// # Errors
/// The refusal of the first line that may not be sent.
pub(super) async fn screened(
    draft: &mut Draft,
    lines: &mut [BatchLine],
) -> Result<Option<usize>, Refusal> {
    if draft.bearer.guard.is_idle() {
        return Ok(None);
    }
    let mut first_changed = None;
    for (index, line) in lines.iter_mut().enumerate() {
        let number = index.saturating_add(1);
        let body = judged(draft, line).map_err(|refusal| of_line(number, refusal))?;
        if body != line.body {
            first_changed = first_changed.or(Some(number));
            line.body = body;
        }
        tokio::task::yield_now().await;
    }
    Ok(first_changed)
}

fn judged(draft: &mut Draft, line: &BatchLine) -> Result<Bytes, Refusal> {
    let mut safety = Safety::default();
    let envelope = Box::new(Envelope::read(line.dialect, line.body.clone())?);
    let judged = screen::request(&draft.bearer.guard, &mut safety, envelope);
    draft.safety.add(safety);
    judged.map(|envelope| envelope.body().clone())
}

/// The refusal of a batch for one of its lines.
pub(super) fn of_line(number: usize, refusal: Refusal) -> Refusal {
    match refusal {
        Refusal::ContentBlocked(mut blocked) => {
            blocked.line = Some(number);
            Refusal::ContentBlocked(blocked)
        }
        other => refusal_of_line(number, &other.to_string()),
    }
}
