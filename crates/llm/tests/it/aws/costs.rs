//! What calls of Bedrock cost, and at most.

use super::*;

#[test]
fn a_whole_answer_of_bedrock_is_metered() {
    let answer = json!({"output": {"message": {"role": "assistant", "content": [{"text": "Hi"}]}},
        "stopReason": "end_turn", "metrics": {"latencyMs": 1},
        "usage": {"inputTokens": 3, "outputTokens": 2, "totalTokens": 5}});
    let reading = read_answer(Dialect::Converse, answer.to_string().as_bytes(), false);
    let expected = Usage {
        input: 3,
        output: 2,
        ..Usage::default()
    };
    assert_eq!((reading.usage, reading.complete), (Some(expected), true));
    for broken in ["", "{", "[1]", "\u{0}", r#"{"usage":"#] {
        let reading = read_answer(Dialect::Converse, broken.as_bytes(), false);
        assert_eq!((reading.usage, reading.complete), (None, false), "{broken}");
    }
}

fn converse(model: &str, body: &Value) -> Result<Bound, BoundError> {
    let body = Bytes::from(body.to_string());
    let envelope = Envelope::read_addressed(Dialect::Converse, body, model, false);
    let envelope = envelope.expect("a request");
    let book = PriceBook::builtin();
    Bound::quick(
        &book,
        ProviderKind::AwsBedrock,
        &envelope,
        &Assumptions::default(),
    )
}

fn saying(content: &Value) -> Value {
    json!({"messages": [{"role": "user", "content": content}], "inferenceConfig": {"maxTokens": 50}})
}

#[test]
fn images_and_documents_of_bedrock_have_a_bound_in_results_of_tools_too() {
    let data = "A".repeat(400_000);
    let image = json!({"image": {"format": "png", "source": {"bytes": data}}});
    let text = converse(HAIKU, &saying(&json!([{"text": "hi"}]))).expect("a bound");
    for content in [
        json!([image.clone()]),
        json!([{"toolResult": {"toolUseId": "t", "content": [image.clone()]}}]),
    ] {
        let bound = converse(HAIKU, &saying(&content)).expect("a bound");
        let more = bound.input_tokens() - text.input_tokens();
        assert!((4784..5000).contains(&more), "{more}");
    }
    let nova = converse("amazon.nova-lite-v1:0", &saying(&json!([image]))).expect("a bound");
    assert_eq!(nova.input_tokens(), 300_000, "the context of the model");
    let document =
        json!([{"document": {"format": "pdf", "name": "x", "source": {"bytes": "AAAA"}}}]);
    let held = converse(HAIKU, &saying(&document)).expect("a bound");
    assert_eq!(held.input_tokens(), 200_000, "the context of the model");
    let blind = converse("deepseek.v3.2", &saying(&document));
    assert!(matches!(blind, Err(BoundError::Modality { .. })));
}

#[test]
fn the_dearest_that_a_mark_of_the_cache_may_cost_is_held() {
    let plain = json!([{"text": "hi"}, {"cachePoint": {"type": "default"}}]);
    let long = json!([{"text": "hi"}, {"cachePoint": {"type": "default", "ttl": "1h"}}]);
    let [plain, long] =
        [plain, long].map(|content| converse(HAIKU, &saying(&content)).expect("a bound"));
    assert!(long.fixed_cost().ok() > plain.fixed_cost().ok());
    let written = Usage {
        cache_write_1h: long.input_tokens(),
        output: 50,
        ..Usage::default()
    };
    assert!(long.settle(&written).expect("in range") <= long.cost_at(50).expect("in range"));
}

#[test]
fn the_cap_stands_in_the_body_and_is_lowered_there() {
    let body = Bytes::from(saying(&json!([{"text": "hi"}])).to_string());
    let envelope =
        Envelope::read_addressed(Dialect::Converse, body, HAIKU, true).expect("a request");
    let bound = converse(HAIKU, &saying(&json!([{"text": "hi"}]))).expect("a bound");
    let sent = envelope.rewrite(&bound.edits(40, Some("other"), Dialect::Converse));
    let sent: Value = serde_json::from_slice(&sent).expect("JSON");
    assert_eq!(sent["inferenceConfig"]["maxTokens"], 40);
    assert_eq!(sent.get("model"), None);
    let uncapped = json!({"messages": [{"role": "user", "content": [{"text": "hi"}]}]});
    assert_eq!(
        converse(HAIKU, &uncapped).err(),
        Some(BoundError::CapMissing {
            field: "inferenceConfig.maxTokens"
        })
    );
}

#[test]
fn a_profile_whose_price_is_not_known_has_no_bound() {
    let unknown = converse(
        "eu.amazon.nova-unknown-v1:0",
        &saying(&json!([{"text": "hi"}])),
    );
    assert!(matches!(unknown, Err(BoundError::UnknownModel { .. })));
}

proptest! {
    #[test]
    fn damaged_streams_never_panic_and_never_invent_usage(
        number in 0..3_usize, at in any::<prop::sample::Index>(), with in any::<u8>(),
    ) {
        let mut bytes = stream(number);
        let at = at.index(bytes.len());
        let changed = bytes[at] != with;
        bytes[at] = with;
        let mut meter = Meter::new(Dialect::Converse, MeterOptions::default());
        let _ = meter.feed(&bytes);
        // The usage stands in the last message, and nothing behind what is damaged is read.
        prop_assert!(!changed || meter.reading().usage.is_none());
        let _ = read_answer(Dialect::Converse, &bytes, true);
    }
}
