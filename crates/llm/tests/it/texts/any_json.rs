//! Any JSON that is made of the names and words of the dialects, put together at random.

use bytes::Bytes;
use iron_llm::texts::{Frames, Part, Said, edited, of_reply, of_request};
use iron_llm::{Dialect, eventstream};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value, json};

use super::anywhere::SENTENCE;

const DIALECTS: [Dialect; 8] = [
    Dialect::OpenAiChat,
    Dialect::OpenAiResponses,
    Dialect::OpenAiCompletions,
    Dialect::AnthropicMessages,
    Dialect::Gemini,
    Dialect::Cohere,
    Dialect::Converse,
    Dialect::Passthrough,
];

const NAMES: [&str; 52] = [
    "messages",
    "content",
    "type",
    "role",
    "data",
    "text",
    "source",
    "image_url",
    "url",
    "file_id",
    "tool_calls",
    "function",
    "arguments",
    "output",
    "input",
    "signature",
    "name",
    "id",
    "delta",
    "choices",
    "index",
    "candidates",
    "parts",
    "part",
    "thought",
    "item",
    "x",
    "document",
    "thinking",
    "content_block",
    "contents",
    "functionCall",
    "args",
    "mimeType",
    "partialArgs",
    "stringValue",
    "thinking_blocks",
    "refusal",
    "message",
    "output_index",
    "finish_reason",
    "sequence_number",
    "error",
    "contentBlockIndex",
    "toolUse",
    "reasoningContent",
    "start",
    "result",
    "audio",
    "json",
    "partial_json",
    "file_data",
];

const WORDS: [&str; 22] = [
    SENTENCE,
    SENTENCE,
    SENTENCE,
    "text",
    "image",
    "document",
    "assistant",
    "system",
    "tool_result",
    "redacted_thinking",
    "AAAA",
    "",
    "image/png",
    "data:image/png;base64,AAAA",
    "https://a.example",
    "content_block_delta",
    "response.output_text.delta",
    "response.output_text.done",
    "response.content_part.added",
    "content_block_start",
    "stop",
    "function_call",
];

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        4 => select(&WORDS[..]).prop_map(Value::from),
        1 => (0..3_u8).prop_map(Value::from),
        1 => any::<bool>().prop_map(Value::from),
        1 => Just(Value::Null),
    ];
    leaf.prop_recursive(7, 60, 5, |inner| {
        prop_oneof![
            1 => prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            3 => prop::collection::vec((select(&NAMES[..]), inner), 0..6).prop_map(|fields| {
                let fields = fields.into_iter().map(|(name, value)| (name.to_owned(), value));
                Value::Object(fields.collect::<Map<_, _>>())
            }),
        ]
    })
}

/// A value, or the same at a place where the dialects read on.
fn any_body() -> impl Strategy<Value = Value> {
    let types = [
        "content_block_start",
        "content_block_delta",
        "response.output_text.delta",
        "response.content_part.added",
        "response.audio.delta",
    ];
    (any_value(), any_value(), 0..6_u8, select(types.to_vec())).prop_map(
        |(value, other, shape, kind)| match shape {
            0 => json!({"choices": [{"index": 0, "delta": value, "message": other}]}),
            1 => {
                json!({"choices": [{"delta": {"tool_calls": [value], "thinking_blocks": [other]}}]})
            }
            2 => json!({"candidates": [{"content": {"parts": [value, other]}}]}),
            3 => json!({"type": kind, "delta": value, "content_block": other}),
            4 => json!({"type": kind, "part": value, "response": {"output": [other]}}),
            _ => value,
        },
    )
}

/// How often the sentence stands in a value.
fn sentences(value: &Value) -> usize {
    match value {
        Value::String(text) => usize::from(text == SENTENCE),
        Value::Array(list) => list.iter().map(sentences).sum(),
        Value::Object(fields) => fields.values().map(sentences).sum(),
        _ => 0,
    }
}

fn found(parts: &[Part<'_>]) -> usize {
    parts.iter().filter(|part| part.text == SENTENCE).count()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn each_sentence_is_found_once_in_requests_and_answers(value in any_body(), dialect in select(&DIALECTS[..])) {
        let body = Bytes::from(value.to_string());
        for texts in [of_request(dialect, &body), of_reply(dialect, &body)] {
            let mut texts = texts.expect("JSON");
            if dialect == Dialect::OpenAiResponses && value["text"] != Value::Null {
                // What an answer repeats of its request.
                texts = of_request(dialect, &body).expect("JSON");
            }
            prop_assert_eq!(found(&texts.parts), sentences(&value));
            let mut before = 0;
            for part in &texts.parts {
                prop_assert!(part.place.start >= before && part.place.end <= body.len());
                before = part.place.end;
            }
            let own: Vec<_> = texts.parts.iter()
                .filter(|part| body[part.place.start] == b'"')
                .map(|part| (part.place.clone(), part.text.as_ref()))
                .collect();
            let same: Value = serde_json::from_slice(&edited(&body, &own)).expect("JSON");
            prop_assert_eq!(&same, &value);
        }
    }

    #[test]
    fn each_sentence_is_heard_once_in_a_stream(
        values in prop::collection::vec(any_body(), 1..4),
        dialect in select(&DIALECTS[..]),
    ) {
        let event = |value: &Value| match dialect.streams_in_messages() {
            true => eventstream::event("contentBlockDelta", value.to_string().as_bytes()),
            false => format!("data: {value}\n\n").into_bytes(),
        };
        let bytes: Vec<u8> = values.iter().flat_map(event).collect();
        let mut frames = Frames::new(dialect);
        let mut events = frames.feed(&bytes).expect("small frames");
        events.push(frames.finish());
        let mut running = std::collections::BTreeSet::new();
        for (event, value) in events.iter().zip(values.iter().chain([&Value::Null])) {
            let mut heard = 0;
            for said in event.said() {
                match said {
                    Said::Delta { slot, place } => {
                        heard += usize::from(event.text(place) == SENTENCE);
                        running.insert(*slot);
                    }
                    Said::Whole { place, .. } => heard += usize::from(event.text(place) == SENTENCE),
                    Said::Pause { slot } => prop_assert!(running.contains(slot)),
                    Said::End { slot } => prop_assert!(running.remove(slot)),
                }
            }
            let passed = match dialect {
                Dialect::OpenAiResponses => sentences(&value["response"]["text"]),
                Dialect::AnthropicMessages => sentences(&value["delta"]["stop_sequence"]),
                _ => 0,
            };
            prop_assert_eq!(heard, sentences(value) - passed, "{} {:?}", value, dialect);
        }
        prop_assert!(running.is_empty(), "every text ends");
    }
}
