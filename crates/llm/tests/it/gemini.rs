//! What a call in Gemini's dialect can cost at the most.

use bytes::Bytes;
use iron_llm::envelope::RequestError;
use iron_llm::{Assumptions, Bound, BoundError, Dialect, Envelope, PriceBook, ProviderKind, Usage};
use iron_primitives::UnitPrice;
use serde_json::{Value, json};

fn gemini(model: &str, body: &Value) -> Result<Bound, BoundError> {
    let body = Bytes::from(body.to_string());
    let envelope =
        Envelope::read_addressed(Dialect::Gemini, body, model, false).expect("a request");
    Bound::quick(
        &PriceBook::builtin(),
        ProviderKind::Google,
        &envelope,
        &Assumptions::default(),
    )
}

fn generate(parts: &Value) -> Value {
    json!({"contents": [{"role": "user", "parts": parts}],
        "generationConfig": {"maxOutputTokens": 100}})
}

#[test]
fn a_long_prompt_to_gemini_is_held_and_settled_at_the_dearer_rates() {
    let short = gemini("gemini-2.5-pro", &generate(&json!([{"text": "hi"}]))).expect("a bound");
    let text = "x".repeat(210_000);
    let long = gemini("gemini-2.5-pro", &generate(&json!([{ "text": text }]))).expect("a bound");
    assert_eq!(short.per_output_token(), UnitPrice::from_picos(10_000_000));
    assert_eq!(long.per_output_token(), UnitPrice::from_picos(15_000_000));
    for (input, price) in [(200_000_u64, 1_250_i64), (200_001, 2_500)] {
        let usage = Usage {
            input,
            ..Usage::default()
        };
        let cost = long.settle(&usage).expect("a cost");
        assert_eq!(cost.nanos(), price * i64::try_from(input).expect("small"));
        assert!(cost <= long.cost_at(100).expect("a cost"));
    }
}

#[test]
fn images_of_gemini_count_by_their_crops_or_their_resolution() {
    // A PNG of 640 × 480, whose tiles are of 320 pixels: two by two.
    let png = "iVBORw0KGgoAAAANSUhEUgAAAoAAAAHgCAYAAAA=";
    let image = json!([{"inlineData": {"mimeType": "image/png", "data": png}}]);
    let rest = generate(&image).to_string().len() - png.len();
    let tokens = |model| gemini(model, &generate(&image)).map(|bound| bound.input_tokens());
    assert_eq!(tokens("gemini-2.5-flash"), Ok(rest as u64 + 4 * 258));
    assert_eq!(tokens("gemini-3.8-flash"), Ok(rest as u64 + 1120));
    let unreadable = json!([{"inlineData": {"mimeType": "image/heic", "data": "AAAA"}}]);
    let bound = gemini("gemini-2.5-flash", &generate(&unreadable)).expect("a bound");
    assert_eq!(bound.input_tokens(), 1_048_576);
}

#[test]
fn a_request_to_gemini_without_a_cap_gets_one() {
    let contents = json!([{"role": "user", "parts": [{"text": "hi"}]}]);
    for (config, expected) in [
        (None, json!({"maxOutputTokens": 40})),
        (Some(json!({})), json!({"maxOutputTokens": 40})),
        (
            Some(json!({"topP": 1})),
            json!({"topP": 1, "maxOutputTokens": 40}),
        ),
        (
            Some(json!({"maxOutputTokens": null})),
            json!({"maxOutputTokens": 40}),
        ),
        (
            Some(json!({"maxOutputTokens": 30})),
            json!({"maxOutputTokens": 30}),
        ),
    ] {
        let mut body = json!({ "contents": contents });
        if let Some(config) = config {
            body["generationConfig"] = config;
        }
        let bound = gemini("gemini-2.5-flash", &body).expect("a bound");
        assert!([30, 65_536].contains(&bound.cap()), "{}", bound.cap());
        let text = Bytes::from(body.to_string());
        let read = Envelope::read_gemini(text, "gemini-2.5-flash", true).expect("a request");
        let sent = read.rewrite(&bound.edits(40, Some("gemini-2.5-flash"), Dialect::Gemini));
        let sent: Value = serde_json::from_slice(&sent).expect("JSON");
        assert_eq!(sent["generationConfig"], expected);
        assert_eq!(sent["contents"], contents);
    }
}

