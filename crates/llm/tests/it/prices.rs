//! The price book that is built in.

use genai_prices::{PriceRequest, UsageKey};
use iron_llm::prices::{Override, Price, PriceBook, Rates};
use iron_llm::{ProviderKind, ServiceTier, Usage};
use iron_primitives::UnitPrice;

const TEXT: &str = include_str!("../../data/prices.json");

fn cost(kind: ProviderKind, model: &str, usage: &Usage) -> i64 {
    let book = PriceBook::builtin();
    book.lookup(kind, model)
        .expect(model)
        .cost(usage)
        .expect("in range")
        .nanos()
}

#[test]
fn the_checked_in_list_is_whole_and_dated() {
    let book = PriceBook::read(TEXT).expect("the list that is shipped");
    assert_eq!(book.version(), "2026-11-22");
    let names: Vec<&str> = book
        .sources()
        .iter()
        .map(|source| source.name.as_str())
        .collect();
    assert_eq!(names, ["litellm", "genai-prices"]);
    assert!(book.sources().iter().all(|source| source.licence == "MIT"));
    assert!(book.models().count() > 100);
    for model in book.models() {
        assert!(model.source.is_some(), "{}", model.name);
        for (tier, rates) in &model.price.tiers {
            let units = model.price.second.max(model.price.character);
            let units = units.max(model.price.picture(None, None));
            let input = rates.base.input.max(units).max(model.price.search_unit);
            assert!(input.picos() > 0, "{} {tier:?}", model.name);
            assert!(
                rates.base.cache_read <= rates.base.input,
                "{} {tier:?}",
                model.name
            );
            assert!(
                rates.base.cache_write_5m >= rates.base.input,
                "{} {tier:?}",
                model.name
            );
        }
    }
}

/// developers.openai.com/api/docs/pricing and platform.claude.com/docs/en/about-claude/pricing,
/// as the two lists give them for 2026-11.
#[test]
fn golden_costs_by_hand() {
    let million = 1_000_000;
    let plain = Usage {
        input: million,
        output: million,
        ..Usage::default()
    };
    assert_eq!(
        cost(ProviderKind::OpenAi, "gpt-4o-mini", &plain),
        750_000_000
    );
    assert_eq!(
        cost(
            ProviderKind::OpenAi,
            "gpt-5",
            &Usage {
                input: 1_000,
                cache_read: 9_000,
                output: 500,
                reasoning: 400,
                ..Usage::default()
            }
        ),
        1_000 * 1_250 + 9_000 * 125 + 500 * 10_000
    );
    assert_eq!(
        cost(
            ProviderKind::Anthropic,
            "claude-sonnet-4-5",
            &Usage {
                input: 10,
                cache_read: 20,
                cache_write_5m: 30,
                cache_write_1h: 40,
                output: 50,
                ..Usage::default()
            }
        ),
        10 * 3_000 + 20 * 300 + 30 * 3_750 + 40 * 6_000 + 50 * 15_000
    );
    let searched = Usage {
        input: 1,
        web_searches: 3,
        ..Usage::default()
    };
    assert_eq!(
        cost(ProviderKind::Anthropic, "claude-opus-5-5", &searched),
        4_000 + 3 * 10_000_000
    );
    let abroad = Usage {
        input: 1,
        regional: Some(true),
        ..Usage::default()
    };
    assert_eq!(
        cost(ProviderKind::Anthropic, "claude-opus-5-5", &abroad),
        4_400
    );
    // Above the threshold every token costs the long-context rate (Haiku 5.5, 100 000).
    let at = Usage {
        input: 60_000,
        cache_read: 40_000,
        output: 1_000,
        ..Usage::default()
    };
    assert_eq!(
        cost(ProviderKind::Anthropic, "claude-haiku-5-5", &at),
        60_000 * 100 + 40_000 * 10 + 1_000 * 500
    );
    let above = Usage {
        input: 60_001,
        ..at
    };
    assert_eq!(
        cost(ProviderKind::Anthropic, "claude-haiku-5-5", &above),
        60_001 * 500 + 40_000 * 50 + 1_000 * 2_500
    );
    assert_eq!(
        cost(
            ProviderKind::OpenAi,
            "text-embedding-3-small",
            &Usage {
                input: 1_000,
                ..Usage::default()
            }
        ),
        20_000
    );
    let spoken = Usage {
        input: 10,
        input_audio: 100,
        output_audio: 50,
        ..Usage::default()
    };
    assert_eq!(
        cost(ProviderKind::OpenAi, "gpt-audio", &spoken),
        10 * 2_500 + 100 * 32_000 + 50 * 64_000
    );
}

