//! Slots, pauses and ends, and events that are written anew.

use iron_llm::texts::{Channel, Event, Frames, Medium, OPEN_LIMIT, PartKind, Running, Said, Slot};
use iron_llm::{Dialect, eventstream};
use serde_json::{Value, json};

use super::{events, running, stream, whole};

const fn slot(item: u32, part: u32, running: Running) -> Slot {
    Slot {
        item,
        part,
        running,
    }
}

/// What the events say, in words.
fn told(events: &[Event]) -> Vec<String> {
    let word = |slot: &Slot| format!("{:?} {}.{}", slot.running, slot.item, slot.part);
    let tell = |event: &Event, said: &Said| match said {
        Said::Delta { slot, place } => format!("{}: {}", word(slot), event.text(place)),
        Said::Whole { kind, place, .. } => format!("{kind:?}: {}", event.text(place)),
        Said::Pause { slot } => format!("{} rests", word(slot)),
        Said::End { slot } => format!("{} ends", word(slot)),
    };
    events
        .iter()
        .flat_map(|event| event.said().iter().map(move |said| tell(event, said)))
        .collect()
}

fn chat(delta: &Value) -> String {
    json!({"id": "c", "object": "chat.completion.chunk", "model": "m",
        "choices": [{"index": 0, "delta": delta, "finish_reason": null}]})
    .to_string()
}

#[test]
fn a_chat_thinks_speaks_calls_and_ends() {
    let finish =
        json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]}).to_string();
    let bytes = stream(&[
        &chat(&json!({"role": "assistant", "content": ""})),
        &chat(&json!({"reasoning_content": "Hm"})),
        &chat(&json!({"content": "I "})),
        &chat(&json!({"content": "look"})),
        &chat(
            &json!({"tool_calls": [{"index": 1, "id": "call_1", "type": "function",
            "function": {"name": "f", "arguments": ""}}]}),
        ),
        &chat(&json!({"tool_calls": [{"function": {"arguments": "{}"}, "index": 1}]})),
        &finish,
        "[DONE]",
    ]);
    assert_eq!(
        told(&events(Dialect::OpenAiChat, &[&bytes])),
        [
            "Reasoning 0.0: Hm",
            "Reasoning 0.0 rests",
            "Prose 0.0: I ",
            "Prose 0.0: look",
            "Name: f",
            "Prose 0.0 rests",
            "Arguments 0.1: {}",
            "Reasoning 0.0 ends",
            "Prose 0.0 ends",
            "Arguments 0.1 ends",
        ]
    );
}

#[test]
fn choices_run_beside_each_other_and_end_by_themselves() {
    let choice = |index: u32, text: &str, reason: Value| {
        json!({"choices": [{"finish_reason": reason, "text": text, "index": index}]}).to_string()
    };
    let bytes = stream(&[
        &choice(0, "a", Value::Null),
        &choice(1, "b", json!("")),
        &choice(0, "c", json!("stop")),
    ]);
    assert_eq!(
        told(&events(Dialect::OpenAiCompletions, &[&bytes])),
        [
            "Prose 0.0: a",
            "Prose 1.0: b",
            "Prose 0.0: c",
            "Prose 0.0 ends",
            "Prose 1.0 ends"
        ]
    );
}

