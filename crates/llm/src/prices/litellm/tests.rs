use super::*;
use crate::usage::Usage;

const LIST: &str = r#"{
    "sample_spec": {"litellm_provider": "one of https://docs.litellm.ai", "mode": "one of: chat, embedding"},
    "gpt-x": {"litellm_provider": "openai", "mode": "chat", "input_cost_per_token": 1.5e-07,
        "output_cost_per_token": 6e-07, "cache_read_input_token_cost": 7.5e-08,
        "input_cost_per_token_above_272k_tokens": 3e-07, "output_cost_per_token_above_272k_tokens": 9e-07,
        "input_cost_per_token_priority": 2.5e-07, "output_cost_per_token_priority": 1e-06,
        "max_input_tokens": 400000, "max_output_tokens": 16384, "supports_vision": true},
    "claude-x": {"litellm_provider": "anthropic", "mode": "chat", "input_cost_per_token": 0.000003,
        "output_cost_per_token": 0.000015},
    "ollama/llama3": {"litellm_provider": "ollama", "mode": "chat", "input_cost_per_token": 0.0, "output_cost_per_token": 0},
    "nova/x": {"litellm_provider": "amazon_nova", "mode": "chat"},
    "gpt-image": {"litellm_provider": "openai", "mode": "image_generation"},
    "gpt-free": {"litellm_provider": "openai", "mode": "chat"},
    "gpt-odd": {"litellm_provider": "openai", "mode": "chat", "input_cost_per_token": 1e-13, "output_cost_per_token": 0}
}"#;

#[test]
fn rows_become_models_or_are_named_with_the_reason() {
    let import = PriceBook::import_litellm(LIST).expect("a list");
    let names: Vec<(&str, ProviderKind)> = import
        .models
        .iter()
        .map(|model| (model.name.as_str(), model.kind))
        .collect();
    assert_eq!(
        names,
        [
            ("claude-x", ProviderKind::Anthropic),
            ("gpt-x", ProviderKind::OpenAi),
            ("llama3", ProviderKind::Local)
        ]
    );
    let skipped: Vec<&str> = import
        .skipped
        .iter()
        .map(|(name, _)| name.as_str())
        .collect();
    assert_eq!(
        skipped,
        ["gpt-free", "gpt-image", "gpt-odd", "nova/x", "sample_spec"]
    );
    assert!(
        matches!(import.skipped[2].1, Skipped::Unusable(_)),
        "too precise is not rounded"
    );
}

#[test]
fn thresholds_and_tiers_keep_their_prices() {
    let import = PriceBook::import_litellm(LIST).expect("a list");
    let book = PriceBook::empty("test").with(import.models);
    let model = book.lookup(ProviderKind::OpenAi, "gpt-x").expect("a model");
    let cost = |usage: Usage| model.cost(&usage).expect("in range").nanos();
    assert_eq!(
        cost(Usage {
            input: 1000,
            output: 10,
            ..Usage::default()
        }),
        150_000 + 6_000
    );
    assert_eq!(
        cost(Usage {
            input: 272_000,
            output: 0,
            ..Usage::default()
        }),
        272_000 * 150
    );
    assert_eq!(
        cost(Usage {
            input: 272_001,
            output: 1,
            ..Usage::default()
        }),
        272_001 * 300 + 900
    );
    let priority = Some(ServiceTier::Priority);
    assert_eq!(
        cost(Usage {
            input: 10,
            tier: priority,
            ..Usage::default()
        }),
        2_500
    );
    let claude = book
        .lookup(ProviderKind::Anthropic, "claude-x")
        .expect("a model");
    assert_eq!(
        claude.price.tiers[&ServiceTier::Standard]
            .base
            .cache_write_5m
            .picos(),
        3_750_000
    );
    assert_eq!(
        claude.price.tiers[&ServiceTier::Standard]
            .base
            .cache_write_1h
            .picos(),
        6_000_000
    );
}

#[test]
fn text_that_is_no_list_is_refused_with_its_place() {
    for wrong in ["", "[]", "{\"a\": 1}", "{\"a\": {\"b\": }}"] {
        assert!(
            matches!(
                PriceBook::import_litellm(wrong),
                Err(PriceError::Unreadable { .. })
            ),
            "{wrong}"
        );
    }
}
