//! Bytes that mean harm, from clients and from providers.

use std::sync::LazyLock;

use iron_llm::translate::{Ending, ErrorClass, Plan, ProviderError};
use iron_llm::{Dialect, ProviderKind};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Value, json};

use super::fixture::{Case, NOW, all, stream};

static CASES: LazyLock<Vec<(Dialect, Case)>> = LazyLock::new(|| {
    let fixtures = all().into_values();
    fixtures
        .flat_map(|f| f.cases.into_iter().map(move |case| (f.client, case)))
        .collect()
});

static STREAMS: LazyLock<Vec<(Plan, Vec<u8>)>> = LazyLock::new(|| {
    let streams = CASES.iter().filter(|(_, case)| case.stream.is_some());
    streams
        .map(|(client, case)| (case.plan(*client).expect("a plan"), case.stream_bytes()))
        .collect()
});

fn strange() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        Just(json!([])),
        Just(json!({})),
        Just(json!([[{}], null, "text"])),
        Just(json!({ "type": "text", "text": 7 })),
        Just(json!({ "type": "tool_use", "id": "x", "name": "y", "input": [] })),
        Just(json!({ "role": "tool", "tool_call_id": "x", "content": [{ "type": "text" }] })),
    ]
}

/// Every leaf of a value, in one order.
fn leaves<'a>(value: &'a mut Value, out: &mut Vec<&'a mut Value>) {
    let is_leaf = match &*value {
        Value::Object(map) => map.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => true,
    };
    if is_leaf {
        out.push(value);
        return;
    }
    match value {
        Value::Object(map) => map.values_mut().for_each(|inner| leaves(inner, out)),
        Value::Array(items) => items.iter_mut().for_each(|inner| leaves(inner, out)),
        _ => {}
    }
}

fn disturb(value: &Value, at: Index, up: bool, strange: Value) -> Value {
    let mut value = value.clone();
    let mut found = Vec::new();
    leaves(&mut value, &mut found);
    if let Some(place) = (!found.is_empty()).then(|| at.index(found.len())) {
        if up {
            *found[place] = json!([strange]);
        } else {
            *found[place] = strange;
        }
    }
    value
}

/// Whatever a translator writes are frames that its client can read.
fn assert_frames(bytes: &[u8]) {
    let text = std::str::from_utf8(bytes).expect("UTF-8");
    assert!(
        text.is_empty() || text.ends_with("\n\n"),
        "the last frame is whole"
    );
    for frame in text.split_terminator("\n\n") {
        let data = frame
            .lines()
            .last()
            .and_then(|line| line.strip_prefix("data: "))
            .expect("data");
        assert!(
            data == "[DONE]" || serde_json::from_str::<Value>(data).is_ok(),
            "{data}"
        );
    }
}

