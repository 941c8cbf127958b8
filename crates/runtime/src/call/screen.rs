//! Steps 4 and 8 where a whole body is there: every text of a request or an answer before the
//! guardrails of the agent, and the body as it goes on.

use std::ops::Range;

use bytes::Bytes;
use iron_guard::{Channel, Guard, Judgement, Unread};
use iron_llm::Envelope;
use iron_llm::texts::{self, Part, PartKind, Texts};
use iron_primitives::Refusal;

use super::draft::Draft;
use super::safety::{Safety, blocked, channel_of, refused};

/// The request as it may be sent.
///
/// # Errors
/// [`Refusal::ContentBlocked`]; [`Refusal::Malformed`] for a body whose texts cannot be found.
pub(super) fn input(draft: &mut Draft, envelope: Box<Envelope>) -> Result<Box<Envelope>, Refusal> {
    let guard = draft.bearer.guard.clone();
    if guard.is_idle() {
        return Ok(envelope);
    }
    let body = envelope.body().clone();
    let texts = texts::of_envelope(&envelope).map_err(unreadable)?;
    if let Some(unread) = texts.unread.first()
        && guard.profile().unread == Unread::Refuse
    {
        let what = format!("{:?}", unread.what).to_lowercase();
        return Err(refused(Channel::User, "unread", what));
    }
    let edits = screened(&guard, &texts, &mut draft.safety)?;
    if edits.is_empty() {
        return Ok(envelope);
    }
    let edited = texts.edited(&body, &borrowed(&edits));
    Ok(Box::new(envelope.with_body(edited)?))
}

/// The answer as its caller gets it.
///
/// # Errors
/// [`Refusal::ContentBlocked`].
pub(super) fn output(draft: &mut Draft, body: Bytes) -> Result<Bytes, Refusal> {
    let guard = draft.bearer.guard.clone();
    if guard.is_idle() {
        return Ok(body);
    }
    let texts = texts::of_reply(draft.dialect, &body).map_err(unreadable)?;
    let edits = screened(&guard, &texts, &mut draft.safety)?;
    Ok(texts.edited(&body, &borrowed(&edits)))
}

fn unreadable(error: texts::Error) -> Refusal {
    Refusal::Malformed {
        detail: error.to_string(),
    }
}

/// What stands in the place of a text.
type Edited = (Range<usize>, String);

fn borrowed(edits: &[Edited]) -> Vec<(Range<usize>, &str)> {
    let edits = edits.iter();
    edits
        .map(|(place, text)| (place.clone(), text.as_str()))
        .collect()
}

/// Judges each text; gives those in which something was replaced.
fn screened(guard: &Guard, texts: &Texts<'_>, safety: &mut Safety) -> Result<Vec<Edited>, Refusal> {
    let mut edits = Vec::new();
    for (index, part) in texts.parts.iter().enumerate() {
        let channel = channel_of(part.channel);
        if channel == Channel::User
            && part.kind == PartKind::Prose
            && let Some((length, most)) = guard.too_long(&part.text)
        {
            let rule = format!("{length} characters, at most {most}");
            return Err(refused(channel, "max_input_chars", rule));
        }
        let judgement = judged(guard, part, channel, safety);
        safety.note(index, channel, &judgement.findings);
        if let Some(finding) = judgement.blocked() {
            return Err(blocked(channel, finding));
        }
        if !judgement.edits.is_empty() {
            let text = judgement.apply(&part.text).into_owned();
            edits.push((part.place.clone(), text));
        }
    }
    Ok(edits)
}

fn judged(guard: &Guard, part: &Part<'_>, channel: Channel, safety: &mut Safety) -> Judgement {
    match part.kind {
        PartKind::JsonText => guard.judge_json(&part.text, channel, &mut safety.pseudonyms),
        _ => guard.judge(&part.text, channel, &mut safety.pseudonyms),
    }
}
