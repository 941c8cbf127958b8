//! Predictions of Replicate: what holds them, and what settles them.

use iron_llm::meter::{MeterOptions, read_answer};
use iron_llm::prices::{Model, Price, Rates};
use iron_llm::replicate::{LONGEST_BILLED_S, last_event};
use iron_llm::translate::Plan;
use iron_llm::{
    Assumptions, Bound, BoundError, Dialect, Envelope, Meter, PriceBook, ProviderKind, Usage,
};
use iron_primitives::{Money, UnitPrice};
use serde_json::{Value, json};

const OFFICIAL: &str = "openai/gpt-4o-mini";
const VERSION: &str =
    "somebody/something:5c7d5dc6dd8bf75c1acaa8565735e7986bc5b66206b55cca93cb72c9bf15ccaa";

fn envelope(model: &str, cap: u64) -> Envelope {
    let body = json!({"model": model, "max_tokens": cap,
        "messages": [{"role": "user", "content": "Rain?"}]});
    let kind = ProviderKind::Replicate;
    let plan = Plan::new(Dialect::OpenAiChat, kind, body.to_string().as_bytes()).expect("a plan");
    let sent = plan.request(cap).expect("a body");
    Envelope::read_addressed(Dialect::Replicate, sent.into(), model, false).expect("readable")
}

fn bound(price: Price, model: &str, cap: u64) -> Result<Bound, BoundError> {
    let builtin = PriceBook::builtin();
    let known = builtin.lookup(ProviderKind::Replicate, OFFICIAL);
    let priced = Model {
        name: model.to_owned(),
        price,
        ..Model::clone(known.expect("a model"))
    };
    let envelope = envelope(model, cap);
    Bound::quick_of(&priced.into(), &envelope, &Assumptions::default())
}

fn by_token() -> Price {
    let price = UnitPrice::from_picos;
    Price::flat(Rates {
        input: price(1_000),
        output: price(2_000),
        ..Rates::FREE
    })
}

fn by_second() -> Price {
    Price {
        second: UnitPrice::from_picos(225_000_000),
        ..Price::flat(Rates::FREE)
    }
}

#[test]
fn a_model_with_a_price_for_tokens_is_held_with_its_template() {
    let bound = bound(by_token(), OFFICIAL, 50).expect("a bound");
    assert!(bound.input_tokens() > 512);
    assert_eq!(bound.cap(), 50);
    let most = Usage {
        input: 512 + 5,
        output: 50,
        ..Usage::default()
    };
    assert!(bound.settle(&most).expect("a cost") <= bound.cost_at(50).expect("a cost"));
    // Who tells seconds, and no tokens, has not told what it bills.
    let seconds = Usage {
        seconds: 3,
        ..Usage::default()
    };
    assert_eq!(bound.settle(&seconds), bound.cost_at(50));
}

#[test]
fn a_model_with_a_price_for_seconds_is_held_for_its_longest_run() {
    let bound = bound(by_second(), VERSION, 50).expect("a bound");
    let second = 225_000;
    let longest = i64::try_from(LONGEST_BILLED_S).expect("small");
    assert_eq!(bound.cost_at(50), Ok(Money::from_nanos(second * longest)));
    let told = json!({"id": "p", "status": "succeeded", "output": ["Hi"],
        "metrics": {"predict_time": 2.25}});
    let reading = read_answer(Dialect::Replicate, told.to_string().as_bytes(), false);
    let usage = reading.usage.expect("a usage");
    assert_eq!(bound.settle(&usage), Ok(Money::from_nanos(second * 3)));
    // It was cancelled after 600 seconds, and took a moment to stop.
    let told = told.to_string().replace("2.25", "600.3");
    let reading = read_answer(Dialect::Replicate, told.as_bytes(), false);
    let late = bound
        .settle(&reading.usage.expect("a usage"))
        .expect("a cost");
    assert_eq!(late, Money::from_nanos(second * 601));
    assert!(late < bound.cost_at(50).expect("a cost"));
}

#[test]
fn a_price_for_tokens_needs_a_cap_that_is_kept() {
    let refused = bound(by_token(), VERSION, 50).expect_err("no bound");
    assert!(refused.to_string().contains("a cap"), "{refused}");
}

#[test]
fn near_the_edge_the_cap_is_lowered_as_far_as_the_model_takes_it() {
    let body = envelope("anthropic/claude-4-sonnet", 4096);
    let bound = bound(by_token(), "anthropic/claude-4-sonnet", 4096).expect("a bound");
    assert_eq!(bound.floor(), 1024);
    let sent = body.rewrite(&bound.edits(1500, None, Dialect::Replicate));
    let sent: Value = serde_json::from_slice(&sent).expect("JSON");
    assert_eq!(sent["input"]["max_tokens"], 1500);
}

#[test]
fn a_stream_is_settled_by_the_prediction_at_its_end() {
    let prediction = json!({"id": "p1", "status": "succeeded", "output": ["Hi", " there"],
        "metrics": {"input_token_count": 7, "output_token_count": 2}});
    let mut stream = b"data: {\"output\":\"Hi\"}\n\n".to_vec();
    stream.extend(last_event(prediction.to_string().as_bytes()));
    for at in 0..=stream.len() {
        let (first, second) = stream.split_at(at);
        let mut meter = Meter::new(Dialect::Replicate, MeterOptions::default());
        meter.feed(first).expect("small");
        meter.feed(second).expect("small");
        let reading = meter.reading();
        assert!(reading.complete && reading.started);
        let usage = reading.usage.expect("a usage");
        assert_eq!((usage.input, usage.output), (7, 2));
        assert_eq!(reading.visible_output, 1);
    }
    let cut = &stream[..30];
    let mut meter = Meter::new(Dialect::Replicate, MeterOptions::default());
    meter.feed(cut).expect("small");
    assert_eq!((meter.reading().usage, meter.is_complete()), (None, false));
}