proptest! {
    #[test]
    fn no_bytes_make_a_reader_of_requests_panic(bytes in vec(any::<u8>(), 0..200)) {
        for client in Dialect::ALL {
            for provider in ProviderKind::ALL {
                prop_assert!(Plan::new(client, provider, &bytes).is_err());
            }
        }
    }

    #[test]
    fn a_disturbed_request_is_understood_or_refused(
        case in any::<Index>(), at in any::<Index>(), up in any::<bool>(), strange in strange(),
    ) {
        let (client, case) = case.get(&CASES);
        let body = disturb(&case.request, at, up, strange).to_string();
        match Plan::new(*client, case.provider(*client), body.as_bytes()) {
            Err(error) => prop_assert!(!error.to_string().is_empty()),
            Ok(plan) => {
                let cap = plan.output_floor().max(4096);
                let sent: Value = serde_json::from_slice(&plan.request(cap).expect("a body")).expect("JSON");
                prop_assert!(sent.is_object());
            }
        }
    }

    #[test]
    fn a_disturbed_answer_is_understood_or_an_error(
        case in any::<Index>(), at in any::<Index>(), up in any::<bool>(), strange in strange(),
    ) {
        let answers: Vec<_> = CASES.iter().filter(|(_, case)| case.answer.is_some()).collect();
        let (client, case) = case.get(&answers);
        let plan = case.plan(*client).expect("a plan");
        let answer = disturb(case.answer.as_ref().expect("an answer"), at, up, strange).to_string();
        if let Ok(given) = plan.response(answer.as_bytes(), NOW) {
            prop_assert!(serde_json::from_slice::<Value>(&given).expect("JSON").is_object());
        }
        let error = plan.error(500, answer.as_bytes());
        prop_assert!(serde_json::from_slice::<Value>(&error.body).expect("JSON").is_object());
    }

    #[test]
    fn a_disturbed_stream_ends_in_frames_that_a_client_can_read(
        case in any::<Index>(),
        changes in vec((any::<Index>(), any::<u8>()), 0..4),
        cut in any::<Index>(),
        keep in any::<bool>(),
    ) {
        let (plan, bytes) = case.get(&STREAMS);
        let mut bytes = bytes.clone();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if !keep {
            bytes.truncate(cut.index(bytes.len()));
        }
        assert_frames(&stream(plan, &[&bytes]));
    }

    #[test]
    fn a_stream_with_strange_values_ends_in_frames_that_a_client_can_read(
        case in any::<Index>(), frame in any::<Index>(), at in any::<Index>(), strange in strange(),
        twice in any::<bool>(),
    ) {
        let (plan, bytes) = case.get(&STREAMS);
        let text = std::str::from_utf8(bytes).expect("UTF-8");
        let mut frames: Vec<String> = text.split_terminator("\n\n").map(str::to_owned).collect();
        let number = frame.index(frames.len());
        if let Some((head, data)) = frames[number].split_once("data: ")
            && let Ok(value) = serde_json::from_str::<Value>(data)
        {
            frames[number] = format!("{head}data: {}", disturb(&value, at, false, strange));
        }
        if twice {
            let again = frames[number].clone();
            frames.insert(number, again);
        }
        let bytes = frames.join("\n\n") + "\n\n";
        assert_frames(&stream(plan, &[bytes.as_bytes()]));
    }

    #[test]
    fn any_bytes_as_a_stream_end_in_an_error(bytes in vec(any::<u8>(), 0..300)) {
        for (plan, _) in STREAMS.iter() {
            assert_frames(&stream(plan, &[&bytes]));
        }
    }
}

fn chat_plan() -> Plan {
    let body = json!({
        "model": "claude-sonnet-4-5", "stream": true, "messages": [{ "role": "user", "content": "Hi" }],
    });
    Plan::new(
        Dialect::OpenAiChat,
        ProviderKind::Anthropic,
        body.to_string().as_bytes(),
    )
    .expect("a plan")
}

#[test]
fn nesting_without_end_is_refused_and_not_followed() {
    let deep = format!("{{\"messages\":{}", "[".repeat(200_000));
    assert!(
        Plan::new(
            Dialect::OpenAiChat,
            ProviderKind::Anthropic,
            deep.as_bytes()
        )
        .is_err()
    );
    assert!(chat_plan().response(deep.as_bytes(), NOW).is_err());
    let event = format!("data: {deep}\n\n");
    assert_frames(&stream(&chat_plan(), &[event.as_bytes()]));
}

#[test]
fn a_frame_without_end_ends_the_stream() {
    let mut translator = chat_plan().stream(0, NOW).expect("a stream");
    let mut out = Vec::new();
    let megabyte = vec![b'x'; 1 << 20];
    let mut fed = 0;
    while !translator.ended() {
        translator.feed(&megabyte, &mut out);
        fed += 1;
        assert!(fed < 64, "the memory is bounded");
    }
    assert_frames(&out);
}

#[test]
fn blocks_without_end_end_the_stream() {
    let mut translator = chat_plan().stream(0, NOW).expect("a stream");
    let mut out = Vec::new();
    let start = json!({ "type": "message_start", "message": { "id": "m", "model": "x" } });
    translator.feed(format!("data: {start}\n\n").as_bytes(), &mut out);
    let mut opened = 0_u64;
    while !translator.ended() {
        let block = json!({ "type": "text", "text": "" });
        let open =
            json!({ "type": "content_block_start", "index": opened, "content_block": block });
        translator.feed(format!("data: {open}\n\n").as_bytes(), &mut out);
        opened += 1;
        assert!(opened < 10_000, "the number of blocks is bounded");
    }
    assert_frames(&out);
}

