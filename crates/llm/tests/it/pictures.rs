//! Models that draw: what an answer tells of its tokens is settled at the rates that were held.

use bytes::Bytes;
use iron_llm::meter::read_answer;
use iron_llm::{Assumptions, Bound, Dialect, Envelope, PriceBook, ProviderKind};
use iron_primitives::Money;
use proptest::prelude::*;
use serde_json::{Value, json};

const DIALECT: Dialect = Dialect::OpenAiImages;

fn bound(model: &str, pictures: u64) -> Bound {
    let body = json!({"model": model, "prompt": "a cat in a hat", "n": pictures,
        "size": "1024x1024", "quality": "low"});
    let body = Bytes::from(body.to_string());
    let envelope = Envelope::read(DIALECT, body).expect("a request");
    let (book, kind) = (PriceBook::builtin(), ProviderKind::OpenAi);
    Bound::quick(&book, kind, &envelope, &Assumptions::default()).expect("a bound")
}

fn settled(bound: &Bound, pictures: u64, usage: &Value) -> Money {
    let data: Vec<Value> = (0..pictures).map(|_| json!({"b64_json": "AAAA"})).collect();
    let answer = json!({"created": 1, "data": data, "usage": usage}).to_string();
    let reading = read_answer(DIALECT, answer.as_bytes(), false);
    let usage = reading.usage.expect("a usage");
    bound.settle(&usage).expect("in range")
}

#[test]
fn untold_input_is_words_where_no_picture_was_sent() {
    let bound = bound("gpt-image-1", 1);
    let told = json!({"input_tokens": 10, "output_tokens": 0,
        "input_tokens_details": {"text_tokens": 10, "image_tokens": 0}});
    let untold = json!({"input_tokens": 10, "output_tokens": 0});
    // $5 for a million tokens.
    assert_eq!(settled(&bound, 1, &untold), Money::from_nanos(50_000));
    assert_eq!(settled(&bound, 1, &untold), settled(&bound, 1, &told));
}

proptest! {
    /// However an answer tells of tokens that were held, it costs no more than that.
    #[test]
    fn no_telling_of_tokens_costs_more_than_was_held(
        model in prop::sample::select(vec!["gpt-image-1", "gpt-image-1-mini", "gpt-image-2"]),
        pictures in 1_u64..4,
        parts in (0_u64..=1_000, 0_u64..=1_000),
        words in (prop::option::of(0_u64..=1_200), prop::option::of(0_u64..=1_200)),
        tells_pictures in any::<bool>(),
    ) {
        let bound = bound(model, pictures);
        let held = bound.cost_at(bound.cap()).expect("in range");
        let share = |most: u64, part: u64| most * part / 1_000;
        let input = share(bound.input_tokens(), parts.0);
        let output = share(bound.cap(), parts.1);
        let details = |all: u64, words: Option<u64>| {
            let words = words.map(|words| share(all, words));
            let shown = words.filter(|_| tells_pictures).map(|words| all.saturating_sub(words));
            json!({"text_tokens": words, "image_tokens": shown})
        };
        let usage = json!({"input_tokens": input, "output_tokens": output,
            "total_tokens": input + output, "input_tokens_details": details(input, words.0),
            "output_tokens_details": details(output, words.1)});
        let cost = settled(&bound, pictures, &usage);
        prop_assert!(cost <= held, "{cost} of {held}");
    }
}
