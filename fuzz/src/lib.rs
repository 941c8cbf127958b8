//! What must hold for any bytes, one function for each reader. They panic where it does not.
//!
//! libFuzzer drives them with feedback from coverage, without a sanitizer: the code is safe
//! Rust, so what can go wrong is a panic, an overflow, a hang, or an answer that is not true.

mod arguments;
mod guard;
mod journal;
mod policy;

pub use arguments::{tool_arguments, tool_line, tool_path, tool_statement, tool_url};
pub use guard::{guard_filter, guard_profile};
pub use journal::journal_frames;
pub use policy::{policy_cedar, policy_yaml};

use bytes::Bytes;
use iron_journal::canonical;
use iron_llm::Dialect;
use iron_llm::envelope::{CapField, Edits, Envelope};
use iron_llm::meter::{Meter, MeterOptions, read_answer, read_fault};
use iron_llm::sse::Framer;
use iron_primitives::{AgentId, Money, Timestamp, TokenValue};

/// The first byte chooses, the rest is the input.
fn dialect(data: &[u8]) -> Option<(Dialect, &[u8])> {
    let (choice, rest) = data.split_first()?;
    let dialect = Dialect::ALL[usize::from(*choice) % Dialect::ALL.len()];
    Some((dialect, rest))
}

/// The same bytes cut into pieces, whose lengths come from the bytes themselves.
fn pieces(mut data: &[u8]) -> Vec<&[u8]> {
    let mut pieces = Vec::new();
    let mut state = data.len() as u64;
    while !data.is_empty() {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(u64::from(data[0]) | 1);
        let length = (state >> 59) as usize % data.len() + 1;
        let (piece, rest) = data.split_at(length);
        pieces.push(piece);
        data = rest;
    }
    pieces
}

/// A request that is understood stays itself without edits, and stays understood with them.
pub fn request_envelope(data: &[u8]) {
    let Some((dialect, body)) = dialect(data) else {
        return;
    };
    let Ok(envelope) = Envelope::read(dialect, Bytes::copy_from_slice(body)) else {
        return;
    };
    assert_eq!(&envelope.rewrite(&Edits::default())[..], body);
    let _ = envelope.prompt();
    assert!(envelope.prefix().all(|part| part.len() <= body.len()));
    let field = match dialect {
        Dialect::OpenAiChat => Some(CapField::MaxCompletionTokens),
        Dialect::OpenAiResponses => Some(CapField::MaxOutputTokens),
        Dialect::OpenAiEmbeddings => None,
        _ => Some(CapField::MaxTokens),
    };
    let edits = Edits {
        model: Some("another"),
        output_cap: field.map(|field| (field, 7)),
        include_usage: matches!(dialect, Dialect::OpenAiChat | Dialect::OpenAiCompletions),
    };
    let edited = envelope.rewrite(&edits);
    let again = Envelope::read(dialect, edited.clone()).unwrap_or_else(|error| {
        panic!("{error} in {}", String::from_utf8_lossy(&edited));
    });
    assert_eq!(again.facts().model, "another");
    assert!(field.is_none() || again.facts().output_cap.is_some_and(|cap| cap <= 7));
}

/// Frames do not depend on how their bytes arrive, and no byte is lost or made up.
pub fn event_stream(data: &[u8]) {
    const LIMIT_BYTES: usize = 4_096;
    let read = |pieces: &[&[u8]]| {
        let mut framer = Framer::new(LIMIT_BYTES);
        let (mut bytes, mut frames) = (Vec::new(), 0);
        for piece in pieces {
            let Ok(block) = framer.feed(piece) else {
                return None;
            };
            frames += block.frames().count();
            bytes.extend_from_slice(block.bytes());
        }
        bytes.extend_from_slice(&framer.finish());
        assert_eq!(framer.pending_bytes(), 0);
        Some((bytes, frames))
    };
    let whole = read(&[data]);
    assert_eq!(whole, read(&pieces(data)));
    if let Some((bytes, _)) = whole {
        assert_eq!(bytes, data);
    }
}

/// What is counted does not depend on how the bytes arrive, and a count is never made up.
pub fn usage_meter(data: &[u8]) {
    let Some((dialect, stream)) = dialect(data) else {
        return;
    };
    let read = |pieces: &[&[u8]]| {
        let mut meter = Meter::new(dialect, MeterOptions::default());
        let mut forwarded = Vec::new();
        for piece in pieces {
            let Ok(fed) = meter.feed(piece) else {
                return None;
            };
            forwarded.extend_from_slice(&fed.forward);
        }
        forwarded.extend_from_slice(&meter.finish());
        Some((forwarded, meter.reading().clone()))
    };
    let whole = read(&[stream]);
    assert_eq!(whole, read(&pieces(stream)));
    if let Some((forwarded, reading)) = whole {
        // Nothing was to be hidden or cut.
        assert_eq!(forwarded, stream);
        assert!(reading.content_bytes <= stream.len() as u64);
    }
    let _ = read_answer(dialect, stream, false);
    let _ = read_fault(stream);
}

/// A canonical text is its own canonical form.
pub fn canonical_json(data: &[u8]) {
    if let Ok(object) = canonical::from_json(data) {
        let again = canonical::from_json(&object).expect("canonical text reads");
        assert_eq!(object, again);
        assert!(serde_json::from_slice::<serde_json::Value>(&object).is_ok());
    }
}

/// What reads as a token, an id, an amount or an instant is written as it was read.
pub fn token(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if let Ok(token) = TokenValue::parse(text) {
        assert_eq!(token.secret().expose(), text);
        assert!(text.starts_with(token.display_prefix()));
        assert!(text.parse::<AgentId>().is_err());
    }
    if let Ok(id) = text.parse::<AgentId>() {
        assert_eq!(id.to_string(), text);
    }
    if let Ok(amount) = text.parse::<Money>() {
        assert_eq!(amount.to_string().parse(), Ok(amount));
    }
    if let Ok(at) = text.parse::<Timestamp>() {
        assert_eq!(at.to_string_micros().parse(), Ok(at));
    }
}
