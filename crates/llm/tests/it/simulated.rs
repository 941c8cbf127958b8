//! The provider that is built in, asked in every dialect.

use bytes::Bytes;
use iron_llm::meter::{Meter, MeterOptions, Reading, read_answer};
use iron_llm::simulated::{self, Script};
use iron_llm::{Assumptions, Bound, Dialect, Envelope, PriceBook, ProviderKind};
use proptest::prelude::*;
use serde_json::{Value, json};

fn ask(dialect: Dialect, body: &Value) -> Script {
    simulated::answer(dialect, &Bytes::from(body.to_string()), 1_700_000_000)
}

fn bytes(script: &Script) -> Vec<u8> {
    script
        .frames
        .iter()
        .flat_map(|frame| frame.bytes.to_vec())
        .collect()
}

fn whole(dialect: Dialect, body: &Value) -> Value {
    let script = ask(dialect, body);
    assert_eq!(
        script.status,
        200,
        "{}",
        String::from_utf8_lossy(&bytes(&script))
    );
    serde_json::from_slice(&bytes(&script)).expect("JSON")
}

fn metered(dialect: Dialect, script: &Script) -> Reading {
    if script
        .headers
        .iter()
        .any(|(_, value)| value == "text/event-stream")
    {
        let mut meter = Meter::new(dialect, MeterOptions::default());
        for frame in &script.frames {
            let fed = meter.feed(&frame.bytes).expect("small frames");
            assert_eq!(fed.forward, frame.bytes, "each piece is a whole frame");
        }
        return meter.reading().clone();
    }
    read_answer(dialect, &bytes(script), false)
}

fn request(dialect: Dialect, model: &str, text: &str) -> Value {
    match dialect {
        Dialect::OpenAiChat => {
            json!({"model": model, "messages": [{"role": "user", "content": text}]})
        }
        Dialect::AnthropicMessages => {
            json!({"model": model, "max_tokens": 1000, "messages": [{"role": "user", "content": text}]})
        }
        Dialect::OpenAiResponses | Dialect::OpenAiEmbeddings => {
            json!({"model": model, "input": text})
        }
        Dialect::Rerank => json!({"model": model, "query": text, "documents": [text]}),
        Dialect::OpenAiCompletions => json!({"model": model, "prompt": text, "max_tokens": 1000}),
        _ => unreachable!("it does not speak it"),
    }
}

const TALKING: [Dialect; 4] = [
    Dialect::OpenAiChat,
    Dialect::OpenAiResponses,
    Dialect::OpenAiCompletions,
    Dialect::AnthropicMessages,
];

/// All text of an answer, streamed or not.
fn text(dialect: Dialect, script: &Script) -> String {
    let body = String::from_utf8(bytes(script)).expect("UTF-8");
    let streamed: Vec<Value> = body
        .lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .filter_map(|data| serde_json::from_str(data).ok())
        .collect();
    let find = |value: &Value, places: &[&str]| -> String {
        places
            .iter()
            .filter_map(|place| value.pointer(place)?.as_str().map(str::to_owned))
            .collect()
    };
    if streamed.is_empty() {
        let answer: Value = serde_json::from_str(&body).expect("JSON");
        return find(
            &answer,
            &[
                "/choices/0/message/content",
                "/choices/0/text",
                "/content/0/text",
                "/output/0/content/0/text",
            ],
        );
    }
    let is_delta = |event: &&Value| {
        dialect != Dialect::OpenAiResponses || event["type"] == "response.output_text.delta"
    };
    streamed
        .iter()
        .filter(is_delta)
        .map(|event| match dialect {
            Dialect::OpenAiResponses => find(event, &["/delta"]),
            _ => find(
                event,
                &["/choices/0/delta/content", "/choices/0/text", "/delta/text"],
            ),
        })
        .collect()
}

