//! The streams of the fixtures, as callers are given them and as providers send them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use iron_llm::texts::{Event, PartKind, Said, of_reply};
use iron_llm::{Dialect, eventstream};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::{events, running, whole};
use crate::texts::anywhere::{SENTENCE, fixtures, strings};

type Stream = (PathBuf, Dialect, Vec<String>);

static STREAMS: LazyLock<Vec<Stream>> = LazyLock::new(|| {
    let mut all = Vec::new();
    fixtures(|path, client, upstream, case| {
        for (dialect, stream) in [(client, &case["streamed"]), (upstream, &case["stream"])] {
            if let Ok(frames) = serde_json::from_value(stream.clone()) {
                all.push((path.to_owned(), dialect, frames));
            }
        }
    });
    all
});

/// Every stream, as it comes and as it is given.
fn streams(mut each: impl FnMut(&Path, Dialect, &[String])) -> usize {
    for (path, dialect, frames) in STREAMS.iter() {
        each(path, *dialect, frames);
    }
    STREAMS.len()
}

fn joined(dialect: Dialect, frames: &[String]) -> Vec<u8> {
    if dialect.streams_in_messages() {
        return frames
            .iter()
            .filter_map(|frame| data(frame))
            .flat_map(|data| message(&data))
            .collect();
    }
    let frames = frames.iter().map(|frame| format!("{frame}\n\n"));
    frames.collect::<String>().into_bytes()
}

/// The message of AWS that the fixtures write as an event.
fn message(data: &Value) -> Vec<u8> {
    let fields = data.as_object().into_iter().flatten();
    fields
        .flat_map(|(name, payload)| eventstream::event(name, payload.to_string().as_bytes()))
        .collect()
}

fn data(frame: &str) -> Option<Value> {
    let data = frame.lines().find_map(|line| line.strip_prefix("data: "))?;
    serde_json::from_str(data).ok()
}

/// Whether the data of an event is neither JSON nor the mark of an end.
fn is_broken(event: &Event) -> bool {
    let data = event.data();
    !matches!(&data[..], b"" | b"[DONE]") && serde_json::from_slice::<Value>(data).is_err()
}

/// Adds a delta to what has come so far, as the SDKs do: texts grow, lists are joined by index.
fn add(to: &mut Value, delta: &Value) {
    match (to, delta) {
        (Value::String(text), Value::String(more)) => text.push_str(more),
        (Value::Object(fields), Value::Object(more)) => {
            for (name, value) in more {
                match fields.get_mut(name) {
                    Some(_) if name == "type" || name == "index" => {}
                    Some(field) => add(field, value),
                    None => drop(fields.insert(name.clone(), value.clone())),
                }
            }
        }
        (Value::Array(list), Value::Array(more)) => {
            for value in more {
                let own = list.iter_mut().find(|own| own["index"] == value["index"]);
                match own {
                    Some(own) => add(own, value),
                    None => list.push(value.clone()),
                }
            }
        }
        (to, value) => *to = value.clone(),
    }
}