#[test]
fn a_response_says_everything_again_when_it_is_done() {
    let bytes = stream(&[
        r#"{"type":"response.created","sequence_number":0,"response":{"instructions":"Be kind.","output":[]}}"#,
        r#"{"type":"response.content_part.added","sequence_number":1,"output_index":1,"content_index":2,"part":{"text":"W","type":"output_text"}}"#,
        r#"{"delta":"ell","output_index":1,"content_index":2,"sequence_number":2,"type":"response.output_text.delta"}"#,
        r#"{"type":"response.output_text.done","sequence_number":3,"output_index":1,"content_index":2,"text":"Well"}"#,
        r#"{"type":"response.function_call_arguments.delta","sequence_number":4,"output_index":2,"delta":"{}"}"#,
        r#"{"type":"response.output_item.done","sequence_number":5,"output_index":2,"item":{"type":"function_call","name":"f","arguments":"{}"}}"#,
        r#"{"type":"response.audio.delta","sequence_number":6,"delta":"AAAA"}"#,
        r#"{"type":"response.completed","sequence_number":7,"response":{"tools":[{"description":"x"}],"output":[{"type":"message","content":[{"type":"output_text","text":"Well"}]}]}}"#,
    ]);
    let events = events(Dialect::OpenAiResponses, &[&bytes]);
    assert_eq!(
        told(&events),
        [
            "Prose 1.2: W",
            "Prose 1.2: ell",
            "Prose: Well",
            "Prose 1.2 ends",
            "Arguments 2.0: {}",
            "Name: f",
            "JsonText: {}",
            "Arguments 2.0 ends",
            "Prose: Well",
        ]
    );
    assert_eq!(events[6].unread()[0].what, Medium::Audio);
    assert_eq!(events[7].sequence(), Some(7));
}

#[test]
fn blocks_of_a_message_begin_and_stop() {
    let bytes = stream(&[
        r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":"We"}}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"ll"}}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"citations_delta","citation":{"type":"char_location","cited_text":"so"}}}"#,
        r#"{"type":"content_block_stop","index":0}"#,
        r#"{"type":"content_block_start","index":1,"content_block":{"type":"redacted_thinking","data":"EmwKAhgB"}}"#,
        r#"{"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":"{\"a\""}}"#,
        r#"{"type":"content_block_delta","index":2,"delta":{"type":"signature_delta","signature":"EqQB"}}"#,
        r#"{"type":"message_delta","delta":{"stop_reason":"max_tokens","stop_sequence":null},"usage":{"output_tokens":9}}"#,
        r#"{"type":"message_stop"}"#,
    ]);
    assert_eq!(
        told(&events(Dialect::AnthropicMessages, &[&bytes])),
        [
            "Prose 0.0: We",
            "Prose 0.0: ll",
            "Prose: so",
            "Prose 0.0 ends",
            "Arguments 2.0: {\"a\"",
            "Arguments 2.0 ends",
        ]
    );
}

#[test]
fn gemini_thinks_in_parts_of_its_own_and_calls_at_once() {
    let bytes = stream(&[
        r#"{"candidates":[{"content":{"parts":[{"text":"Hm","thought":true},{"text":"We"}],"role":"model"}}],"modelVersion":"gemini-2.5-flash"}"#,
        r#"{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f","args":{"a":"b"}}}]}}]}"#,
        r#"{"candidates":[{"content":{"parts":[{"text":"ll"}]},"finishReason":"STOP"}]}"#,
    ]);
    assert_eq!(
        told(&events(Dialect::Gemini, &[&bytes])),
        [
            "Reasoning 0.0: Hm",
            "Prose 0.0: We",
            "Name: f",
            "Name: a",
            "Prose: b",
            "Reasoning 0.0 rests",
            "Prose 0.0: ll",
            "Reasoning 0.0 ends",
            "Prose 0.0 ends",
        ]
    );
}