#[test]
fn every_dialect_answers_the_same_streamed_or_not() {
    for dialect in TALKING {
        let mut body = request(dialect, "sim/chat", "Tell me about budgets");
        let script = ask(dialect, &body);
        assert_eq!(
            script,
            ask(dialect, &body),
            "the same request, the same answer"
        );
        let plain = metered(dialect, &script);
        body["stream"] = json!(true);
        body["stream_options"] = json!({"include_usage": true});
        let stream = ask(dialect, &body);
        let streamed = metered(dialect, &stream);
        assert_eq!(
            text(dialect, &stream),
            text(dialect, &script),
            "{dialect:?}"
        );
        assert!(text(dialect, &script).starts_with("You said: Tell me about budgets\n"));
        assert!(plain.complete && streamed.complete, "{dialect:?}");
        assert_eq!(plain.finish, streamed.finish, "{dialect:?}");
        let usage = plain.usage.expect("usage");
        assert_eq!(
            usage.output,
            streamed.usage.expect("usage").output,
            "{dialect:?}"
        );
        assert!(usage.input > 0 && usage.output > 10);
        assert!(stream.frames.len() > 10, "piece by piece");
        body["seed"] = json!(7);
        assert_ne!(
            text(dialect, &ask(dialect, &body)),
            text(dialect, &script),
            "{dialect:?}: a seed changes it"
        );
    }
}

#[test]
fn caps_and_stop_sequences_are_kept() {
    for (dialect, cap, reason) in [
        (Dialect::OpenAiChat, "max_completion_tokens", "length"),
        (
            Dialect::OpenAiResponses,
            "max_output_tokens",
            "max_output_tokens",
        ),
        (Dialect::OpenAiCompletions, "max_tokens", "length"),
        (Dialect::AnthropicMessages, "max_tokens", "max_tokens"),
    ] {
        let mut body = request(dialect, "sim/chat", "Tell me");
        body[cap] = json!(5);
        let reading = metered(dialect, &ask(dialect, &body));
        assert_eq!(
            (
                reading.usage.expect("usage").output,
                reading.finish.as_deref()
            ),
            (5, Some(reason))
        );
    }
    let mut body = request(Dialect::OpenAiChat, "sim/chat", "Tell me");
    body["stop"] = json!(["\n", "nowhere"]);
    let script = ask(Dialect::OpenAiChat, &body);
    assert_eq!(text(Dialect::OpenAiChat, &script), "You said: Tell me");
    let mut body = request(Dialect::AnthropicMessages, "sim/chat", "Tell me");
    body["stop_sequences"] = json!(["said"]);
    let answer = whole(Dialect::AnthropicMessages, &body);
    assert_eq!(
        (&answer["stop_reason"], &answer["stop_sequence"]),
        (&json!("stop_sequence"), &json!("said"))
    );
}

#[test]
fn several_answers_differ_and_are_all_counted() {
    let mut body = request(Dialect::OpenAiChat, "sim/chat", "Tell me");
    body["n"] = json!(3);
    let answer = whole(Dialect::OpenAiChat, &body);
    let texts: Vec<&str> = (0..3)
        .filter_map(|index| answer["choices"][index]["message"]["content"].as_str())
        .collect();
    assert_eq!(texts.len(), 3);
    assert!(texts[0] != texts[1] && texts[1] != texts[2]);
    let tokens: usize = texts
        .iter()
        .map(|text| text.chars().count().div_ceil(4))
        .sum();
    assert_eq!(answer["usage"]["completion_tokens"], tokens);
}

const WEATHER: &str = r#"{"type":"object","properties":{"city":{"type":"string","enum":["Paris","Rome"]},
    "days":{"type":"integer","minimum":1,"maximum":7}},"required":["city","days"],"additionalProperties":false}"#;

fn offered(dialect: Dialect, names: &[&str]) -> Value {
    let schema: Value = serde_json::from_str(WEATHER).expect("a schema");
    let tools: Vec<Value> = names
        .iter()
        .map(|name| match dialect {
            Dialect::OpenAiChat => {
                json!({"type": "function", "function": {"name": name, "parameters": schema}})
            }
            Dialect::OpenAiResponses => {
                json!({"type": "function", "name": name, "parameters": schema})
            }
            _ => json!({"name": name, "input_schema": schema}),
        })
        .collect();
    json!(tools)
}

