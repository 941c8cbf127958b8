//! Steps 4 and 8 where a whole body is there: every text of a request or an answer before the
//! guardrails of the agent, and the body as it goes on.
//!
//! Nothing that is text passes unjudged, whether it is an answer, an error, or what a route tells
//! that costs nothing. What cannot be read passes or not as the profile says.

use std::ops::Range;

use bytes::Bytes;
use http::StatusCode;
use iron_guard::{Channel, Guard, Judgement, Verdict};
use iron_llm::texts::{self, Medium, Part, PartKind, Texts};
use iron_llm::translate::{ErrorClass, ProviderError};
use iron_llm::{Dialect, Envelope};
use iron_primitives::Refusal;

use super::draft::Draft;
use super::request::Passing;
use super::safety::{Safety, blocked, channel_of};
use super::sieve::Sieve;

/// The request as it may be sent.
///
/// # Errors
/// [`Refusal::ContentBlocked`]; [`Refusal::Malformed`] for a body whose texts cannot be found.
pub(super) fn input(draft: &mut Draft, envelope: Box<Envelope>) -> Result<Box<Envelope>, Refusal> {
    let guard = draft.bearer.guard.clone();
    request(&guard, &mut draft.safety, envelope)
}

/// As [`input`], for a request that is one of several.
pub(super) fn request(
    guard: &Guard,
    safety: &mut Safety,
    envelope: Box<Envelope>,
) -> Result<Box<Envelope>, Refusal> {
    if guard.is_idle() {
        return Ok(envelope);
    }
    if let Some(refusal) = foreseen(guard, envelope.dialect(), safety) {
        return Err(refusal);
    }
    let body = envelope.body().clone();
    let texts = texts::of_envelope(&envelope).map_err(unreadable)?;
    match judged_body(guard, Channel::User, &texts, &body, safety)? {
        Some(edited) => Ok(Box::new(envelope.with_body(edited)?)),
        None => Ok(envelope),
    }
}

/// The body of a request to a route that costs nothing, as it may be sent.
///
/// # Errors
/// [`Refusal::ContentBlocked`]; [`Refusal::Malformed`] for a body whose texts cannot be found.
pub(super) fn question(draft: &mut Draft, body: Bytes) -> Result<Bytes, Refusal> {
    let guard = draft.bearer.guard.clone();
    if guard.is_idle() || body.is_empty() {
        return Ok(body);
    }
    let texts = texts::of_request(draft.dialect, &body)
        .or_else(|_| texts::of_request(Dialect::Passthrough, &body))
        .map_err(unreadable)?;
    let edited = judged_body(&guard, Channel::User, &texts, &body, &mut draft.safety)?;
    Ok(edited.unwrap_or(body))
}

/// Judges the query of a provider's own route. In an address nothing is replaced: what would be is
/// refused.
///
/// # Errors
/// [`Refusal::ContentBlocked`].
pub(super) fn address(draft: &mut Draft, passing: &Passing) -> Result<(), Refusal> {
    let guard = draft.bearer.guard.clone();
    let query = passing.query.as_deref().filter(|_| !guard.is_idle());
    let safety = &mut draft.safety;
    for (name, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
        for text in [name, value] {
            fixed(&guard, Channel::User, &text, safety)?;
        }
    }
    Ok(())
}

/// The answer as its caller gets it.
///
/// # Errors
/// [`Refusal::ContentBlocked`].
pub(super) fn output(draft: &mut Draft, body: Bytes) -> Result<Bytes, Refusal> {
    let (guard, dialect) = (draft.bearer.guard.clone(), draft.dialect);
    answer(&guard, &mut draft.safety, dialect, body)
}

/// As [`output`], for an answer that is one of several.
pub(super) fn answer(
    guard: &Guard,
    safety: &mut Safety,
    dialect: Dialect,
    body: Bytes,
) -> Result<Bytes, Refusal> {
    if guard.is_idle() || body.is_empty() {
        return Ok(body);
    }
    let texts = texts::of_reply(dialect, &body).map_err(unreadable)?;
    let edited = judged_body(guard, Channel::Output, &texts, &body, safety)?;
    Ok(edited.unwrap_or(body))
}

/// As [`error`], for an error that is one of several.
///
/// # Errors
/// [`Refusal::ContentBlocked`].
pub(super) fn fault(guard: &Guard, safety: &mut Safety, body: Bytes) -> Result<Bytes, Refusal> {
    let texts = texts::of_error(&body);
    let edited = judged_body(guard, Channel::Output, &texts, &body, safety)?;
    Ok(edited.unwrap_or(body))
}