/// A stream of Bedrock that goes on with the thought that is made for each number, until it ends.
fn thoughts_of_bedrock(clients: &[Dialect], thought: impl Fn(u64) -> (u64, Value)) {
    for client in clients {
        let messages = json!([{ "role": "user", "content": "Hi" }]);
        let body = json!({ "model": "us.anthropic.claude-haiku-4-5-20251001-v1:0",
            "max_tokens": 64, "stream": true, "messages": messages });
        let plan = Plan::new(
            *client,
            ProviderKind::AwsBedrock,
            body.to_string().as_bytes(),
        );
        let mut translator = plan.expect("a plan").stream(0, NOW).expect("a stream");
        let mut out = Vec::new();
        let mut sent = 0;
        while !translator.ended() {
            let (index, thought) = thought(sent);
            let delta = json!({ "reasoningContent": thought });
            let event =
                json!({ "contentBlockDelta": { "delta": delta, "contentBlockIndex": index } });
            translator.feed(format!("data: {event}\n\n").as_bytes(), &mut out);
            sent += 1;
            assert!(sent < 10_000, "the memory is bounded");
        }
        assert!(sent > 1_000, "what is honest passes");
        assert_frames(&out);
        assert!(String::from_utf8_lossy(&out).contains("more than"));
    }
}

#[test]
fn thoughts_of_bedrock_without_end_end_the_stream() {
    let clients = [Dialect::OpenAiChat, Dialect::AnthropicMessages];
    let piece = "x".repeat(512);
    thoughts_of_bedrock(&clients, |_| (0, json!({ "redactedContent": piece })));
    thoughts_of_bedrock(&clients, |_| (0, json!({ "signature": piece })));
    thoughts_of_bedrock(&clients, |sent| {
        (sent % 8, json!({ "redactedContent": piece }))
    });
    thoughts_of_bedrock(&clients, |sent| (sent, json!({ "redactedContent": "" })));
    thoughts_of_bedrock(&clients, |sent| (sent, json!({ "signature": "" })));
}

#[test]
fn a_streamed_response_without_end_ends_the_stream() {
    let body = json!({ "model": "claude-sonnet-4-5", "stream": true, "input": "Hi" });
    let plan = Plan::new(
        Dialect::OpenAiResponses,
        ProviderKind::Anthropic,
        body.to_string().as_bytes(),
    )
    .expect("a plan");
    let mut translator = plan.stream(0, NOW).expect("a stream");
    let mut out = Vec::new();
    for event in [
        json!({ "type": "message_start", "message": { "id": "m", "model": "x" } }),
        json!({ "type": "content_block_start", "index": 0, "content_block": { "type": "text", "text": "" } }),
    ] {
        translator.feed(format!("data: {event}\n\n").as_bytes(), &mut out);
    }
    let delta = json!({ "type": "text_delta", "text": "x".repeat(1 << 20) });
    let event = json!({ "type": "content_block_delta", "index": 0, "delta": delta });
    let frame = format!("data: {event}\n\n").into_bytes();
    let mut fed = 0;
    while !translator.ended() {
        out.clear();
        translator.feed(&frame, &mut out);
        fed += 1;
        assert!(fed < 64, "the memory is bounded");
    }
    assert_frames(&out);
    assert!(String::from_utf8_lossy(&out).contains("response.failed"));
}

#[test]
fn after_its_end_a_stream_says_nothing_more() {
    for (plan, bytes) in STREAMS.iter() {
        let mut translator = plan.stream(0, NOW).expect("a stream");
        let mut out = Vec::new();
        translator.feed(bytes, &mut out);
        translator.finish(Ending::Closed, &mut out);
        let length = out.len();
        translator.feed(bytes, &mut out);
        translator.finish(
            Ending::Broken(ProviderError::new(ErrorClass::Timeout, "late")),
            &mut out,
        );
        assert_eq!(out.len(), length);
    }
}