/// The whole answer that a stream amounts to.
fn reply(dialect: Dialect, frames: &[String]) -> Value {
    let data = frames.iter().filter_map(|frame| data(frame));
    match dialect {
        Dialect::OpenAiResponses => data
            .rev()
            .find(|event| event["response"]["output"].is_array())
            .map_or(Value::Null, |event| event["response"].clone()),
        Dialect::AnthropicMessages => {
            let mut content = Value::Array(Vec::new());
            for event in data {
                let mut block = match event["type"].as_str() {
                    Some("content_block_start") => event["content_block"].clone(),
                    Some("content_block_delta") => event["delta"].clone(),
                    _ => continue,
                };
                block["index"] = event["index"].clone();
                add(&mut content, &Value::Array(vec![block]));
            }
            content
        }
        Dialect::Gemini => {
            let mut texts = BTreeMap::<bool, String>::new();
            let candidates = data.filter_map(|chunk| chunk["candidates"].as_array().cloned());
            for candidate in candidates.flatten() {
                for part in candidate["content"]["parts"]
                    .as_array()
                    .into_iter()
                    .flatten()
                {
                    let text = part["text"].as_str().unwrap_or_default();
                    texts
                        .entry(part["thought"] == true)
                        .or_default()
                        .push_str(text);
                }
            }
            let texts: Vec<String> = texts.into_values().collect();
            json!({ "candidates": [{ "content": { "parts": texts } }] })
        }
        Dialect::Converse => {
            let mut content = Value::Array(Vec::new());
            for event in data {
                let delta = &event["contentBlockDelta"];
                let mut block = delta["delta"].clone();
                block["index"] = delta["contentBlockIndex"].clone();
                add(&mut content, &Value::Array(vec![block]));
            }
            content
        }
        _ => {
            let mut whole = Value::Object(Map::new());
            for chunk in data.filter(|chunk| chunk["error"].is_null()) {
                add(&mut whole, &chunk);
            }
            whole
        }
    }
}

/// The texts that say something. Calls without arguments have none in some events, and an empty
/// object in others.
fn sorted(mut texts: Vec<String>) -> Vec<String> {
    texts.retain(|text| !matches!(text.trim(), "" | "{}"));
    texts.sort();
    texts
}

#[test]
fn what_runs_in_a_stream_is_the_text_of_the_whole_answer() {
    let mut compared = 0;
    streams(|path, dialect, frames| {
        if !matches!(
            dialect,
            Dialect::OpenAiChat
                | Dialect::OpenAiCompletions
                | Dialect::OpenAiResponses
                | Dialect::AnthropicMessages
                | Dialect::Gemini
                | Dialect::Converse
        ) {
            return;
        }
        let fails = |event: Value| {
            let of_response = &event["response"]["error"];
            !event["error"].is_null() || !of_response.is_null() || event["type"] == "error"
        };
        if frames.iter().filter_map(|frame| data(frame)).any(fails) {
            return;
        }
        let body = reply(dialect, frames).to_string();
        let read = of_reply(dialect, body.as_bytes()).expect("JSON");
        let runs = |kind| matches!(kind, PartKind::Prose | PartKind::JsonText);
        let said = read.parts.into_iter().filter(|part| runs(part.kind));
        let said = sorted(said.map(|part| part.text.into_owned()).collect());
        let bytes = joined(dialect, frames);
        let events = events(dialect, &[&bytes]);
        if events.iter().any(is_broken) {
            return;
        }
        let run = sorted(running(&events).into_values().collect());
        assert_eq!(run, said, "{} {dialect:?}", path.display());
        compared += usize::from(!run.is_empty());
    });
    assert!(compared >= 100, "{compared} streams");
}

#[test]
fn a_sentence_is_heard_wherever_it_stands_in_an_event() {
    const PASSED: [&str; 13] = [
        "instructions",
        "tools",
        "tool_choice",
        "prompt",
        "metadata",
        "user",
        "safety_identifier",
        "prompt_cache_key",
        "reasoning",
        "format",
        "logprobs",
        "stop_sequence",
        "verbosity",
    ];
    let mut tried = 0;
    streams(|path, dialect, frames| {
        for event in frames.iter().filter_map(|frame| data(frame)) {
            let mut places = Vec::new();
            strings(&event, "", &mut places);
            places.retain(|place| !place.split('/').any(|name| PASSED.contains(&name)));
            for place in places {
                let mut changed = event.clone();
                *changed.pointer_mut(&place).expect("a place") = SENTENCE.into();
                let bytes = joined(dialect, &[format!("data: {changed}")]);
                let events = events(dialect, &[&bytes]);
                let run = running(&events).into_values().any(|text| text == SENTENCE);
                let heard = run || whole(&events).iter().any(|text| text == SENTENCE);
                assert!(
                    heard,
                    "{} {dialect:?} at {place} of {event}",
                    path.display()
                );
                tried += 1;
            }
        }
    });
    assert!(tried > 2_000, "{tried} places");
}