#[test]
fn an_unknown_tier_costs_the_dearest_that_is_known() {
    let at = |tier| Usage {
        output: 1_000,
        tier: Some(tier),
        ..Usage::default()
    };
    assert_eq!(
        cost(ProviderKind::OpenAi, "gpt-6.1-sol", &at(ServiceTier::Flex)),
        5_000_000
    );
    assert_eq!(
        cost(
            ProviderKind::OpenAi,
            "gpt-6.1-sol",
            &at(ServiceTier::Ultrafast)
        ),
        60_000_000
    );
    assert_eq!(
        cost(ProviderKind::OpenAi, "gpt-5", &at(ServiceTier::Ultrafast)),
        20_000_000
    );
}

#[test]
fn several_buckets_are_rounded_up_once() {
    // 0.125 + 0.5 nano-dollars.
    let usage = Usage {
        cache_read: 1,
        input: 1,
        ..Usage::default()
    };
    let book = PriceBook::empty("test").with_overrides([&Override {
        kind: ProviderKind::Local,
        model: "m".to_owned(),
        input: UnitPrice::from_picos(500),
        output: UnitPrice::FREE,
        cache_read: Some(UnitPrice::from_picos(125)),
        cache_write: None,
        max_output: None,
    }]);
    let model = book.lookup(ProviderKind::Local, "m").expect("a model");
    assert_eq!(model.cost(&usage).expect("in range").nanos(), 1);
}

/// The crate from which a part of the data comes computes in floats; it must agree to far
/// below a nano-dollar per token.
#[test]
fn costs_agree_with_an_independent_calculator() {
    let models = [
        (ProviderKind::OpenAi, "openai", "gpt-4o-mini"),
        (ProviderKind::OpenAi, "openai", "gpt-4.1"),
        (ProviderKind::OpenAi, "openai", "gpt-5"),
        (ProviderKind::OpenAi, "openai", "gpt-5.6-sol"),
        (ProviderKind::OpenAi, "openai", "gpt-6.1-sol"),
        (ProviderKind::OpenAi, "openai", "o3"),
        (ProviderKind::Anthropic, "anthropic", "claude-opus-5-5"),
        (ProviderKind::Anthropic, "anthropic", "claude-haiku-5-5"),
        (ProviderKind::Anthropic, "anthropic", "claude-opus-4-6"),
    ];
    for (kind, provider, model) in models {
        for (input, cached, output) in [
            (1_000_u64, 0_u64, 100_u64),
            (90_000, 5_000, 7_777),
            (300_000, 10_000, 1),
        ] {
            let ours = cost(
                kind,
                model,
                &Usage {
                    input,
                    cache_read: cached,
                    output,
                    ..Usage::default()
                },
            );
            let theirs = genai_prices::Usage::from([
                (UsageKey::INPUT_TOKENS, (input + cached) as f64),
                (UsageKey::CACHE_READ_TOKENS, cached as f64),
                (UsageKey::OUTPUT_TOKENS, output as f64),
            ]);
            let theirs = genai_prices::calculate(
                &PriceRequest::new(model, &theirs).with_provider_id(provider),
            )
            .expect(model)
            .total_price;
            let difference = (ours as f64 / 1e9 - theirs).abs();
            assert!(
                difference < 2e-9,
                "{model} {input} {cached} {output}: {ours} nanos, {theirs} dollars"
            );
        }
    }
}

