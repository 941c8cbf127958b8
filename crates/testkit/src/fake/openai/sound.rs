//! OpenAI's speech, transcriptions and translations.
//!
//! Shapes as in the types of OpenAI's SDK 3.54, read 2026-11. What is billed is one unit of input
//! for each character, second or token.

use serde_json::{Value, json};

use super::error;
use crate::fake::bill::Work;
use crate::fake::pieces::{Piece, Reply};
use crate::fake::{Behaviour, SeenRequest, UsageReport};

/// Formats whose answers are no JSON.
const TEXTS: [&str; 3] = ["text", "srt", "vtt"];

pub(super) fn reply(path: &str, seen: &SeenRequest, behaviour: &Behaviour) -> Option<Reply> {
    match path {
        "/v1/audio/speech" => Some(speech(&seen.body)),
        "/v1/audio/transcriptions" | "/v1/audio/translations" => Some(heard(seen, behaviour)),
        _ => None,
    }
}

fn wrong(message: &str) -> Reply {
    error(400, "invalid_request_error", "invalid_value", message)
}

fn speech(body: &[u8]) -> Reply {
    let request: Value = serde_json::from_slice(body).unwrap_or_default();
    let text = |name: &str| request.get(name).and_then(Value::as_str);
    let (Some(_), Some(_), Some(said)) = (text("model"), text("voice"), text("input")) else {
        return wrong("`model`, `voice` and `input` are required");
    };
    let input = said.chars().count() as u64;
    let work = Work {
        input,
        cached: 0,
        output: 0,
    };
    Reply::bytes("audio/mpeg", b"ID3 \xFF\xFBsound".to_vec(), work)
}

fn heard(seen: &SeenRequest, behaviour: &Behaviour) -> Reply {
    let parts = parts(seen);
    let field = |name: &str| {
        let mut named = parts
            .iter()
            .filter(|(head, _)| head.contains(&format!("name=\"{name}\"")));
        named
            .next()
            .map(|(head, content)| (head.contains("filename="), *content))
    };
    let text = |name: &str| {
        let (_, content) = field(name)?;
        std::str::from_utf8(content).ok()
    };
    let (Some(model), Some((true, file))) = (text("model"), field("file")) else {
        return wrong("`model` and `file` are required");
    };
    let by_token = model.starts_with("gpt-4o");
    let seconds = seconds(file);
    let work = Work {
        input: if by_token { seconds * 10 } else { seconds },
        cached: 0,
        output: if by_token { behaviour.output_tokens } else { 0 },
    };
    let format = text("response_format").unwrap_or("json");
    if TEXTS.contains(&format) {
        return Reply::bytes("text/plain; charset=utf-8", b"w0 w1\n".to_vec(), work);
    }
    let usage = match behaviour.usage {
        UsageReport::Missing => Value::Null,
        _ if by_token => json!({"type": "tokens", "input_tokens": work.input,
            "input_token_details": {"audio_tokens": work.input, "text_tokens": 0},
            "output_tokens": work.output, "total_tokens": work.input + work.output}),
        _ => json!({"type": "duration", "seconds": seconds}),
    };
    if by_token && text("stream") == Some("true") {
        let delta = json!({"type": "transcript.text.delta", "delta": "w0 w1"});
        let done = json!({"type": "transcript.text.done", "text": "w0 w1", "usage": usage});
        let piece = |event: Value| Piece::new(format!("data: {event}\n\n"), work.output);
        return Reply::stream(vec![piece(delta), piece(done)], work);
    }
    Reply::json(json!({"text": "w0 w1", "usage": usage}), Some(work))
}

/// The heads and contents of a form's parts.
pub(in crate::fake) fn parts(seen: &SeenRequest) -> Vec<(String, &[u8])> {
    let kind = seen.header("content-type").unwrap_or_default();
    let Some(border) = kind.strip_prefix("multipart/form-data; boundary=") else {
        return Vec::new();
    };
    let border = format!("--{border}");
    let mut rest: &[u8] = &seen.body;
    let mut found = Vec::new();
    let find = |text: &[u8], word: &[u8]| text.windows(word.len()).position(|here| here == word);
    while let Some(start) = find(rest, border.as_bytes()) {
        rest = rest.get(start + border.len()..).unwrap_or_default();
        let end = find(rest, border.as_bytes()).unwrap_or(0);
        let part = rest.get(2..end.saturating_sub(2)).unwrap_or_default();
        if let Some(at) = find(part, b"\r\n\r\n") {
            let (head, content) = part.split_at(at);
            let content = content.get(4..).unwrap_or_default();
            found.push((String::from_utf8_lossy(head).into_owned(), content));
        }
    }
    found
}

/// The seconds of a plain WAV, begun ones counted.
fn seconds(file: &[u8]) -> u64 {
    let number = |at: usize| {
        let bytes = file.get(at..at + 4).and_then(|bytes| bytes.try_into().ok());
        bytes.map_or(0, u32::from_le_bytes)
    };
    let rate = u64::from(number(24)) * 2;
    (file.len() as u64).saturating_sub(44).div_ceil(rate.max(1))
}