/// A stream of events that is there as a whole, as its caller gets it.
///
/// # Errors
/// [`Refusal::ContentBlocked`]; [`Refusal::ProviderUnavailable`] for what is no stream.
pub(super) fn events(draft: &mut Draft, body: Bytes) -> Result<Bytes, Refusal> {
    let sieve = Sieve::new(&draft.bearer.guard, draft.dialect, &draft.safety);
    let Some(mut sieve) = sieve else {
        return Ok(body);
    };
    let unreadable = |error: texts::StreamError| Refusal::ProviderUnavailable {
        detail: error.to_string(),
    };
    let mut out = sieve.feed(&body).map_err(unreadable)?.to_vec();
    out.extend_from_slice(&sieve.finish());
    let refusal = sieve.blocked().cloned();
    draft.safety.add(sieve.into_safety());
    match refusal {
        Some(refusal) => Err(refusal),
        None => Ok(out.into()),
    }
}

/// The provider's words about what went wrong, as the caller gets them: if they may not pass, in
/// words of our own. Its status stays, for it tells a client whether to try again.
pub(super) fn error(draft: &mut Draft, status: StatusCode, body: Bytes) -> Bytes {
    let guard = draft.bearer.guard.clone();
    if guard.is_idle() || body.is_empty() {
        return body;
    }
    match fault(&guard, &mut draft.safety, body) {
        Ok(judged) => judged,
        Err(_) => {
            draft.refused("guardrails");
            let class = ErrorClass::of_status(status.as_u16());
            let withheld = "guardrails have withheld the provider's words about this error";
            let error = ProviderError::new(class, withheld);
            Bytes::from(error.render(draft.dialect.error_shape()).body)
        }
    }
}

/// The content of a file as it goes on, which is stored at a provider or was read there: `way` says
/// which. Takes its time: not for the threads of others.
///
/// # Errors
/// [`Refusal::ContentBlocked`].
pub(super) fn file(
    guard: &Guard,
    way: texts::Channel,
    content: Bytes,
    safety: &mut Safety,
) -> Result<Bytes, Refusal> {
    let texts = texts::of_file(&content, way);
    let edited = judged_body(guard, channel_of(way), &texts, &content, safety)?;
    Ok(edited.unwrap_or(content))
}

/// The name of a file, in which nothing is replaced: what would be is refused.
///
/// # Errors
/// [`Refusal::ContentBlocked`].
pub(super) fn file_name(guard: &Guard, name: &str, safety: &mut Safety) -> Result<(), Refusal> {
    fixed(guard, Channel::Document, name, safety)
}

/// Judges a text that stays as it is or does not pass.
fn fixed(guard: &Guard, channel: Channel, text: &str, safety: &mut Safety) -> Result<(), Refusal> {
    let judgement = guard.judge(text, channel, &mut safety.pseudonyms);
    safety.note(0, channel, &judgement.findings);
    let mut findings = judgement.findings.iter();
    match findings.find(|judged| judged.verdict >= Verdict::Redact) {
        Some(judged) => Err(blocked(channel, &judged.finding)),
        None => Ok(()),
    }
}

/// The refusal of a request whose answer will not be readable, before it costs anything.
fn foreseen(guard: &Guard, dialect: Dialect, safety: &mut Safety) -> Option<Refusal> {
    let what = match dialect {
        Dialect::OpenAiSpeech => Medium::Audio,
        dialect if dialect.draws() => Medium::Image,
        _ => return None,
    };
    let answer = texts::Unread { what, place: 0..0 };
    safety.unread(guard, Channel::Output, &[answer])
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

/// The body with what was replaced in it, if something was.
fn judged_body(
    guard: &Guard,
    channel: Channel,
    texts: &Texts<'_>,
    body: &Bytes,
    safety: &mut Safety,
) -> Result<Option<Bytes>, Refusal> {
    if let Some(refusal) = safety.unread(guard, channel, &texts.unread) {
        return Err(refusal);
    }
    let edits = screened(guard, texts, safety)?;
    Ok((!edits.is_empty()).then(|| texts.edited(body, &borrowed(&edits))))
}

/// Judges each text; gives those in which something was replaced.
fn screened(guard: &Guard, texts: &Texts<'_>, safety: &mut Safety) -> Result<Vec<Edited>, Refusal> {
    let mut edits = Vec::new();
    for (index, part) in texts.parts.iter().enumerate() {
        let channel = channel_of(part.channel);
        if channel == Channel::User
            && part.kind == PartKind::Prose
            && let Some(count) = guard.too_long(&part.text)
        {
            return Err(safety.too_long(index, &part.text, count));
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
