//! What is odd: old forms, calls that stop all, calls with two readings, tools that clients have
//! without declaring them.

use bytes::Bytes;
use iron_llm::Dialect;
use iron_llm::proposals::{Fate, Proposal, Sifter, Unreadable, sift};
use serde_json::{Value, json};

use super::sdk::message;
use super::{Court, judged, sifted};

fn stream(data: &[Value]) -> Vec<u8> {
    let events = data.iter().map(|data| format!("data: {data}\n\n"));
    events.collect::<String>().into_bytes()
}

fn chat(delta: Value, reason: Option<&str>) -> Value {
    json!({"choices": [{"index": 0, "delta": delta, "finish_reason": reason}]})
}

fn piece(index: u32, name: &str, arguments: &str) -> Value {
    let function = json!({"name": name, "arguments": arguments});
    chat(
        json!({"tool_calls": [{"index": index, "function": function}]}),
        None,
    )
}

fn asked(court: &Court) -> Vec<(&str, &str)> {
    let asked = court.asked.iter();
    asked
        .map(|(name, arguments)| (name.as_str(), arguments.as_str()))
        .collect()
}

#[test]
fn nothing_of_a_call_that_stops_all_leaves_nor_anything_after_it() {
    let text = chat(json!({"content": "so far"}), None);
    let events = [
        text.clone(),
        piece(0, "grave", "{}"),
        chat(json!({"content": "later"}), None),
        chat(json!({}), Some("tool_calls")),
    ];
    let (left, court) = sifted(Dialect::OpenAiChat, &[&stream(&events)], true);
    assert_eq!(left, stream(&[text]));
    assert_eq!(asked(&court), [("grave", "{}")]);
}

#[test]
fn text_leaves_at_once_until_a_call_begins() {
    let text = stream(&[chat(json!({"content": "so far"}), None)]);
    let mut sifter = Sifter::new(Dialect::OpenAiChat, true);
    let mut court = Court::default();
    let mut feed = |sifter: &mut Sifter, bytes: Vec<u8>| {
        let fed = sifter.feed(bytes.into(), &mut |proposal| court.judge(proposal));
        fed.expect("small frames")
    };
    assert_eq!(feed(&mut sifter, text.clone()), text);
    let call = stream(&[piece(0, "good", "{}")]);
    assert!(feed(&mut sifter, call.clone()).is_empty());
    assert!(sifter.held_bytes() >= call.len());
    let end = stream(&[chat(json!({}), Some("tool_calls"))]);
    assert_eq!(feed(&mut sifter, end.clone()), [call, end].concat());
}

#[test]
fn a_call_that_can_be_read_in_two_ways_has_no_arguments() {
    let end = chat(json!({}), Some("tool_calls"));
    let two_names = [piece(0, "good", "{}"), piece(0, "other", ""), end.clone()];
    let (_, court) = sifted(Dialect::OpenAiChat, &[&stream(&two_names)], true);
    assert_eq!(asked(&court), [("good", "two readings")]);
    // Some servers say the name again and again.
    let one_name = [piece(0, "good", "{"), piece(0, "good", "}"), end];
    let (_, court) = sifted(Dialect::OpenAiChat, &[&stream(&one_name)], true);
    assert_eq!(asked(&court), [("good", "{}")]);
    let item =
        |arguments: &str| json!({"type": "function_call", "name": "good", "arguments": arguments});
    let told_twice = [
        json!({"type": "response.output_item.added", "output_index": 0, "item": item("")}),
        json!({"type": "response.function_call_arguments.delta", "output_index": 0, "delta": "{}"}),
        json!({"type": "response.output_item.done", "output_index": 0, "item": item("{\"a\":1}")}),
    ];
    let (_, court) = sifted(Dialect::OpenAiResponses, &[&stream(&told_twice)], true);
    assert_eq!(asked(&court), [("good", "two readings")]);
}