#[test]
fn pieces_of_what_is_unknown_run_on_under_their_names() {
    let bytes = stream(&[
        &chat(&json!({"inner_voice": [{"says": "my mo"}], "audio": {"id": "a", "data": "AAAA"}})),
        &chat(&json!({"inner_voice": [{"says": "ther"}]})),
    ]);
    let of_chat = events(Dialect::OpenAiChat, &[&bytes]);
    assert_eq!(
        Vec::from_iter(running(&of_chat).into_values()),
        ["my mother"]
    );
    assert_eq!(of_chat[0].unread()[0].what, Medium::Audio);
    let cohere = |text: &str| {
        json!({"type": "content-delta", "index": 0, "delta": {"message": {"content": {"text": text}}}}).to_string()
    };
    let bytes = stream(&[&cohere("my mo"), &cohere("ther"), "no JS", "ON"]);
    let of_cohere = events(Dialect::Passthrough, &[&bytes]);
    assert_eq!(
        Vec::from_iter(running(&of_cohere).into_values()),
        ["my mother", "no JSON"]
    );
    let Some(Said::Delta { place, .. }) = of_cohere[2].said().first() else {
        panic!("no delta");
    };
    let edited = of_cohere[2].edited(&[(place.clone(), "two\nlines")], 0);
    assert_eq!(edited, b"data: two lines\n\n"[..]);
    let opaque = events(Dialect::OpenAiChat, &[b"data: \xff\n\n"]);
    assert_eq!(opaque[0].unread()[0].what, Medium::Opaque);
}

#[test]
fn the_channel_of_a_slot_is_that_of_its_text() {
    let call = json!({"tool_calls": [{"index": 0, "custom": {"input": "ls"}, "note": "now"}]});
    let bytes = stream(&[&chat(&json!({"content": "so"})), &chat(&call)]);
    let events = events(Dialect::OpenAiChat, &[&bytes]);
    let texts: Vec<_> = running(&events)
        .into_iter()
        .map(|(slot, text)| (slot.channel(), slot.kind(), text))
        .collect();
    assert_eq!(
        texts,
        [
            (Channel::Output, PartKind::Prose, "so".to_owned()),
            (Channel::ToolArguments, PartKind::Prose, "ls".to_owned()),
            (Channel::ToolArguments, PartKind::Prose, "now".to_owned()),
        ]
    );
}

#[test]
fn texts_that_run_at_once_are_bounded() {
    let many = u32::try_from(OPEN_LIMIT).expect("small") + 10;
    let all: Vec<String> = (0..many)
        .map(|index| json!({"choices": [{"index": index, "text": "a"}]}).to_string())
        .collect();
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    let events = events(Dialect::OpenAiCompletions, &[&stream(&all)]);
    let ended: Vec<u32> = events
        .iter()
        .flat_map(Event::said)
        .filter_map(|said| match said {
            Said::End { slot } => Some(slot.item),
            _ => None,
        })
        .collect();
    assert_eq!(
        ended,
        Vec::from_iter(0..many),
        "the oldest first, and each once"
    );
    let last = events[events.len() - 2].said();
    assert_eq!(
        last.len(),
        2,
        "the end of the oldest comes with the event that is too much"
    );
}

#[test]
fn an_edited_event_keeps_all_else() {
    let bytes = "\u{feff}: hi\r\nevent: x\r\ndata: {\"choices\": [ {\"index\":0, \"delta\":{\"content\":\"I am Ada\"},\"logprobs\":{\"content\":[{\"token\":\"Ada\"}]}} ] }\r\nid: 7\r\n\r\n";
    let events = events(Dialect::OpenAiChat, &[bytes.as_bytes()]);
    let event = &events[0];
    let Some(Said::Delta { place, .. }) = event.said().first() else {
        panic!("no delta");
    };
    assert_eq!(event.edited(&[], 3), bytes.as_bytes());
    assert_eq!(
        event.edited(&[(place.clone(), "I am \"X\"")], 0),
        bytes
            .replace("I am Ada", "I am \\\"X\\\"")
            .replace("{\"content\":[{\"token\":\"Ada\"}]}", "null")
            .as_bytes()
    );
}