#[test]
fn the_agent_calls_its_tools_and_answers_from_their_results() {
    let schema: Value = serde_json::from_str(WEATHER).expect("a schema");
    // OpenAI's chat.
    let mut body = request(Dialect::OpenAiChat, "sim/agent", "Weather?");
    body["tools"] = offered(Dialect::OpenAiChat, &["get_weather", "get_time", "third"]);
    let answer = whole(Dialect::OpenAiChat, &body);
    assert_eq!(answer["choices"][0]["finish_reason"], "tool_calls");
    let calls = answer["choices"][0]["message"]["tool_calls"]
        .as_array()
        .expect("calls")
        .clone();
    assert_eq!(calls.len(), 2, "two at once");
    for call in &calls {
        let arguments = call["function"]["arguments"].as_str().expect("text");
        satisfies(&schema, &serde_json::from_str(arguments).expect("JSON"));
    }
    assert_ne!(calls[0]["id"], calls[1]["id"]);
    let messages = body["messages"].as_array_mut().expect("messages");
    messages.push(json!({"role": "assistant", "content": null, "tool_calls": calls}));
    messages.push(json!({"role": "tool", "tool_call_id": calls[0]["id"], "content": "sunny"}));
    messages.push(json!({"role": "tool", "tool_call_id": calls[1]["id"], "content": "noon"}));
    let answer = whole(Dialect::OpenAiChat, &body);
    let said = answer["choices"][0]["message"]["content"]
        .as_str()
        .expect("text");
    assert!(
        said.starts_with("The tools answered: sunny; noon"),
        "{said}"
    );
    // Anthropic.
    let mut body = request(Dialect::AnthropicMessages, "sim/agent", "Weather?");
    body["tools"] = offered(Dialect::AnthropicMessages, &["get_weather"]);
    let answer = whole(Dialect::AnthropicMessages, &body);
    assert_eq!(answer["stop_reason"], "tool_use");
    satisfies(&schema, &answer["content"][0]["input"]);
    let call = answer["content"][0].clone();
    let messages = body["messages"].as_array_mut().expect("messages");
    messages.push(json!({"role": "assistant", "content": [call]}));
    messages.push(json!({"role": "user", "content": [{"type": "tool_result", "tool_use_id": call["id"], "content": "rain"}]}));
    assert_eq!(
        whole(Dialect::AnthropicMessages, &body)["stop_reason"],
        "end_turn"
    );
    // Responses.
    let mut body = request(Dialect::OpenAiResponses, "sim/agent", "Weather?");
    body["tools"] = offered(Dialect::OpenAiResponses, &["get_weather"]);
    let answer = whole(Dialect::OpenAiResponses, &body);
    assert_eq!(answer["output"][0]["type"], "function_call");
    let arguments = answer["output"][0]["arguments"].as_str().expect("text");
    satisfies(&schema, &serde_json::from_str(arguments).expect("JSON"));
}

#[test]
fn streamed_calls_carry_the_same_arguments() {
    let mut body = request(Dialect::AnthropicMessages, "sim/agent", "Weather?");
    body["tools"] = offered(Dialect::AnthropicMessages, &["get_weather", "get_time"]);
    let plain = whole(Dialect::AnthropicMessages, &body);
    body["stream"] = json!(true);
    let stream = String::from_utf8(bytes(&ask(Dialect::AnthropicMessages, &body))).expect("UTF-8");
    for (index, block) in plain["content"]
        .as_array()
        .expect("blocks")
        .iter()
        .enumerate()
    {
        let pieces: String = stream
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line.strip_prefix("data: ")?).ok())
            .filter(|event| event["index"] == index && event["type"] == "content_block_delta")
            .filter_map(|event| event["delta"]["partial_json"].as_str().map(str::to_owned))
            .collect();
        assert_eq!(
            &serde_json::from_str::<Value>(&pieces).expect("JSON"),
            &block["input"]
        );
    }
}