#[test]
fn another_call_under_the_number_of_one_that_was_decided_does_not_pass() {
    let item = |name: &str, arguments: &str| {
        let item = json!({"type": "function_call", "name": name, "arguments": arguments});
        [
            json!({"type": "response.output_item.added", "output_index": 0,
                   "item": {"type": "function_call", "name": name, "arguments": ""}}),
            json!({"type": "response.function_call_arguments.done", "output_index": 0,
                   "arguments": arguments}),
            json!({"type": "response.output_item.done", "output_index": 0, "item": item}),
        ]
    };
    let decided = item("good", "{}");
    for (again, passes) in [
        (item("grave", "{}"), 1),
        (item("good", r#"{"a":1}"#), 1),
        (decided.clone(), 3),
    ] {
        let events = [decided.as_slice(), &again].concat();
        let (left, court) = sifted(Dialect::OpenAiResponses, &[&stream(&events)], true);
        let left = String::from_utf8(left).expect("text");
        assert_eq!(asked(&court), [("good", "{}")]);
        let whole = String::from_utf8(stream(&decided)).expect("text");
        let rest = left.strip_prefix(&whole).expect("the first call");
        assert!(
            !rest.contains("grave") && !rest.contains(r#"\"a\""#),
            "{rest}"
        );
        assert!(rest.matches("data: ").count() <= passes, "{rest}");
        assert_eq!(rest == whole, passes == 3);
    }
    let block = |name: &str| {
        let block = json!({"type": "tool_use", "name": name, "input": {}});
        [
            json!({"type": "content_block_start", "index": 0, "content_block": block}),
            json!({"type": "content_block_stop", "index": 0}),
        ]
    };
    let events = [block("good"), block("grave")].concat();
    let (left, _) = sifted(Dialect::AnthropicMessages, &[&stream(&events)], true);
    let expected = [block("good").as_slice(), &block("good")[1..]].concat();
    assert_eq!(left, stream(&expected));
}

#[test]
fn nothing_beside_a_function_is_no_text_of_a_form_of_its_own() {
    let call = json!({"index": 0, "custom": null,
                      "function": {"name": "good", "arguments": "{}"}});
    let whole = json!({"choices": [{"message": {"tool_calls": [call.clone()]}}]});
    let (_, court) = judged(Dialect::OpenAiChat, &Bytes::from(whole.to_string()));
    assert_eq!(asked(&court), [("good", "{}")]);
    let events = [
        chat(json!({"tool_calls": [call]}), None),
        chat(json!({}), Some("tool_calls")),
    ];
    let (_, court) = sifted(Dialect::OpenAiChat, &[&stream(&events)], true);
    assert_eq!(asked(&court), [("good", "{}")]);
}

#[test]
fn what_a_response_says_only_at_its_end_is_judged_there() {
    let bad = json!({"type": "function_call", "name": "bad", "arguments": "{}"});
    let end = json!({"type": "response.completed", "response": {"output": [bad]}});
    let (left, court) = sifted(Dialect::OpenAiResponses, &[&stream(&[end])], true);
    assert_eq!(asked(&court), [("bad", "{}")]);
    let expected = json!({"type": "response.completed", "response": {"output": []}});
    assert_eq!(left, stream(&[expected]));
}

#[test]
fn the_old_form_of_a_call_is_one() {
    let call = |name: &str| json!({"function_call": {"name": name, "arguments": "{}"}});
    let events = [
        chat(json!({"role": "assistant"}), None),
        chat(call("bad"), None),
        chat(json!({}), Some("function_call")),
    ];
    let (left, _) = sifted(Dialect::OpenAiChat, &[&stream(&events)], true);
    let expected = [events[0].clone(), chat(json!({}), Some("stop"))];
    assert_eq!(left, stream(&expected));
    let mut message = call("bad");
    message["content"] = Value::Null;
    let body = json!({"choices": [{"message": message, "finish_reason": "function_call"}]});
    let (left, _) = judged(Dialect::OpenAiChat, &Bytes::from(body.to_string()));
    let expected = json!({"choices": [{"message": {"content": null}, "finish_reason": "stop"}]});
    assert_eq!(left, expected.to_string());
}

#[test]
fn tools_that_clients_have_by_themselves_are_called_by_their_kind() {
    let action = json!({"type": "exec", "command": ["ls"]});
    let body = json!({"output": [
        {"type": "local_shell_call", "action": action.clone()},
        {"type": "custom_tool_call", "name": "bad", "input": "x = 1"},
        {"type": "web_search_call", "action": {"query": "done already"}},
        {"type": "mcp_approval_request", "name": "pay", "arguments": "{\"n\":1}"},
    ]});
    let (left, court) = judged(Dialect::OpenAiResponses, &Bytes::from(body.to_string()));
    let action = action.to_string();
    let expected = [
        ("local_shell", action.as_str()),
        ("bad", "{\"input\":\"x = 1\"}"),
        ("pay", "{\"n\":1}"),
    ];
    assert_eq!(asked(&court), expected);
    let left: Value = serde_json::from_slice(&left).expect("JSON");
    assert_eq!(left["output"].as_array().map(Vec::len), Some(3));
}

#[test]
fn what_a_provider_runs_by_itself_is_no_proposal() {
    let start = json!({"type": "content_block_start", "index": 0,
        "content_block": {"type": "server_tool_use", "name": "bad", "input": {}}});
    let delta = json!({"type": "content_block_delta", "index": 0,
        "delta": {"type": "input_json_delta", "partial_json": "{}"}});
    let stop = json!({"type": "content_block_stop", "index": 0});
    let events = stream(&[start, delta, stop]);
    let (left, court) = sifted(Dialect::AnthropicMessages, &[&events], true);
    assert_eq!((left, court.asked.len()), (events, 0));
    let data = json!({"start": {"toolUse": {"name": "bad", "type": "server_tool_use"}},
                      "contentBlockIndex": 0});
    let bytes = message("contentBlockStart", &data);
    let (left, court) = sifted(Dialect::Converse, &[&bytes], true);
    assert_eq!((Bytes::from(left), court.asked.len()), (bytes, 0));
}

#[test]
fn a_call_of_gemini_that_comes_value_by_value_goes_as_a_whole() {
    let part =
        |call: Value| json!({"candidates": [{"content": {"parts": [{"functionCall": call}]}}]});
    let text = json!({"candidates": [{"content": {"parts": [{"text": "hi"}]}}]});
    let events = [
        part(json!({"name": "bad", "willContinue": true})),
        part(json!({"partialArgs": [{"jsonPath": "$.a", "numberValue": 1}], "willContinue": true})),
        part(json!({"partialArgs": [{"jsonPath": "$.b", "numberValue": 2}]})),
        text.clone(),
    ];
    let (left, court) = sifted(Dialect::Gemini, &[&stream(&events)], true);
    assert_eq!(asked(&court), [("bad", "[]")]);
    assert_eq!(left, stream(&[text]));
}

#[test]
fn what_nobody_can_read_does_not_pass_where_something_is_to_be_taken_out() {
    let bytes = b"data: {\"choices\": NaN}\n\n: a comment\n\ndata: [DONE]\n\n";
    let (left, _) = sifted(Dialect::OpenAiChat, &[bytes], true);
    assert_eq!(left, b": a comment\n\ndata: [DONE]\n\n");
    let (left, _) = sifted(Dialect::OpenAiChat, &[bytes], false);
    assert_eq!(left, bytes);
}

#[test]
fn choices_are_counted_apart() {
    let call = |choice: u32, name: &str| {
        let function = json!({"name": name, "arguments": "{}"});
        json!({"index": choice, "delta": {"tool_calls": [{"index": 0, "function": function}]}})
    };
    let end = |choice: u32| json!({"index": choice, "delta": {}, "finish_reason": "tool_calls"});
    let events = [
        json!({"choices": [call(0, "bad"), call(1, "good")]}),
        json!({"choices": [end(0), end(1)]}),
    ];
    let (left, _) = sifted(Dialect::OpenAiChat, &[&stream(&events)], true);
    let mut ended = end(0);
    ended["finish_reason"] = "stop".into();
    let expected = [
        json!({"choices": [{"index": 0, "delta": {}}, call(1, "good")]}),
        json!({"choices": [ended, end(1)]}),
    ];
    assert_eq!(left, stream(&expected));
}

#[test]
fn what_is_too_much_to_be_taken_apart_is_one_call_of_which_nothing_is_known() {
    let many = format!(r#"{{"choices":[{}0]}}"#, "0,".repeat(1_000_000));
    let body = Bytes::from(many.clone());
    let event = format!("data: {many}\n\n");
    let after = stream(&[chat(json!({"content": "later"}), None)]);
    for (fate, whole, left) in [
        (
            Fate::Keep,
            Ok(body.clone()),
            [event.as_bytes(), &after].concat(),
        ),
        (Fate::Strip, Err(Unreadable::TooMany), after.clone()),
        (Fate::Stop, Ok(body.clone()), Vec::new()),
    ] {
        let mut asked = 0;
        let mut judge = |proposal: &Proposal<'_>| {
            assert_eq!(*proposal, Proposal::UNTOLD);
            asked += 1;
            fate
        };
        assert_eq!(sift(Dialect::OpenAiChat, &body, &mut judge), whole);
        let mut sifter = Sifter::new(Dialect::OpenAiChat, true);
        let bytes = [event.as_bytes(), &after].concat();
        let mut out = sifter
            .feed(bytes.into(), &mut judge)
            .expect("a frame")
            .to_vec();
        out.extend_from_slice(&sifter.finish(&mut judge));
        assert!(out == left, "{fate:?}: {} bytes", out.len());
        assert_eq!(asked, 2);
    }
}