#[test]
fn data_in_several_lines_is_written_in_one() {
    let bytes = b"event: x\r\ndata: {\"choices\":[{\"index\":0,\r\ndata: \"text\":\"Ada\"}]}\r\nid: 7\r\n\r\n";
    let events = events(Dialect::OpenAiCompletions, &[bytes]);
    let event = &events[0];
    assert_eq!(event.edited(&[], 0), bytes[..]);
    let Some(Said::Delta { place, .. }) = event.said().first() else {
        panic!("no delta");
    };
    assert_eq!(
        event.edited(&[(place.clone(), "X")], 0),
        b"event: x\nid: 7\ndata: {\"choices\":[{\"index\":0, \"text\":\"X\"}]}\n\n"[..]
    );
}

#[test]
fn a_part_of_a_text_can_leave_ahead_and_numbers_go_on_rising() {
    let delta = |number: u32, text: &str| {
        json!({"type": "response.output_text.delta", "sequence_number": number, "output_index": 0,
            "content_index": 0, "delta": text, "logprobs": [{"token": text}]})
        .to_string()
    };
    let bytes = stream(&[&delta(8, "I am "), &delta(9, "Ada")]);
    let events = events(Dialect::OpenAiResponses, &[&bytes]);
    let slot = slot(0, 0, Running::Prose);
    let ahead = events[0]
        .carrying(slot, "I", events[0].sequence())
        .expect("a copy");
    let Some(Said::Delta { place, .. }) = events[0].said().first() else {
        panic!("no delta");
    };
    let rest = events[0].edited(&[(place.clone(), " am ")], 1);
    let next = events[1].edited(&[], 1);
    let sent = [ahead, rest, next].concat();
    let again = super::events(Dialect::OpenAiResponses, &[&sent]);
    assert_eq!(running(&again)[&slot], "I am Ada");
    let numbers: Vec<_> = again.iter().filter_map(Event::sequence).collect();
    assert_eq!(numbers, [8, 9, 10]);
    assert!(
        !String::from_utf8_lossy(&sent[..sent.len() / 2]).contains("token"),
        "no log probabilities of a text that was cut"
    );
}

#[test]
fn what_begins_or_ends_something_is_not_copied() {
    let slot = slot(0, 0, Running::Prose);
    let ended =
        json!({"choices": [{"index": 0, "delta": {"content": "a"}, "finish_reason": "stop"}]});
    for (data, copied) in [
        (chat(&json!({"content": "a"})), true),
        (
            chat(&json!({"content": "a", "reasoning_content": "b"})),
            true,
        ),
        (chat(&json!({"reasoning_content": "b"})), false),
        (chat(&json!({"role": "assistant", "content": "a"})), false),
        (
            chat(&json!({"content": "a", "tool_calls": [{"index": 0, "id": "x"}]})),
            false,
        ),
        (ended.to_string(), false),
    ] {
        let events = events(Dialect::OpenAiChat, &[&stream(&[&data])]);
        let copy = events[0].carrying(slot, "new", None);
        assert_eq!(copy.is_some(), copied, "{data}");
        if let Some(copy) = copy {
            let texts = running(&super::events(Dialect::OpenAiChat, &[&copy]));
            assert_eq!(Vec::from_iter(texts), [(slot, "new".to_owned())]);
        }
    }
}

#[test]
fn a_last_event_without_its_blank_line_is_read() {
    let bytes = stream(&[&chat(&json!({"content": "my mother"}))]);
    for cut in 1..=2 {
        let cut = &bytes[..bytes.len() - cut];
        let events = events(Dialect::OpenAiChat, &[cut]);
        assert_eq!(events[0].bytes(), cut);
        assert_eq!(told(&events), ["Prose 0.0: my mother", "Prose 0.0 ends"]);
    }
    assert_eq!(
        whole(&events(
            Dialect::OpenAiChat,
            &[b"data: {\"error\":{\"message\":\"No.\"}}"]
        )),
        ["No."]
    );
}