#[test]
fn chat_calls_only_the_tools_it_must() {
    let mut body = request(Dialect::OpenAiChat, "sim/chat", "Weather?");
    body["tools"] = offered(Dialect::OpenAiChat, &["a", "b"]);
    assert_eq!(
        whole(Dialect::OpenAiChat, &body)["choices"][0]["finish_reason"],
        "stop"
    );
    body["tool_choice"] = json!({"type": "function", "function": {"name": "b"}});
    let answer = whole(Dialect::OpenAiChat, &body);
    assert_eq!(
        answer["choices"][0]["message"]["tool_calls"][0]["function"]["name"],
        "b"
    );
    body["tool_choice"] = json!("required");
    assert_eq!(
        whole(Dialect::OpenAiChat, &body)["choices"][0]["finish_reason"],
        "tool_calls"
    );
    body["model"] = json!("sim/agent");
    body["tool_choice"] = json!("none");
    assert_eq!(
        whole(Dialect::OpenAiChat, &body)["choices"][0]["finish_reason"],
        "stop"
    );
}

/// Holds a value against the keywords of a schema that providers support.
fn satisfies(schema: &Value, value: &Value) {
    if let Some(allowed) = schema["enum"].as_array() {
        assert!(allowed.contains(value), "{value} is not one of {allowed:?}");
    }
    match schema["type"].as_str() {
        Some("object") => {
            let object = value.as_object().expect("an object");
            for name in schema["required"].as_array().into_iter().flatten() {
                assert!(
                    object.contains_key(name.as_str().expect("a name")),
                    "{name} is missing"
                );
            }
            for (name, field) in object {
                match schema["properties"].get(name) {
                    Some(inner) => satisfies(inner, field),
                    None => assert_ne!(schema["additionalProperties"], json!(false), "{name}"),
                }
            }
        }
        Some("array") => {
            let list = value.as_array().expect("a list");
            assert!(list.len() as u64 >= schema["minItems"].as_u64().unwrap_or(0));
            assert!(list.len() as u64 <= schema["maxItems"].as_u64().unwrap_or(u64::MAX));
            list.iter()
                .for_each(|item| satisfies(&schema["items"], item));
        }
        Some("string") => {
            let length = value.as_str().expect("a string").chars().count() as u64;
            assert!(length >= schema["minLength"].as_u64().unwrap_or(0));
            assert!(length <= schema["maxLength"].as_u64().unwrap_or(u64::MAX));
        }
        Some("integer") => {
            let number = value.as_i64().expect("a whole number");
            assert!(
                number >= schema["minimum"].as_i64().unwrap_or(i64::MIN),
                "{number}"
            );
            assert!(
                number <= schema["maximum"].as_i64().unwrap_or(i64::MAX),
                "{number}"
            );
            assert_eq!(
                number % schema["multipleOf"].as_i64().unwrap_or(1),
                0,
                "{number}"
            );
        }
        Some("boolean") => assert!(value.is_boolean()),
        Some("null") => assert!(value.is_null()),
        _ => {}
    }
}

fn any_schema() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        // Wide enough to hold a multiple of every step.
        (0_i64..5, 7_i64..50, 1_i64..4)
            .prop_map(|(low, high, step)| json!({"type": "integer", "minimum": low, "maximum": high, "multipleOf": step})),
        (0_u64..5, 5_u64..20).prop_map(|(low, high)| json!({"type": "string", "minLength": low, "maxLength": high})),
        prop::collection::vec("[a-z]{1,5}", 1..4).prop_map(|words| json!({"type": "string", "enum": words})),
        Just(json!({"type": "boolean"})),
        Just(json!({"type": "null"})),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            (inner.clone(), 0_u64..3, 3_u64..5)
                .prop_map(|(item, low, high)| json!({"type": "array", "items": item, "minItems": low, "maxItems": high})),
            prop::collection::btree_map("[a-z]{1,4}", inner, 0..4).prop_map(|fields| {
                let names: Vec<&String> = fields.keys().collect();
                json!({"type": "object", "properties": fields, "required": names, "additionalProperties": false})
            }),
        ]
    })
}

