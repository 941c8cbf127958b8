//! Bodies of clients: every field that is read, in every wrong type, on every route.

use serde_json::{Value, json};

use crate::kit::{House, Speaks, assert_clear_error};

/// The routes, each with the least that it takes.
fn routes() -> [(&'static str, Speaks, Value); 5] {
    let messages = json!([{"role": "user", "content": "hi"}]);
    let chat = json!({"model": "sim/chat", "messages": messages});
    [
        ("/v1/chat/completions", Speaks::OpenAi, chat),
        (
            "/v1/completions",
            Speaks::OpenAi,
            json!({"model": "sim/chat", "prompt": "hi"}),
        ),
        (
            "/v1/embeddings",
            Speaks::OpenAi,
            json!({"model": "sim/embed", "input": "hi"}),
        ),
        (
            "/v1/responses",
            Speaks::OpenAi,
            json!({"model": "sim/chat", "input": "hi"}),
        ),
        (
            "/v1/messages",
            Speaks::Anthropic,
            json!({"model": "sim/chat", "messages": messages, "max_tokens": 20}),
        ),
    ]
}

/// Every field of the dialects that means something here.
const FIELDS: [&str; 42] = [
    "model",
    "messages",
    "prompt",
    "input",
    "system",
    "instructions",
    "tools",
    "functions",
    "response_format",
    "text",
    "output_config",
    "suffix",
    "thinking",
    "n",
    "best_of",
    "max_tokens",
    "max_completion_tokens",
    "max_output_tokens",
    "max_tool_calls",
    "stream",
    "stream_options",
    "user",
    "safety_identifier",
    "metadata",
    "store",
    "background",
    "service_tier",
    "speed",
    "inference_geo",
    "prediction",
    "web_search_options",
    "audio",
    "modalities",
    "previous_response_id",
    "conversation",
    "mcp_servers",
    "tool_choice",
    "stop",
    "stop_sequences",
    "reasoning_effort",
    "encoding_format",
    "include",
];

/// One value of each kind, and numbers that are none.
fn wrong_values() -> Vec<Value> {
    let raw = [
        "-1",
        "0",
        "1e99",
        "-1e99",
        "1.5",
        "99999999999999999999",
        "18446744073709551615",
    ];
    let numbers = raw.map(|text| serde_json::from_str(text).unwrap_or_else(|_| json!(text)));
    let mut values = vec![
        json!(null),
        json!(true),
        json!("text"),
        json!(""),
        json!([]),
        json!([null]),
        json!([[]]),
        json!({}),
        json!({"x": null}),
        json!([{"role": 7, "content": {"x": []}}]),
        json!([{"type": "image_url", "image_url": {"url": "data:image/png;base64,!!!!"}}]),
    ];
    values.extend(numbers);
    values
}

#[tokio::test(flavor = "multi_thread")]
async fn every_field_of_a_wrong_type_is_refused_by_name_or_harmless() {
    let house = House::simulated().await;
    let mut calls = 0;
    for (path, speaks, least) in routes() {
        for field in FIELDS {
            for value in wrong_values() {
                let mut body = least.clone();
                body[field] = value.clone();
                let what = format!("{path} {field} = {value}");
                let got = house.post(path, body.to_string().as_bytes()).await;
                calls += 1;
                match got.status {
                    200 => {}
                    400 | 404 | 413 => assert_clear_error(speaks, &got, &what),
                    // A bound beyond the budget is refused as such.
                    429 => {
                        assert!(got.body.contains("BUDGET_EXCEEDED"), "{what}: {}", got.body);
                        assert_clear_error(speaks, &got, &what);
                    }
                    other => panic!("{what}: {other} {}", got.body),
                }
            }
        }
    }
    let records = house.records(calls).await;
    assert_eq!(records.len(), calls, "one record for each call");
    house.assert_money_is_settled(&records).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn caps_and_counts_beyond_reason_are_refused_in_words() {
    let house = House::simulated().await;
    let message = r#""messages":[{"role":"user","content":"x"}]"#;
    for (path, speaks) in [
        ("/v1/chat/completions", Speaks::OpenAi),
        ("/v1/messages", Speaks::Anthropic),
    ] {
        for cap in [
            "-1",
            "-9223372036854775808",
            "1e30",
            "\"9\"",
            "1.5",
            "[]",
            "18446744073709551616",
        ] {
            let body = format!(r#"{{"model":"sim/chat","max_tokens":{cap},{message}}}"#);
            let got = house.post(path, body.as_bytes()).await;
            assert_eq!(got.status, 400, "{cap}: {}", got.body);
            assert_clear_error(speaks, &got, cap);
            assert!(got.body.contains("max_tokens"), "{cap}: {}", got.body);
        }
    }
    for n in [
        "-1",
        "0",
        "1000000000",
        "1e18",
        "\"2\"",
        "18446744073709551615",
    ] {
        let body = format!(r#"{{"model":"sim/chat","n":{n},{message}}}"#);
        let got = house.post("/v1/chat/completions", body.as_bytes()).await;
        assert_eq!(got.status, 400, "{n}: {}", got.body);
        assert!(got.body.contains("`n`"), "{n}: {}", got.body);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_are_no_request_are_refused_on_every_route() {
    let house = House::simulated().await;
    let large = vec![b' '; (32 << 20) + 1];
    let mut calls = 0;
    for (path, speaks, least) in routes() {
        let text = least.to_string();
        let model = text.replace(r#""sim/"#, r#""no/such/"#);
        let cases: Vec<(&str, Vec<u8>, u16)> = vec![
            ("nothing", Vec::new(), 400),
            (
                "half of it",
                text.as_bytes()[..text.len() / 2].to_vec(),
                400,
            ),
            (
                "bad UTF-8",
                text.replace("hi", "\u{1}")
                    .into_bytes()
                    .into_iter()
                    .map(|b| if b == 1 { 0xff } else { b })
                    .collect(),
                400,
            ),
            (
                "a lone surrogate",
                text.replace("hi", r"\ud800").into_bytes(),
                0,
            ),
            ("NUL", text.replace("hi", "\0").into_bytes(), 400),
            (
                "nested lists",
                format!(r#"{{"x":{}{}}}"#, "[".repeat(200_000), "]".repeat(200_000)).into_bytes(),
                400,
            ),
            (
                "nested objects",
                format!("{}1{}", r#"{"x":"#.repeat(200_000), "}".repeat(200_000)).into_bytes(),
                400,
            ),
            ("an unknown model", model.into_bytes(), 400),
            (
                "no model",
                text.replace(r#""model""#, r#""modell""#).into_bytes(),
                400,
            ),
            ("more than may be", large.clone(), 413),
        ];
        for (what, body, status) in cases {
            let what = format!("{path}: {what}");
            let got = house.post(path, &body).await;
            calls += 1;
            if status > 0 {
                assert_eq!(got.status, status, "{what}: {}", got.body);
            }
            match got.status {
                200 => {}
                _ => assert_clear_error(speaks, &got, &what),
            }
        }
    }
    let records = house.records(calls).await;
    assert_eq!(records.len(), calls, "one record for each call");
    house.assert_money_is_settled(&records).await;
}