#[test]
fn the_bytes_pass_as_they_came_and_every_text_ends_once() {
    let count = streams(|path, dialect, frames| {
        let bytes = joined(dialect, frames);
        let all = events(dialect, &[&bytes]);
        let passed: Vec<u8> = all.iter().flat_map(|event| event.edited(&[], 0)).collect();
        assert_eq!(passed, bytes, "{}", path.display());
        let single: Vec<&[u8]> = bytes.chunks(1).collect();
        assert_eq!(
            events(dialect, &single),
            all,
            "{}, byte by byte",
            path.display()
        );
        let ended = all
            .iter()
            .flat_map(Event::said)
            .filter(|said| matches!(said, Said::End { .. }));
        assert_eq!(ended.count(), running(&all).len(), "{}", path.display());
    });
    assert!(count > 250, "{count} streams");
}

#[test]
fn edited_events_say_what_was_written() {
    streams(|path, dialect, frames| {
        for event in events(dialect, &[&joined(dialect, frames)]) {
            let place = |said: &Said| match said {
                Said::Delta { place, .. } | Said::Whole { place, .. } => Some(place.clone()),
                _ => None,
            };
            let places: Vec<_> = event.said().iter().filter_map(place).collect();
            let written: Vec<String> = (0..places.len())
                .map(|index| format!("it's \"{index}\"\n😀"))
                .collect();
            let edits: Vec<_> = places
                .into_iter()
                .zip(written.iter().map(String::as_str))
                .collect();
            if is_broken(&event) {
                continue;
            }
            let again = events(dialect, &[&event.edited(&edits, 0)]);
            let Some(again) = again.first() else {
                continue;
            };
            let said: Vec<String> = again
                .said()
                .iter()
                .filter_map(place)
                .map(|place| again.text(&place).into_owned())
                .collect();
            assert_eq!(said, written, "{}", path.display());
        }
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn the_events_are_the_same_wherever_the_bytes_were_split(cuts in prop::collection::vec(1_usize..200, 1..20)) {
        for (dialect, name) in [
            (Dialect::OpenAiChat, "chat_to_messages"),
            (Dialect::OpenAiResponses, "responses_to_messages"),
            (Dialect::AnthropicMessages, "messages_to_chat"),
            (Dialect::OpenAiCompletions, "completions_to_messages"),
        ] {
            streams(|path, own, frames| {
                if own != dialect || !path.to_string_lossy().contains(&format!("{name}/stream_t")) {
                    return;
                }
                let bytes = joined(dialect, frames);
                let mut rest = &bytes[..];
                let mut pieces = Vec::new();
                for cut in cuts.iter().cycle() {
                    if rest.is_empty() {
                        break;
                    }
                    let (piece, after) = rest.split_at((*cut).min(rest.len()));
                    pieces.push(piece);
                    rest = after;
                }
                assert_eq!(events(dialect, &pieces), events(dialect, &[&bytes]), "{}", path.display());
            });
        }
    }

    #[test]
    fn no_stream_does_harm(bytes in prop::collection::vec(any::<u8>(), 0..200), text in "(data: ?[\\[{\":a,}\\]1]{0,9}\n){0,4}") {
        for dialect in [Dialect::OpenAiChat, Dialect::OpenAiResponses, Dialect::AnthropicMessages, Dialect::Gemini, Dialect::Passthrough] {
            let passed = |bytes: &[u8]| -> Vec<u8> {
                events(dialect, &[bytes]).iter().flat_map(|event| event.bytes().clone()).collect()
            };
            prop_assert_eq!(&passed(&bytes), &bytes);
            prop_assert_eq!(&passed(text.as_bytes()), text.as_bytes());
        }
    }
}