proptest! {
    #[test]
    fn structured_answers_satisfy_their_schema(schema in any_schema(), text in "[a-z]{0,9}") {
        let mut chat = request(Dialect::OpenAiChat, "sim/chat", &text);
        chat["response_format"] = json!({"type": "json_schema", "json_schema": {"name": "x", "strict": true, "schema": schema}});
        let answer = whole(Dialect::OpenAiChat, &chat);
        let said = answer["choices"][0]["message"]["content"].as_str().expect("text");
        satisfies(&schema, &serde_json::from_str(said).expect("JSON"));
        let mut responses = request(Dialect::OpenAiResponses, "sim/chat", &text);
        responses["text"] = json!({"format": {"type": "json_schema", "name": "x", "schema": schema}});
        let answer = whole(Dialect::OpenAiResponses, &responses);
        let said = answer["output"][0]["content"][0]["text"].as_str().expect("text");
        satisfies(&schema, &serde_json::from_str(said).expect("JSON"));
    }

    #[test]
    fn what_it_reports_is_within_what_we_hold(
        text in "\\PC{0,80}",
        cap in 1_u64..300,
        tools in any::<bool>(),
        stream in any::<bool>(),
    ) {
        for dialect in TALKING {
            let mut body = request(dialect, "sim/agent", &text);
            let field = if dialect == Dialect::OpenAiResponses { "max_output_tokens" } else { "max_tokens" };
            body[field] = json!(cap);
            body["stream"] = json!(stream);
            if dialect != Dialect::AnthropicMessages && dialect != Dialect::OpenAiResponses {
                body["stream_options"] = json!({"include_usage": true});
            }
            if tools && dialect != Dialect::OpenAiCompletions { body["tools"] = offered(dialect, &["f"]); }
            let envelope = Envelope::read(dialect, Bytes::from(body.to_string())).expect("a request");
            let bound = Bound::quick(&PriceBook::builtin(), ProviderKind::Simulated, &envelope, &Assumptions::default());
            let bound = bound.expect("a bound");
            let usage = metered(dialect, &ask(dialect, &body)).usage.expect("usage");
            prop_assert!(usage.input_total() <= bound.input_tokens());
            prop_assert!(usage.output_total() <= cap);
            prop_assert!(bound.settle(&usage).expect("in range") <= bound.cost_at(cap).expect("in range"));
        }
    }

    #[test]
    fn any_request_gets_some_answer(body in "\\PC{0,120}") {
        for dialect in Dialect::ALL {
            let script = simulated::answer(dialect, &Bytes::from(body.clone()), 0);
            prop_assert_eq!(script.status, 400);
        }
    }
}

#[test]
fn a_recursive_schema_comes_to_an_end() {
    let mut body = request(Dialect::OpenAiChat, "sim/chat", "tree");
    body["response_format"] = json!({"type": "json_schema", "json_schema": {"name": "x", "schema": {
        "type": "object", "properties": {"children": {"type": "array", "items": {"$ref": "#"}},
            "next": {"anyOf": [{"$ref": "#"}, {"type": "null"}]}}, "required": ["next"]}}});
    let answer = whole(Dialect::OpenAiChat, &body);
    let said = answer["choices"][0]["message"]["content"]
        .as_str()
        .expect("text");
    assert!(said.starts_with('{'));
    let endless = json!({"type": "object", "properties": {"a": {"$ref": "#"}}, "required": ["a"]});
    body["response_format"]["json_schema"]["schema"] = endless;
    assert_eq!(ask(Dialect::OpenAiChat, &body).status, 200);
}