#[test]
fn messages_of_aws_are_read_and_written_anew() {
    let message =
        |name: &str, payload: Value| eventstream::event(name, payload.to_string().as_bytes());
    let bytes = [
        message("messageStart", json!({"role": "assistant", "p": "abcd"})),
        message(
            "contentBlockDelta",
            json!({"contentBlockIndex": 0, "delta": {"text": "I am Ada"}, "p": "ab"}),
        ),
        message("contentBlockStop", json!({"contentBlockIndex": 0})),
        message(
            "contentBlockStart",
            json!({"contentBlockIndex": 1, "start": {"toolUse": {"name": "f", "toolUseId": "t"}}}),
        ),
        message(
            "contentBlockDelta",
            json!({"contentBlockIndex": 1, "delta": {"toolUse": {"input": "{}"}}}),
        ),
        message("messageStop", json!({"stopReason": "tool_use"})),
        eventstream::exception("throttlingException", br#"{"message":"Slow down."}"#),
    ]
    .concat();
    let of_converse = events(Dialect::Converse, &[&bytes]);
    assert_eq!(
        told(&of_converse),
        [
            "Prose 0.0: I am Ada",
            "Prose 0.0 ends",
            "Name: f",
            "Arguments 1.0: {}",
            "Arguments 1.0 ends",
            "Prose: Slow down.",
        ]
    );
    let Some(Said::Delta { place, .. }) = of_converse[1].said().first() else {
        panic!("no delta");
    };
    let edited = of_converse[1].edited(&[(place.clone(), "I am \"X\"")], 0);
    let again = eventstream::Decoder::default()
        .feed(&edited)
        .expect("a message");
    assert_eq!(again[0].header(":event-type"), Some("contentBlockDelta"));
    let payload: Value = serde_json::from_slice(&again[0].payload).expect("JSON");
    assert_eq!(
        payload,
        json!({"contentBlockIndex": 0, "delta": {"text": "I am \"X\""}, "p": "ab"})
    );
}

#[test]
fn chunks_of_bedrock_carry_events_of_messages() {
    let inner = stream(&[
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"I am Ada"}}"#,
        r#"{"type":"content_block_stop","index":0}"#,
    ]);
    let bytes = eventstream::chunks(&inner);
    let of_bedrock = events(Dialect::BedrockMessages, &[&bytes]);
    assert_eq!(told(&of_bedrock), ["Prose 0.0: I am Ada", "Prose 0.0 ends"]);
    let Some(Said::Delta { slot, place }) = of_bedrock[0].said().first() else {
        panic!("no delta");
    };
    let edited = of_bedrock[0].edited(&[(place.clone(), "I am X")], 0);
    let again = events(Dialect::BedrockMessages, &[&edited]);
    assert_eq!(told(&again)[0], "Prose 0.0: I am X");
    let carrying = of_bedrock[0].carrying(*slot, "I", None).expect("a copy");
    assert_eq!(
        told(&events(Dialect::BedrockMessages, &[&carrying]))[0],
        "Prose 0.0: I"
    );
}

#[test]
fn a_message_of_aws_that_does_not_end_is_unread() {
    let whole = eventstream::event("contentBlockDelta", br#"{"delta":{"text":"a"}}"#);
    let events = events(Dialect::Converse, &[&whole[..20], &whole[20..40]]);
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].bytes(), &whole[..40]);
    assert_eq!(events[0].unread()[0].what, Medium::Opaque);
    let damaged = [&whole[..40], b"x", &whole[41..]].concat();
    assert!(Frames::new(Dialect::Converse).feed(&damaged).is_err());
}

#[test]
fn blocks_of_cohere_end_where_it_says_so() {
    let bytes = stream(&[
        r#"{"type":"content-delta","index":0,"delta":{"message":{"content":{"text":"my mother"}}}}"#,
        r#"{"type":"content-end","index":0}"#,
        r#"{"type":"message-end","delta":{"finish_reason":"COMPLETE"}}"#,
    ]);
    let of_cohere = events(Dialect::Cohere, &[&bytes]);
    assert!(matches!(of_cohere[1].said(), [Said::End { .. }]));
}
