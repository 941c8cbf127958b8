//! What ranking documents can cost at the most, and what it did cost.

use iron_llm::meter::read_answer;
use iron_llm::{Assumptions, Bound, Dialect, Envelope, PriceBook, ProviderKind, Usage};
use serde_json::{Value, json};

fn bound(kind: ProviderKind, body: &Value) -> Bound {
    let envelope =
        Envelope::read(Dialect::Rerank, body.to_string().into()).expect("a request to rank");
    let book = PriceBook::builtin();
    Bound::quick(&book, kind, &envelope, &Assumptions::default()).expect("a bound")
}

fn cohere(model: &str, query: &str, documents: &[String]) -> Bound {
    let body = json!({"model": model, "query": query, "documents": documents});
    bound(ProviderKind::Cohere, &body)
}

fn searches(units: u64) -> Usage {
    Usage {
        search_units: units,
        ..Usage::default()
    }
}

#[test]
fn a_search_covers_a_hundred_short_documents() {
    let short = |count: usize| vec!["rain".to_owned(); count];
    for (count, nanos) in [(1, 2_000_000), (100, 2_000_000), (101, 4_000_000)] {
        let bound = cohere("rerank-v3.5", "Rain?", &short(count));
        let held = bound.cost_at(bound.cap()).expect("in range");
        assert_eq!(held.nanos(), nanos, "{count}");
    }
}

#[test]
fn long_documents_count_as_many_and_a_long_query_makes_them_more() {
    let long = vec!["x".repeat(4_998); 20];
    // Each has 5000 bytes with its quotes: eleven pieces beside a query of seven bytes, twenty
    // beside one that takes half of each.
    for (query, units) in [("Rain?".to_owned(), 3), ("y".repeat(600), 4)] {
        let bound = cohere("rerank-v3.5", &query, &long);
        let held = bound.cost_at(0).expect("in range");
        let cost = bound.settle(&searches(units)).expect("in range");
        assert_eq!(held, cost);
    }
}

#[test]
fn what_is_told_is_settled_and_what_is_not_costs_what_was_held() {
    let bound = cohere("rerank-v3.5", "Rain?", &vec!["rain".to_owned(); 150]);
    let cost = |units| bound.settle(&searches(units)).expect("in range").nanos();
    assert_eq!(
        (cost(1), cost(2), cost(0)),
        (2_000_000, 4_000_000, 4_000_000)
    );
}

#[test]
fn tokens_are_held_with_the_query_before_each_document() {
    let documents = vec!["rain".to_owned(); 3];
    let bound = cohere("rerank-v5.0-fast", "Rain?", &documents);
    let usage = Usage {
        input: 3 * (7 + 6),
        ..Usage::default()
    };
    let cost = bound.settle(&usage).expect("in range");
    assert!(cost.nanos() > 0 && cost <= bound.cost_at(0).expect("in range"));
}

#[test]
fn searches_and_tokens_are_read_where_they_stand() {
    let told = |answer: &str| {
        let reading = read_answer(Dialect::Rerank, answer.as_bytes(), false);
        assert!(reading.complete, "{answer}");
        reading.usage.map(|usage| (usage.search_units, usage.input))
    };
    let meta = |units: &str| format!(r#"{{"results":[],"meta":{{"billed_units":{units}}}}}"#);
    assert_eq!(told(&meta(r#"{"search_units":2.0}"#)), Some((2, 0)));
    assert_eq!(told(&meta(r#"{"input_tokens":70}"#)), Some((0, 70)));
    assert_eq!(told(&meta("{}")), None);
    let together =
        r#"{"results":[],"usage":{"prompt_tokens":9,"completion_tokens":0,"total_tokens":9}}"#;
    assert_eq!(told(together), Some((0, 9)));
    assert_eq!(
        told(r#"{"results":[],"usage":{"total_tokens":9,"prompt_tokens":9}}"#),
        Some((0, 9))
    );
    let refused = read_answer(Dialect::Rerank, br#"{"message":"no"}"#, false);
    assert!(!refused.complete && refused.fault.is_some());
}

#[test]
fn a_request_to_rank_needs_its_documents() {
    for body in [
        json!({"model": "m", "query": "q"}),
        json!({"model": "m", "documents": "x"}),
    ] {
        let read = Envelope::read(Dialect::Rerank, body.to_string().into());
        let refused = read.expect_err("no documents").to_string();
        assert!(refused.contains("`documents`"), "{refused}");
    }
}

#[test]
fn a_ranking_told_in_searches_where_tokens_are_priced_costs_what_was_held() {
    let bound = cohere("rerank-v5.0-pro", "Rain?", &["rain".to_owned()]);
    let held = bound.cost_at(bound.cap()).expect("in range");
    assert!(held.nanos() > 0);
    assert_eq!(bound.settle(&searches(1)).expect("in range"), held);
}

#[test]
fn one_long_document_is_held_with_the_query_before_each_of_its_pieces() {
    let query = "q".repeat(198);
    let bound = cohere("rerank-v5.0-pro", &query, &["x".repeat(30_000)]);
    let pieces = 30_002_u64.div_ceil(300);
    let billed = Usage {
        input: 30_000 + pieces * 198,
        ..Usage::default()
    };
    let held = bound.cost_at(bound.cap()).expect("in range");
    assert!(bound.settle(&billed).expect("in range") <= held);
}

#[test]
fn a_document_that_is_more_than_a_text_has_no_bound() {
    let book = PriceBook::builtin();
    let read = |document: Value, query: Value| {
        let body = json!({"model": "rerank-v3.5", "query": query, "documents": [document]});
        Envelope::read(Dialect::Rerank, body.to_string().into())
    };
    let bounded = |document: Value| {
        let envelope = read(document, json!("q")).expect("a request to rank");
        let kind = ProviderKind::Cohere;
        Bound::quick(&book, kind, &envelope, &Assumptions::default()).map(drop)
    };
    assert_eq!(bounded(json!({"text": "rain"})), Ok(()));
    for document in [
        json!({"image": "https://images.example/rain.png"}),
        json!({"text": "rain", "image_url": {"url": "https://images.example/rain.png"}}),
        json!({"text": {"url": "x"}}),
    ] {
        let error = bounded(document).expect_err("no bound");
        assert!(error.to_string().contains("more than a text"), "{error}");
    }
    assert!(read(json!("rain"), json!({"image": "x"})).is_err());
    assert!(read(json!(5), json!("q")).is_err());
}