#[test]
fn embeddings_are_unit_vectors_in_both_encodings() {
    let mut body = json!({"model": "sim/embed", "input": ["a", "b", "a"], "dimensions": 8});
    let plain = whole(Dialect::OpenAiEmbeddings, &body);
    let vector = |index: usize| -> Vec<f64> {
        plain["data"][index]["embedding"]
            .as_array()
            .expect("numbers")
            .iter()
            .filter_map(Value::as_f64)
            .collect()
    };
    assert_eq!(vector(0).len(), 8);
    assert!((vector(0).iter().map(|value| value * value).sum::<f64>() - 1.0).abs() < 1e-5);
    assert_eq!(vector(0), vector(2));
    assert_ne!(vector(0), vector(1));
    body["encoding_format"] = json!("base64");
    let packed = whole(Dialect::OpenAiEmbeddings, &body);
    use base64::Engine as _;
    let data = base64::engine::general_purpose::STANDARD
        .decode(packed["data"][0]["embedding"].as_str().expect("text"))
        .expect("base64");
    let first = f32::from_le_bytes(data[..4].try_into().expect("four bytes"));
    assert!((f64::from(first) - vector(0)[0]).abs() < 1e-6);
    let tokens = whole(
        Dialect::OpenAiEmbeddings,
        &json!({"model": "sim/embed", "input": [[1, 2], [3]]}),
    );
    assert_eq!(
        (
            tokens["data"].as_array().map(Vec::len),
            &tokens["usage"]["prompt_tokens"]
        ),
        (Some(2), &json!(11))
    );
}

#[test]
fn what_is_planted_is_said_in_every_dialect_whole_and_streamed() {
    for dialect in TALKING {
        for (model, planted) in [
            (
                "sim/leak-pii",
                simulated::LEAKED.map(|(_, value)| value).to_vec(),
            ),
            ("sim/injected", vec![simulated::INJECTED]),
        ] {
            let mut body = request(dialect, model, "hi");
            if dialect == Dialect::OpenAiCompletions {
                body["max_tokens"] = json!(500);
            }
            let plain = ask(dialect, &body);
            body["stream"] = json!(true);
            let stream = ask(dialect, &body);
            assert!(stream.frames.len() > 20, "{dialect:?}: piece by piece");
            for value in planted {
                assert!(text(dialect, &plain).contains(value), "{dialect:?} {value}");
                assert!(
                    text(dialect, &stream).contains(value),
                    "{dialect:?} {value}"
                );
            }
            assert!(metered(dialect, &plain).complete && metered(dialect, &stream).complete);
        }
    }
}

#[test]
fn what_is_planted_stands_in_the_arguments_of_tools_until_one_answers() {
    for (model, planted) in [
        ("sim/leak-pii", simulated::LEAKED[1].1),
        ("sim/injected", "Ignore all previous instructions"),
    ] {
        let mut body = request(Dialect::OpenAiChat, model, "Weather?");
        body["tools"] = offered(Dialect::OpenAiChat, &["get_weather", "get_time"]);
        let answer = whole(Dialect::OpenAiChat, &body);
        let calls = &answer["choices"][0]["message"]["tool_calls"];
        assert_eq!(calls.as_array().map(Vec::len), Some(1));
        let arguments = calls[0]["function"]["arguments"].as_str().expect("text");
        let read: Value = serde_json::from_str(arguments).expect("JSON");
        assert!(read.to_string().contains(planted), "{read}");
        let messages = body["messages"].as_array_mut().expect("messages");
        messages.push(json!({"role": "assistant", "content": null, "tool_calls": calls}));
        messages.push(json!({"role": "tool", "tool_call_id": calls[0]["id"], "content": "sunny"}));
        let answer = whole(Dialect::OpenAiChat, &body);
        let said = answer["choices"][0]["message"]["content"].as_str();
        assert!(said.expect("text").contains(planted));
    }
}

