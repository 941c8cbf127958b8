//! Answers with pictures of OpenAI and Together (the types of OpenAI's SDK 3.54 and Together's API
//! reference, 2026-11): how many there are, and their tokens where the model is paid by these.
//! What is in a picture is passed over.

use serde_json::Value;

use super::counts::{fault, word};
use super::{Reading, gemini};
use crate::google;
use crate::scan::{Kind, ScanError, Scanner};
use crate::usage::Usage;

/// Reads a whole answer, or an error.
pub(super) fn answer(text: &str, reading: &mut Reading) -> Result<(), ScanError> {
    let mut scanner = Scanner::new(text);
    let (mut pictures, mut told) = (None, Usage::default());
    scanner.object(|scanner, name| {
        match (name, scanner.kind()?) {
            ("error", _) => reading.fault = fault(scanner)?,
            ("data", Kind::Array) => {
                let mut count = 0_u64;
                scanner.array(|scanner, _| {
                    count = count.saturating_add(1);
                    reading.content(scanner.skip()?.len());
                    Ok::<(), ScanError>(())
                })?;
                pictures = Some(count);
            }
            ("usage", Kind::Object) => told = tokens(text.get(scanner.skip()?)),
            _ => {
                scanner.skip()?;
            }
        }
        Ok::<(), ScanError>(())
    })?;
    scanner.finish()?;
    reading.started = reading.fault.is_none();
    reading.usage = pictures.map(|images| Usage { images, ..told });
    Ok(())
}

/// Reads a whole answer of Google: of Gemini, which tells tokens, or predictions, which are counted.
pub(super) fn of_google(text: &str, reading: &mut Reading) -> Result<(), ScanError> {
    gemini::answer(text, reading)?;
    let answer: Value = serde_json::from_str(text).unwrap_or_default();
    if reading.usage.is_none() && answer.get("predictions").is_some() {
        reading.usage = Some(Usage {
            images: google::pictures(&answer).count() as u64,
            ..Usage::default()
        });
    }
    Ok(())
}

/// Reads an event of a stream: each picture ends with one of its own.
pub(super) fn frame(data: &str, reading: &mut Reading) {
    if event(data, reading).is_err() {
        reading.unreadable_frames = reading.unreadable_frames.saturating_add(1);
    }
}

fn event(data: &str, reading: &mut Reading) -> Result<(), ScanError> {
    let mut scanner = Scanner::new(data);
    let (mut kind, mut told) = (None, Usage::default());
    scanner.object(|scanner, name| {
        match (name, scanner.kind()?) {
            ("type", _) => kind = word(scanner)?,
            ("error", _) => reading.fault = fault(scanner)?.or(reading.fault.take()),
            ("b64_json", Kind::String) => reading.content(scanner.skip()?.len()),
            ("usage", Kind::Object) => told = tokens(data.get(scanner.skip()?)),
            _ => {
                scanner.skip()?;
            }
        }
        Ok::<(), ScanError>(())
    })?;
    scanner.finish()?;
    if reading.fault.is_some() {
        return Ok(());
    }
    reading.started |= kind.is_some();
    if kind.is_some_and(|kind| kind.ends_with(".completed")) {
        let before = reading.usage.unwrap_or_default();
        reading.usage = Some(Usage {
            images: before.images.saturating_add(1),
            input: before.input.saturating_add(told.input),
            input_image: before.input_image.saturating_add(told.input_image),
            output: before.output.saturating_add(told.output),
            output_image: before.output_image.saturating_add(told.output_image),
            ..Usage::default()
        });
    }
    Ok(())
}

/// Tokens of text and of pictures. What is not told apart is taken for pictures, which cost more.
fn tokens(text: Option<&str>) -> Usage {
    let value = text.map(serde_json::from_str::<Value>);
    let value = value.and_then(Result::ok).unwrap_or_default();
    let count = |place: &str| {
        let told = value.pointer(place).filter(|told| !told.is_null())?;
        Some(told.as_u64().unwrap_or(Usage::ABSURD))
    };
    let both = |all: &str, text: &str| {
        let all = count(all).unwrap_or(0);
        let text = count(text).unwrap_or(0).min(all);
        (text, all.saturating_sub(text))
    };
    let (input, input_image) = both("/input_tokens", "/input_tokens_details/text_tokens");
    let (output, output_image) = both("/output_tokens", "/output_tokens_details/text_tokens");
    Usage {
        input,
        input_image,
        output,
        output_image,
        ..Usage::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Reading {
        let mut reading = Reading::default();
        answer(text, &mut reading).expect("JSON");
        reading
    }

    #[test]
    fn tokens_of_words_and_of_pictures_are_told_apart() {
        let told = r#"{"created":1,"data":[{"b64_json":"AAAA"},{"b64_json":"BBBB"}],
            "usage":{"input_tokens":50,"input_tokens_details":{"text_tokens":10,"image_tokens":40},
            "output_tokens":544,"total_tokens":594}}"#;
        let expected = Usage {
            images: 2,
            input: 10,
            input_image: 40,
            output_image: 544,
            ..Usage::default()
        };
        assert_eq!(read(told).usage, Some(expected));
    }

    #[test]
    fn pictures_are_counted_where_no_tokens_are_told() {
        let told = r#"{"created":1,"data":[{"url":"https://x/1"}]}"#;
        let usage = read(told).usage.expect("a count");
        assert_eq!((usage.images, usage.total()), (1, 0));
        for untold in [
            "{}",
            r#"{"error":{"message":"no","type":"image_generation_user_error"}}"#,
        ] {
            assert_eq!(read(untold).usage, None);
        }
        let absurd = read(r#"{"data":[],"usage":{"input_tokens":-1,"output_tokens":2}}"#);
        assert_eq!(
            absurd.usage.map(|usage| usage.input_image),
            Some(Usage::ABSURD)
        );
    }

    #[test]
    fn each_picture_of_a_stream_adds_to_the_usage() {
        let mut reading = Reading::default();
        frame(
            r#"{"type":"image_generation.partial_image","b64_json":"AA","partial_image_index":0}"#,
            &mut reading,
        );
        assert!(reading.started && reading.usage.is_none());
        let done = r#"{"type":"image_generation.completed","b64_json":"AAAA",
            "usage":{"input_tokens":9,"input_tokens_details":{"text_tokens":9},"output_tokens":372}}"#;
        frame(done, &mut reading);
        frame(done, &mut reading);
        let usage = reading.usage.expect("a usage");
        assert_eq!(
            (usage.images, usage.input, usage.output_image),
            (2, 18, 744)
        );
    }
}