#[test]
fn what_may_cost_more_than_is_known_is_refused_by_name() {
    let said = json!([{"role": "user", "parts": [{"text": "hi"}]}]);
    let within = |part: Value| json!({"contents": [{"role": "user", "parts": [part]}]});
    let configured =
        |name: &str, value: Value| json!({"contents": said, "generationConfig": {name: value}});
    for (body, field) in [
        (
            json!({"contents": said, "cached_content": "cachedContents/1"}),
            "cachedContent",
        ),
        (
            json!({"contents": said, "serviceTier": "priority"}),
            "serviceTier",
        ),
        (
            configured("response_modalities", json!(["TEXT", "AUDIO"])),
            "generationConfig.responseModalities",
        ),
        (
            configured("mediaResolution", json!("MEDIA_RESOLUTION_ULTRA_HIGH")),
            "generationConfig.mediaResolution",
        ),
        (
            configured("speechConfig", json!({})),
            "generationConfig.speechConfig",
        ),
        (
            within(json!({"fileData": {"fileUri": "files/1"}})),
            "contents[0].parts[0].fileData",
        ),
        (
            within(json!({"inlineData": {"mime_type": "image/png", "mimeType": "audio/wav"}})),
            "contents[0].parts[0].inlineData.mimeType",
        ),
        (
            within(json!({"functionResponse": {"name": "f", "parts": []}})),
            "contents[0].parts[0].functionResponse.parts",
        ),
        (
            json!({"contents": said, "systemInstruction": {"parts": [{"fileData": {}}]}}),
            "systemInstruction.parts[0].fileData",
        ),
    ] {
        let text = Bytes::from(body.to_string());
        match Envelope::read_gemini(text, "gemini-2.5-flash", false) {
            Err(RequestError::NotOffered { field: found, .. }) => assert_eq!(found, field),
            other => panic!("{body}: {other:?}"),
        }
    }
}

#[test]
fn both_spellings_are_read_and_are_one_field() {
    let said = json!([{"role": "user", "parts": [
        {"inline_data": {"mime_type": "image/png", "data": "AAAA"}}]}]);
    let body = json!({"contents": said,
        "generation_config": {"max_output_tokens": 90, "candidate_count": 2}});
    let text = Bytes::from(body.to_string());
    let read = Envelope::read_gemini(text, "gemini-2.5-flash", false).expect("a request");
    let facts = read.facts();
    assert_eq!((facts.output_cap, facts.choices), (Some(90), 2));
    assert_eq!(facts.media.len(), 1);
    let bound = gemini("gemini-2.5-flash", &body).expect("a bound");
    let sent = read.rewrite(&bound.edits(40, None, Dialect::Gemini));
    let sent: Value = serde_json::from_slice(&sent).expect("JSON");
    let config = json!({"max_output_tokens": 40, "candidate_count": 2});
    assert_eq!(sent, json!({"contents": said, "generation_config": config}));

    let twice = r#"{"contents":[],"generationConfig":{},"generation_config":{}}"#;
    let twice = Envelope::read_gemini(twice.into(), "gemini-2.5-flash", false);
    assert!(matches!(twice, Err(RequestError::Duplicate { .. })));
}

#[test]
fn words_of_gemini_count_for_who_says_them() {
    let body = json!({
        "systemInstruction": {"parts": [{"text": "be brief"}]},
        "contents": [
            {"role": "user", "parts": [{"text": "hello"}]},
            {"role": "model", "parts": [{"text": "hi!"}]},
            {"role": "user", "parts": [{"functionResponse": {"name": "f"}}]},
        ],
    });
    let text = Bytes::from(body.to_string());
    let read = Envelope::read_gemini(text, "gemini-2.5-flash", false).expect("a request");
    let roles = read.facts().roles;
    assert_eq!((roles.system, roles.user, roles.assistant), (8, 5, 3));
    assert_eq!(roles.tool, r#"{"name":"f"}"#.len() as u64);
}

#[test]
fn a_request_to_gemini_needs_no_tool_of_googles() {
    let mut hosted = generate(&json!([{"text": "hi"}]));
    hosted["tools"] = json!([{"googleSearch": {}}]);
    assert!(matches!(
        gemini("gemini-2.5-flash", &hosted),
        Err(BoundError::HostedTool { .. })
    ));
    let bound = gemini("gemini-2.5-flash", &generate(&json!([{"text": "hi"}]))).expect("a bound");
    let envelope = Envelope::read_addressed(
        Dialect::Gemini,
        Bytes::from(generate(&json!([{"text": "hi"}])).to_string()),
        "gemini-2.5-flash",
        true,
    )
    .expect("a request");
    let sent = envelope.rewrite(&bound.edits(40, Some("other"), Dialect::Gemini));
    let sent: Value = serde_json::from_slice(&sent).expect("JSON");
    let mut expected = generate(&json!([{"text": "hi"}]));
    expected["generationConfig"]["maxOutputTokens"] = json!(40);
    assert_eq!(sent, expected);
}

#[test]
fn a_cap_that_we_have_chosen_shrinks_and_a_clients_own_does_not() {
    let body = Bytes::from(generate(&json!([{"text": "hi"}])).to_string());
    let read = || {
        Envelope::read_addressed(Dialect::Gemini, body.clone(), "gemini-2.5-flash", false)
            .expect("a request")
    };
    let shrinks = |envelope: &Envelope| {
        let assumptions = Assumptions {
            floor_tokens: 10,
            ..Assumptions::default()
        };
        let book = PriceBook::builtin();
        let bound = Bound::quick(&book, ProviderKind::Google, envelope, &assumptions);
        bound.expect("a bound").shrinkable()
    };
    assert!(!shrinks(&read()));
    assert!(shrinks(&read().capped_by_us()));
}
