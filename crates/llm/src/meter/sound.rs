//! Transcripts of OpenAI (the types of its SDK 3.54, 2026-11): their usage is of tokens or of seconds.
//! An answer that is no JSON, such as subtitles, tells none.

use serde_json::Value;

use super::{Fault, Reading};
use crate::usage::Usage;

/// Reads the events of a transcript.
#[derive(Debug, Default)]
pub(super) struct Transcript;

impl Transcript {
    pub(super) fn frame(&self, data: &str, reading: &mut Reading) {
        let Ok(event) = serde_json::from_str::<Value>(data) else {
            reading.unreadable_frames = reading.unreadable_frames.saturating_add(1);
            return;
        };
        if let Some(fault) = fault(&event) {
            reading.fault = Some(fault);
            return;
        }
        reading.started = true;
        match event.get("type").and_then(Value::as_str) {
            Some("transcript.text.done") => {
                reading.usage = usage(&event);
                reading.finish = Some("stop".to_owned());
                reading.complete = true;
            }
            Some(_) => reading.content_seen = true,
            None => {}
        }
    }
}

/// Reads a whole answer, of whatever type.
pub(super) fn answer(body: &[u8]) -> Reading {
    let value = serde_json::from_slice::<Value>(body).unwrap_or_default();
    let fault = fault(&value);
    Reading {
        usage: usage(&value),
        complete: fault.is_none(),
        started: fault.is_none(),
        fault,
        ..Reading::default()
    }
}

fn fault(value: &Value) -> Option<Fault> {
    let error = value.get("error").filter(|error| !error.is_null())?;
    let word = |name: &str| error.get(name).and_then(Value::as_str).map(str::to_owned);
    Some(Fault {
        kind: word("type").unwrap_or_default(),
        code: word("code"),
        message: word("message").unwrap_or_default(),
    })
}

fn usage(value: &Value) -> Option<Usage> {
    let usage = value.get("usage")?;
    match usage.get("type").and_then(Value::as_str) {
        Some("duration") => Some(Usage {
            seconds: seconds(usage.get("seconds")?)?,
            ..Usage::default()
        }),
        _ => tokens(usage),
    }
}

/// Seconds begun, which a fraction may stand for.
fn seconds(value: &Value) -> Option<u64> {
    let text = value.as_number()?.to_string();
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let more = fraction.bytes().any(|digit| digit != b'0');
    // One that is none is more than any recording has.
    let whole: u64 = whole.parse().unwrap_or(Usage::ABSURD);
    Some(whole.saturating_add(u64::from(more)))
}

fn tokens(usage: &Value) -> Option<Usage> {
    let count = |value: &Value, name: &str| {
        let told = value.get(name).filter(|told| !told.is_null())?;
        Some(told.as_u64().unwrap_or(Usage::ABSURD))
    };
    let input = count(usage, "input_tokens")?;
    let output = count(usage, "output_tokens")?;
    let details = usage.get("input_token_details");
    let heard = details.and_then(|details| count(details, "audio_tokens"));
    let input_audio = heard.unwrap_or(0).min(input);
    Some(Usage {
        input: input.saturating_sub(input_audio),
        input_audio,
        output,
        ..Usage::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transcript_is_counted_in_tokens_or_in_seconds() {
        let read = |text: &str| answer(text.as_bytes()).usage;
        let tokens = r#"{"text":"hi","usage":{"type":"tokens","input_tokens":20,
            "input_token_details":{"text_tokens":4,"audio_tokens":16},"output_tokens":3}}"#;
        let expected = Usage {
            input: 4,
            input_audio: 16,
            output: 3,
            ..Usage::default()
        };
        assert_eq!(read(tokens), Some(expected));
        for (told, seconds) in [("3", 3), ("3.0", 3), ("3.2", 4), ("-1", Usage::ABSURD)] {
            let text = format!(r#"{{"text":"hi","usage":{{"type":"duration","seconds":{told}}}}}"#);
            assert_eq!(
                read(&text).map(|usage| usage.seconds),
                Some(seconds),
                "{told}"
            );
        }
        for untold in ["1\n00:00 --> 00:01\nhi", r#"{"text":"hi"}"#, ""] {
            assert_eq!(read(untold), None, "{untold}");
            assert!(answer(untold.as_bytes()).complete);
        }
        let refused = answer(br#"{"error":{"message":"no","type":"server_error"}}"#);
        assert!(refused.fault.is_some() && !refused.complete);
    }

    #[test]
    fn the_last_event_of_a_transcript_counts() {
        let mut reading = Reading::default();
        let transcript = Transcript;
        transcript.frame(
            r#"{"type":"transcript.text.delta","delta":"hi"}"#,
            &mut reading,
        );
        assert!(reading.started && !reading.complete);
        let done = r#"{"type":"transcript.text.done","text":"hi",
            "usage":{"type":"tokens","input_tokens":9,"output_tokens":2}}"#;
        transcript.frame(done, &mut reading);
        assert!(reading.complete);
        assert_eq!(reading.usage.map(|usage| usage.output), Some(2));
    }
}