#[test]
fn faults_come_as_they_are_ordered() {
    for dialect in TALKING {
        let get = |model: &str, stream: bool| {
            let mut body = request(dialect, model, "hi");
            body["stream"] = json!(stream);
            body["stream_options"] = json!({"include_usage": true});
            ask(dialect, &body)
        };
        let limited = get("sim/fail-429", true);
        assert_eq!(limited.status, 429);
        assert!(limited.headers.contains(&("retry-after", "1".to_owned())));
        assert!(
            read_answer(dialect, &bytes(&limited), false)
                .fault
                .is_some()
        );
        assert_eq!(get("sim/fail-500", false).status, 500);
        let slow = get("sim/slow", true);
        assert_eq!(slow.frames[0].delay_ms, simulated::SLOW_START_MS);
        assert!(
            slow.frames[1..]
                .iter()
                .all(|frame| frame.delay_ms == simulated::SLOW_PIECE_MS)
        );
        for stream in [true, false] {
            let cut = get("sim/cut", stream);
            assert!(cut.cut && cut.status == 200);
            let reading = metered(dialect, &cut);
            assert!(
                !reading.complete
                    && (reading.usage.is_none() || dialect == Dialect::AnthropicMessages),
                "{dialect:?}"
            );
        }
        let overloaded = get("sim/overloaded-in-stream", true);
        assert_eq!(overloaded.status, 200);
        let reading = metered(dialect, &overloaded);
        assert!(reading.fault.is_some() && !reading.started);
        assert!(get("sim/overloaded-in-stream", false).status >= 500);
        let honest = metered(dialect, &get("sim/chat", false))
            .usage
            .expect("usage");
        let lying = metered(dialect, &get("sim/wrong-usage", false))
            .usage
            .expect("usage");
        assert_eq!(lying.input, honest.input * 10);
        assert!(lying.output > honest.output);
        for stream in [true, false] {
            let silent = metered(dialect, &get("sim/no-usage", stream));
            assert!(
                silent.usage.is_none() && silent.complete,
                "{dialect:?} {stream}"
            );
        }
        assert_eq!(get("sim/unheard-of", false).status, 404);
    }
    assert_eq!(
        ask(
            Dialect::OpenAiEmbeddings,
            &request(Dialect::OpenAiEmbeddings, "sim/chat", "hi")
        )
        .status,
        400
    );
    let bad = simulated::answer(Dialect::AnthropicMessages, &Bytes::from_static(b"{}"), 0);
    let body: Value = serde_json::from_slice(&bytes(&bad)).expect("JSON");
    assert_eq!(
        (bad.status, &body["type"], &body["error"]["type"]),
        (400, &json!("error"), &json!("invalid_request_error"))
    );
}

#[test]
fn thoughts_come_first_and_are_signed() {
    let mut body = request(Dialect::AnthropicMessages, "sim/chat", "hi");
    body["thinking"] = json!({"type": "enabled", "budget_tokens": 500});
    let answer = whole(Dialect::AnthropicMessages, &body);
    assert_eq!(answer["content"][0]["type"], "thinking");
    assert!(
        answer["content"][0]["signature"]
            .as_str()
            .is_some_and(|signature| !signature.is_empty())
    );
    assert_eq!(answer["content"][1]["type"], "text");
    body["stream"] = json!(true);
    let stream = String::from_utf8(bytes(&ask(Dialect::AnthropicMessages, &body))).expect("UTF-8");
    assert!(stream.contains("thinking_delta") && stream.contains("signature_delta"));
}

#[test]
fn tokens_can_be_counted_without_an_answer() {
    let body = request(
        Dialect::AnthropicMessages,
        "sim/chat",
        "Tell me about budgets",
    );
    let counted =
        simulated::count_tokens(Dialect::AnthropicMessages, &Bytes::from(body.to_string()))
            .expect("a request");
    let billed = metered(
        Dialect::AnthropicMessages,
        &ask(Dialect::AnthropicMessages, &body),
    )
    .usage
    .expect("usage");
    assert_eq!(counted, billed.input);
    let bare = json!({"model": "sim/chat", "messages": body["messages"]});
    let counted =
        simulated::count_tokens(Dialect::AnthropicMessages, &Bytes::from(bare.to_string()));
    assert_eq!(counted, Ok(billed.input), "no cap is needed to count");
    assert_eq!(
        ask(Dialect::AnthropicMessages, &bare).status,
        400,
        "but to answer"
    );
}