#[test]
fn the_hash_is_of_the_content() {
    let book = PriceBook::read(TEXT).expect("a list");
    let again = PriceBook::read(TEXT).expect("a list");
    assert_eq!(book.hash(), again.hash());
    let reordered = PriceBook::empty("other").with(
        again
            .models()
            .map(|model| iron_llm::Model::clone(model))
            .collect::<Vec<_>>(),
    );
    assert_eq!(
        book.hash(),
        reordered.hash(),
        "order and name of the list do not matter"
    );
    let dearer = Override {
        kind: ProviderKind::OpenAi,
        model: "gpt-5".to_owned(),
        input: UnitPrice::from_picos(1_250_001),
        output: UnitPrice::from_picos(10_000_000),
        cache_read: None,
        cache_write: None,
        max_output: None,
    };
    let changed = book.with_overrides([&dearer]);
    assert_ne!(book.hash(), changed.hash());
    let model = changed
        .lookup(ProviderKind::OpenAi, "gpt-5")
        .expect("a model");
    assert_eq!(
        model
            .cost(&Usage {
                cache_read: 1_000,
                ..Usage::default()
            })
            .expect("in range")
            .nanos(),
        1_250_001
    );
    assert_eq!(
        model.max_output,
        Some(128_000),
        "what is not overridden stays"
    );
    let mut with_fees = (**model).clone();
    with_fees.price.request = UnitPrice::from_picos(7);
    with_fees.price.image = UnitPrice::from_picos(9);
    let changed = changed.with([with_fees]).with_overrides([&dearer]);
    let model = changed
        .lookup(ProviderKind::OpenAi, "gpt-5")
        .expect("a model");
    assert_eq!(
        (model.price.request, model.price.image),
        (UnitPrice::from_picos(7), UnitPrice::from_picos(9)),
        "nor do fees fall"
    );
    assert_eq!(book.hash_hex().len(), 64);
}

#[test]
fn broken_lists_are_refused_with_the_model_and_the_bucket() {
    let entry = |prices: &str| {
        let list = format!(
            r#"{{"version":"x","models":[{{"provider":"openai","model":"m","mode":"chat","prices":{prices}}}]}}"#
        );
        PriceBook::read(&list).expect_err("refused").to_string()
    };
    assert_eq!(
        entry(r#"{"standard":{"input":"0.0000001","output":"1"}}"#),
        "the price `0.0000001` of `m` (input) cannot be used: too many fraction digits"
    );
    assert_eq!(
        entry(r#"{"standard":{"input":"-1","output":"1"}}"#),
        "the price `-1` of `m` (input) cannot be used: amount out of range"
    );
    assert_eq!(
        entry(r#"{"standard":{"input":"1"}}"#),
        "`m` has no price for `output`; state one, 0 if it is free"
    );
    assert_eq!(
        entry(r#"{"gold":{"input":"1","output":"1"}}"#),
        "`gold` is no known tier (model `m`)"
    );
    assert_eq!(
        entry("{}"),
        "`m` has no price for `input`; state one, 0 if it is free"
    );
    assert!(
        PriceBook::read("[")
            .expect_err("refused")
            .to_string()
            .starts_with("the price list cannot be read (line 1,")
    );
}

#[test]
fn a_route_whose_usage_nobody_reads_has_a_price_by_the_request_alone() {
    let cent = UnitPrice::from_picos(10_000_000_000);
    let by_request = Price {
        request: cent,
        ..Price::flat(Rates::FREE)
    };
    assert!(by_request.is_by_request() && !by_request.is_free());
    let and = |change: fn(&mut Price, UnitPrice)| {
        let mut price = by_request.clone();
        change(&mut price, cent);
        price
    };
    for other in [
        and(|price, cent| price.search_unit = cent),
        and(|price, cent| price.web_search = Some(cent)),
        and(|price, cent| price.image = cent),
        and(|price, cent| price.second = cent),
        and(|price, cent| price.character = cent),
    ] {
        assert!(!other.is_by_request(), "{other:?}");
    }
}

#[test]
fn a_route_of_a_server_of_ones_own_is_free_as_long_as_every_model_there_is() {
    let book = PriceBook::builtin();
    let kind = ProviderKind::Local;
    let free = book.lookup_route(kind, "POST /chat/completions");
    assert!(free.is_some_and(|model| model.price.is_free()));
    let priced = Override {
        kind,
        model: "llama".to_owned(),
        input: UnitPrice::from_picos(1_000),
        output: UnitPrice::from_picos(1_000),
        cache_read: None,
        cache_write: None,
        max_output: None,
    };
    let book = book.with_overrides([&priced]);
    assert!(book.lookup_route(kind, "POST /chat/completions").is_none());
}

#[test]
fn what_anthropics_models_write_into_a_cache_for_an_hour_costs_twice_the_input_at_bedrock_too() {
    let list = r#"{"anthropic.claude-x": {"litellm_provider": "bedrock", "mode": "chat",
        "input_cost_per_token": 3e-6, "output_cost_per_token": 15e-6, "max_tokens": 4096,
        "cache_creation_input_token_cost": 3.75e-6}}"#;
    let read = PriceBook::import_litellm(list).expect("a list");
    let rates = read.models[0].price.rates(ServiceTier::Standard, 0);
    assert_eq!(rates.cache_write_1h.picos(), 6_000_000);
}
