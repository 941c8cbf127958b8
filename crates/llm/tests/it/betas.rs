//! Betas of Anthropic: those that open a longer context are held at its rates, those that may cost
//! more than is known are refused.

use bytes::Bytes;
use iron_llm::{Assumptions, Bound, BoundError, Dialect, Envelope, PriceBook, ProviderKind};
use iron_primitives::Money;
use serde_json::{Value, json};

const LONG: &str = "context-1m-2025-08-07";
const SONNET: &str = "anthropic.claude-sonnet-4-5-20250929-v1:0";

fn bound(kind: ProviderKind, envelope: &Envelope) -> Result<Bound, BoundError> {
    Bound::quick(
        &PriceBook::builtin(),
        kind,
        envelope,
        &Assumptions::default(),
    )
}

fn words(bytes: usize) -> Value {
    json!([{"role": "user", "content": "x".repeat(bytes)}])
}

/// A message to a model of Anthropic, with betas beside the body.
fn message(model: &str, bytes: usize, betas: &str) -> Result<Bound, BoundError> {
    let body = json!({"model": model, "max_tokens": 1, "messages": words(bytes)});
    let body = Bytes::from(body.to_string());
    let mut envelope = Envelope::read(Dialect::AnthropicMessages, body).expect("a request");
    envelope.name_betas(betas);
    bound(ProviderKind::Anthropic, &envelope)
}

/// A message to a model at Bedrock, whose body names betas.
fn invoked(bytes: usize, betas: &Value) -> Result<Bound, BoundError> {
    let body = json!({"anthropic_version": "bedrock-2023-05-31", "max_tokens": 1,
        "anthropic_beta": betas, "messages": words(bytes)});
    let (body, dialect) = (Bytes::from(body.to_string()), Dialect::BedrockMessages);
    let read = Envelope::read_addressed(dialect, body, SONNET, false).expect("a request");
    bound(ProviderKind::AwsBedrock, &read)
}

fn conversed(bytes: usize, betas: &Value) -> Result<Bound, BoundError> {
    let body = json!({"messages": [{"role": "user", "content": [{"text": "x".repeat(bytes)}]}],
        "inferenceConfig": {"maxTokens": 1},
        "additionalModelRequestFields": {"anthropic_beta": betas}});
    let (body, dialect) = (Bytes::from(body.to_string()), Dialect::Converse);
    let read = Envelope::read_addressed(dialect, body, SONNET, false).expect("a request");
    bound(ProviderKind::AwsBedrock, &read)
}

fn cost(bound: Result<Bound, BoundError>) -> Money {
    bound.expect("a bound").cost_at(1).expect("in range")
}

#[test]
fn a_context_that_a_beta_opens_is_held_at_its_own_rates() {
    for ask in [invoked, conversed] {
        let (none, long) = (json!([]), json!([LONG]));
        // Without it the provider takes 200 000 tokens, at $3.30 a million and more.
        let short = cost(ask(900_000, &none));
        assert!(short < Money::from_nanos(900_000_000), "{short}");
        // $6 a million, for nearly a million of them.
        let opened = cost(ask(900_000, &long));
        assert!(opened > Money::from_nanos(900_000 * 6_000), "{opened}");
        // It stays short, but for the name itself.
        let (with, without) = (cost(ask(5_000, &long)), cost(ask(5_000, &none)));
        assert!(with.nanos() - without.nanos() < 200_000, "{with}");
        let most = ask(5_000_000, &long).expect("a bound");
        assert_eq!(most.input_tokens(), 1_000_000);
    }
}

#[test]
fn a_longer_context_without_rates_of_its_own_is_refused_by_name() {
    let refused = message("claude-sonnet-4-5", 900_000, LONG).expect_err("no price");
    assert!(refused.to_string().contains(LONG), "{refused}");
    assert_eq!(
        cost(message("claude-sonnet-4-5", 5_000, LONG)),
        cost(message("claude-sonnet-4-5", 5_000, ""))
    );
    // Where the context is as long anyway its price is one.
    assert_eq!(
        cost(message("claude-sonnet-4-6", 900_000, LONG)),
        cost(message("claude-sonnet-4-6", 900_000, ""))
    );
}

#[test]
fn a_beta_that_may_cost_more_is_refused_by_name() {
    let known = "files-api-2025-04-14, interleaved-thinking-2025-05-14";
    assert!(message("claude-sonnet-4-5", 9, known).is_ok());
    let named = |refused: Result<Bound, BoundError>| refused.expect_err("refused").to_string();
    let compact = "compact-2026-01-12";
    for text in [
        named(message(
            "claude-sonnet-4-5",
            9,
            &format!("{known},{compact}"),
        )),
        named(invoked(9, &json!([known, compact]))),
        named(invoked(9, &json!(compact))),
        named(conversed(9, &json!([compact]))),
    ] {
        assert!(
            text.contains(compact) && text.contains("leave it out"),
            "{text}"
        );
    }
}

#[test]
fn no_beta_is_refused_where_nothing_costs() {
    let body = json!({"model": "llama-3.3-70b", "max_tokens": 1, "messages": words(900_000)});
    let body = Bytes::from(body.to_string());
    let mut envelope = Envelope::read(Dialect::AnthropicMessages, body).expect("a request");
    envelope.name_betas(LONG);
    envelope.name_betas("compact-2026-01-12");
    assert_eq!(cost(bound(ProviderKind::Local, &envelope)), Money::ZERO);
}
