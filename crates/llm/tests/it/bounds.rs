//! The upper bound: never below what a provider could honestly bill.

use std::collections::BTreeMap;

use bytes::Bytes;
use iron_llm::bound::UNSTATED_OUTPUT_CAP;
use iron_llm::prices::{Abilities, ImageRule, Mode, Model, Override, Price, Rates, TierRates};
use iron_llm::{
    Assumptions, Bound, BoundError, Dialect, Envelope, PriceBook, ProviderKind, ServiceTier, Usage,
};
use iron_primitives::{Money, Refusal, UnitPrice};
use proptest::prelude::*;
use serde_json::{Value, json};

fn envelope(dialect: Dialect, body: &Value) -> Envelope {
    Envelope::read(dialect, Bytes::from(body.to_string())).expect("a request")
}

fn quick(kind: ProviderKind, dialect: Dialect, body: &Value) -> Result<Bound, BoundError> {
    Bound::quick(
        &PriceBook::builtin(),
        kind,
        &envelope(dialect, body),
        &Assumptions::default(),
    )
}

fn tight(kind: ProviderKind, dialect: Dialect, body: &Value) -> Result<Bound, BoundError> {
    Bound::tight(
        &PriceBook::builtin(),
        kind,
        &envelope(dialect, body),
        &Assumptions::default(),
    )
}

fn chat(body: &Value) -> Result<Bound, BoundError> {
    quick(ProviderKind::OpenAi, Dialect::OpenAiChat, body)
}

fn hi(model: &str) -> Value {
    json!({"model": model, "messages": [{"role": "user", "content": "hi"}]})
}

#[test]
fn the_tight_bound_of_a_plain_chat_is_the_published_count() {
    // OpenAI cookbook, how to count tokens with tiktoken (read 2026-11): three tokens per
    // message around role and content, three for the answer. One more is left for a name.
    let bound = tight(
        ProviderKind::OpenAi,
        Dialect::OpenAiChat,
        &hi("gpt-4o-mini"),
    )
    .expect("a bound");
    assert_eq!(bound.input_tokens(), 1 + 1 + 4 + 3);
}

#[test]
fn the_cap_is_the_clients_or_the_models_own_maximum() {
    let mut body = hi("gpt-4o-mini");
    let bound = chat(&body).expect("a bound");
    assert_eq!((bound.cap(), bound.shrinkable()), (16_384, true));
    body["max_tokens"] = json!(100);
    let bound = chat(&body).expect("a bound");
    assert_eq!(
        (bound.cap(), bound.shrinkable()),
        (100, false),
        "its own cap is a promise to the client"
    );
    body["stream"] = json!(true);
    assert!(
        chat(&body).expect("a bound").shrinkable(),
        "but a stream may end early"
    );
    body["max_tokens"] = json!(1_000_000);
    assert_eq!(
        chat(&body).expect("a bound").cap(),
        16_384,
        "no model gives more than its maximum"
    );
    let edit = chat(&body)
        .expect("a bound")
        .edits(50, None, Dialect::OpenAiChat);
    assert_eq!(
        edit.output_cap.map(|(field, cap)| (field.as_str(), cap)),
        Some(("max_completion_tokens", 50))
    );
}

#[test]
fn several_answers_are_held_several_times() {
    let mut body = hi("gpt-4o-mini");
    body["max_tokens"] = json!(100);
    let one = chat(&body).expect("a bound");
    body["n"] = json!(4);
    let four = chat(&body).expect("a bound");
    assert_eq!(
        four.per_output_token().picos(),
        one.per_output_token().picos() * 4
    );
    assert_eq!(four.tokens_at(100) - four.input_tokens(), 400);
}

#[test]
fn near_the_edge_the_cap_shrinks_to_the_last_token_that_fits() {
    let bound = chat(&hi("gpt-4o-mini")).expect("a bound");
    let room = bound.cost_at(1_000).expect("in range");
    assert_eq!(bound.cap_within(room), Some(1_000));
    assert_eq!(
        bound.cap_within(room.minus(Money::from_nanos(1)).expect("in range")),
        Some(999)
    );
    assert_eq!(bound.cap_within(Money::MAX), Some(16_384));
    let least = bound.cost_at(64).expect("in range");
    assert_eq!(bound.cap_within(least), Some(64));
    assert_eq!(
        bound.cap_within(least.minus(Money::from_nanos(1)).expect("in range")),
        None
    );
    assert_eq!(
        bound.cap_within_tokens(bound.input_tokens() + 500),
        Some(500)
    );
}

#[test]
fn the_dearest_rate_that_may_apply_is_held() {
    // developers.openai.com, pricing, 2026-11: gpt-6.1-sol $2 in, $2.50 cache write, $10 out;
    // priority twice that; twice and 1.5 times that above 272 000 tokens.
    let mut body = hi("gpt-6.1-sol");
    body["max_completion_tokens"] = json!(10);
    let unnamed = chat(&body).expect("a bound");
    assert_eq!(
        unnamed.per_output_token().picos(),
        20_000_000,
        "the project may default to priority"
    );
    body["service_tier"] = json!("default");
    let named = chat(&body).expect("a bound");
    assert_eq!(named.per_output_token().picos(), 10_000_000);
    let input = named.cost_at(0).expect("in range").nanos();
    assert_eq!(
        input,
        named.input_tokens() as i64 * 2_500,
        "all of it might be written to the cache"
    );
    let stated = Assumptions {
        unnamed_tier: Some(ServiceTier::Standard),
        ..Assumptions::default()
    };
    let known = Bound::quick(
        &PriceBook::builtin(),
        ProviderKind::OpenAi,
        &envelope(Dialect::OpenAiChat, &body),
        &stated,
    );
    assert_eq!(known.expect("a bound"), named);
    body["messages"][0]["content"] = json!("x".repeat(272_001));
    assert_eq!(
        chat(&body).expect("a bound").per_output_token().picos(),
        15_000_000
    );
    body["service_tier"] = json!("ultrafast");
    assert_eq!(
        chat(&body).expect("a bound").per_output_token().picos(),
        90_000_000
    );
}

#[test]
fn anthropic_holds_cache_writes_only_where_they_are_asked_for() {
    // platform.claude.com, pricing, 2026-11: Opus 5.5 $4 in, $5 and $8 cache writes; 1.1 times
    // for processing in the US, which a workspace may choose by default.
    let mut body = json!({"model": "claude-opus-5-5", "max_tokens": 10, "inference_geo": "global",
        "messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}]}]});
    let rate = |body: &Value| {
        let bound =
            quick(ProviderKind::Anthropic, Dialect::AnthropicMessages, body).expect("a bound");
        bound.cost_at(0).expect("in range").nanos() as f64 / bound.input_tokens() as f64
    };
    assert_eq!(rate(&body), 4_000.0);
    body["inference_geo"] = json!("us");
    assert_eq!(rate(&body), 4_400.0);
    body["inference_geo"] = json!("global");
    body["messages"][0]["content"][0]["cache_control"] = json!({"type": "ephemeral"});
    assert_eq!(rate(&body), 5_000.0);
    body["messages"][0]["content"][0]["cache_control"] = json!({"type": "ephemeral", "ttl": "1h"});
    assert_eq!(rate(&body), 8_000.0);
    body["speed"] = json!("fast");
    assert_eq!(rate(&body), 16_000.0);
}

#[test]
fn what_has_no_bound_is_refused_by_its_name() {
    let refused = |change: &dyn Fn(&mut Value)| {
        let mut body = hi("gpt-4o-mini");
        change(&mut body);
        chat(&body).expect_err("no bound").to_string()
    };
    assert_eq!(
        refused(&|body| body["model"] = json!("gpt-unheard-of")),
        "the price of the model `gpt-unheard-of` is not in the price book; add it, 0 if it is free"
    );
    assert_eq!(
        refused(&|body| body["model"] = json!("text-embedding-3-small")),
        "the model `text-embedding-3-small` does not answer on `/v1/chat/completions`"
    );
    assert_eq!(
        refused(&|body| body["service_tier"] = json!("warp")),
        "the tier `warp` of the model `gpt-4o-mini` has no known price"
    );
    assert_eq!(
        refused(&|body| body["service_tier"] = json!("flex")),
        "the tier `flex` of the model `gpt-4o-mini` has no known price"
    );
    assert_eq!(
        refused(&|body| body["modalities"] = json!(["text", "audio"])),
        "spoken output in a request to the model `gpt-4o-mini`"
    );
    assert_eq!(
        refused(&|body| body["messages"][0]["content"] =
            json!([{"type": "input_audio", "input_audio": {"data": "AA", "format": "wav"}}])),
        "sound in a request to the model `gpt-4o-mini`"
    );
    assert_eq!(
        refused(&|body| body["web_search_options"] = json!({})),
        "the tool `web_search_options`, which runs at the provider without a limit of uses"
    );
    let responses = |change: &dyn Fn(&mut Value)| {
        let mut body = json!({"model": "gpt-5", "input": "hi"});
        change(&mut body);
        quick(ProviderKind::OpenAi, Dialect::OpenAiResponses, &body)
            .expect_err("no bound")
            .to_string()
    };
    assert_eq!(
        responses(&|body| body["background"] = json!(true)),
        "`background`"
    );
    assert_eq!(
        responses(&|body| body["tools"] = json!([{"type": "code_interpreter"}])),
        "the tool `code_interpreter`, which runs at the provider without a limit of uses"
    );
    assert_eq!(
        responses(&|body| {
            body["tools"] = json!([{"type": "mcp", "server_url": "https://x"}]);
            body["max_tool_calls"] = json!(1);
        }),
        "the tool `mcp`, which runs at the provider without a limit of uses"
    );
}

#[test]
fn a_message_without_a_cap_is_the_clients_mistake() {
    let body = json!({"model": "claude-opus-5-5", "messages": [{"role": "user", "content": "hi"}]});
    let refused =
        quick(ProviderKind::Anthropic, Dialect::AnthropicMessages, &body).expect_err("no cap");
    assert_eq!(
        Refusal::from(refused).to_string(),
        "`max_tokens`: is required"
    );
}

#[test]
fn what_is_rejected_of_a_prediction_is_held_as_output() {
    let mut body = hi("gpt-4o");
    body["max_completion_tokens"] = json!(10);
    let without = chat(&body).expect("a bound");
    body["prediction"] = json!({"type": "content", "content": "let x = 1;"});
    let bytes = body["prediction"].to_string().len() as u64;
    let with = chat(&body).expect("a bound");
    let more = with.cost_at(10).expect("in range").nanos()
        - without.cost_at(10).expect("in range").nanos();
    assert!(
        more as u64
            >= with
                .per_output_token()
                .times(bytes)
                .ceil()
                .expect("in range")
                .nanos() as u64
    );
}

#[test]
fn input_that_is_not_in_the_request_is_bounded_by_the_context() {
    let body = json!({"model": "gpt-5", "input": "hi", "previous_response_id": "resp_1", "max_output_tokens": 16});
    let bound = quick(ProviderKind::OpenAi, Dialect::OpenAiResponses, &body).expect("a bound");
    assert_eq!(bound.input_tokens(), 400_000);
    let known = Assumptions {
        stored_input_tokens: Some(1_000),
        ..Assumptions::default()
    };
    let bound = Bound::quick(
        &PriceBook::builtin(),
        ProviderKind::OpenAi,
        &envelope(Dialect::OpenAiResponses, &body),
        &known,
    );
    assert_eq!(
        bound.expect("a bound").input_tokens(),
        1_000 + body.to_string().len() as u64
    );
    let search = json!({"model": "claude-opus-5-5", "max_tokens": 16, "inference_geo": "global",
        "tools": [{"type": "web_search_20250305", "name": "web_search", "max_uses": 2}],
        "messages": [{"role": "user", "content": "hi"}]});
    let bound =
        quick(ProviderKind::Anthropic, Dialect::AnthropicMessages, &search).expect("a bound");
    assert_eq!(
        bound.input_tokens(),
        3_000_000,
        "the context, and again for each search"
    );
    let fees = bound.cost_at(0).expect("in range").nanos() - 3_000_000 * 4_000;
    assert_eq!(fees, 2 * 10_000_000, "a cent for each search");
}

#[test]
fn an_image_is_held_by_its_size_where_it_can_be_read() {
    use base64::Engine as _;
    let mut png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
    png.extend([0, 0, 4, 0, 0, 0, 4, 0, 8, 6, 0, 0, 0]);
    let data = base64::engine::general_purpose::STANDARD.encode(png);
    let with = |url: String| {
        json!({"model": "gpt-4o", "max_tokens": 5, "messages": [{"role": "user", "content": [
            {"type": "image_url", "image_url": {"url": url}}]}]})
    };
    let input = |body: &Value| {
        tight(ProviderKind::OpenAi, Dialect::OpenAiChat, body)
            .expect("a bound")
            .input_tokens()
    };
    let known = input(&with(format!("data:image/png;base64,{data}")));
    let unknown = input(&with("https://example.com/a.png".to_owned()));
    assert_eq!(
        unknown - known,
        (85 + 8 * 170) - 765,
        "1024 × 1024 is 765 tokens (OpenAI's guide)"
    );
}

#[test]
fn a_server_of_ones_own_is_free_unless_it_is_priced() {
    let mut body = hi("llama-3.3-70b");
    let bound = quick(ProviderKind::Local, Dialect::OpenAiChat, &body).expect("a bound");
    assert_eq!(bound.cost_at(bound.cap()).expect("in range"), Money::ZERO);
    assert_eq!(
        (bound.cap(), bound.cap_edit(5)),
        (UNSTATED_OUTPUT_CAP, None),
        "its context is not known"
    );
    let priced = PriceBook::builtin().with_overrides([&Override {
        kind: ProviderKind::Local,
        model: "*".to_owned(),
        input: UnitPrice::from_picos(500),
        output: UnitPrice::from_picos(2_000),
        cache_read: None,
        cache_write: None,
        max_output: None,
    }]);
    let bound = |body: &Value| {
        Bound::quick(
            &priced,
            ProviderKind::Local,
            &envelope(Dialect::OpenAiChat, body),
            &Assumptions::default(),
        )
    };
    assert_eq!(
        bound(&body).expect_err("no cap").to_string(),
        "the output of `llama-3.3-70b`, whose maximum is not known; send `max_tokens`"
    );
    body["max_tokens"] = json!(100);
    assert_eq!(
        bound(&body).expect("a bound").per_output_token().picos(),
        2_000
    );
}

#[test]
fn old_completions_default_to_their_documented_sixteen_tokens() {
    let body = json!({"model": "gpt-3.5-turbo-instruct", "prompt": "Say"});
    let bound = quick(ProviderKind::OpenAi, Dialect::OpenAiCompletions, &body).expect("a bound");
    assert_eq!(bound.cap(), 16);
}

#[test]
fn each_of_several_prompts_has_an_output_of_its_own() {
    let bound = |prompt: Value| {
        let body = json!({"model": "gpt-3.5-turbo-instruct", "prompt": prompt, "max_tokens": 4_000, "n": 2});
        quick(ProviderKind::OpenAi, Dialect::OpenAiCompletions, &body).expect("a bound")
    };
    let one = bound(json!("Say")).per_output_token().picos();
    assert_eq!(bound(json!([15, 16])).per_output_token().picos(), one);
    let many = bound(json!(["Say", "Sing", "Shout"]));
    assert_eq!(many.per_output_token().picos(), 3 * one);
    let usage = Usage {
        output: 3 * 2 * 4_000,
        ..Usage::default()
    };
    let billed = many.settle(&usage).expect("a cost");
    assert!(billed <= many.cost_at(many.cap()).expect("in range"));
}

#[test]
fn speech_that_is_priced_by_tokens_has_no_bound() {
    let price = Override {
        kind: ProviderKind::Local,
        model: "speaks".to_owned(),
        input: UnitPrice::from_picos(600_000),
        output: UnitPrice::FREE,
        cache_read: None,
        cache_write: None,
        max_output: None,
    };
    let book = PriceBook::builtin().with_overrides([&price]);
    let body = json!({"model": "speaks", "input": "Hello", "voice": "alloy"});
    let request = envelope(Dialect::OpenAiSpeech, &body);
    let bound = Bound::quick(
        &book,
        ProviderKind::Local,
        &request,
        &Assumptions::default(),
    );
    let error = bound.expect_err("no bound").to_string();
    assert!(error.contains("which no answer tells"), "{error}");
}

#[test]
fn embeddings_cost_their_input_only() {
    let body = json!({"model": "text-embedding-3-small", "input": "tiktoken is great!"});
    let bound = tight(ProviderKind::OpenAi, Dialect::OpenAiEmbeddings, &body).expect("a bound");
    assert_eq!(
        (
            bound.cap(),
            bound.cap_edit(1),
            bound.per_output_token().picos()
        ),
        (0, None, 0)
    );
    let usage = Usage {
        input: 6,
        ..Usage::default()
    };
    assert!(bound.settle(&usage).expect("in range") <= bound.cost_at(0).expect("in range"));
}

#[test]
fn texts_that_are_embedded_together_have_a_context_each() {
    let text = "word ".repeat(8_000);
    let body = json!({"model": "text-embedding-3-small", "input": [text, text, text]});
    let bound = quick(ProviderKind::OpenAi, Dialect::OpenAiEmbeddings, &body).expect("a bound");
    assert_eq!(bound.input_tokens(), 3 * 8_192);
    let one = json!({"model": "text-embedding-3-small", "input": text});
    let bound = quick(ProviderKind::OpenAi, Dialect::OpenAiEmbeddings, &one).expect("a bound");
    assert_eq!(bound.input_tokens(), 8_192);
}

#[test]
fn a_thinking_budget_keeps_the_cap_above_it() {
    let body = json!({"model": "claude-opus-4-6", "max_tokens": 4000, "stream": true,
        "thinking": {"type": "enabled", "budget_tokens": 2000}, "messages": [{"role": "user", "content": "hi"}]});
    let bound = quick(ProviderKind::Anthropic, Dialect::AnthropicMessages, &body).expect("a bound");
    assert_eq!((bound.floor(), bound.cap()), (2_001, 4_000));
}

prop_compose! {
    /// A request to any model, by whoever sells it.
    fn any_call()(
        index in any::<prop::sample::Index>(),
        texts in prop::collection::vec("\\PC{0,60}", 1..4),
        long in prop::sample::select(vec![0_usize, 0, 0, 0, 0, 0, 0, 100_100, 272_100]),
        cap in 1_u64..5_000,
        choices in 1_u64..5,
        tier in prop::sample::select(vec![None, Some("auto"), Some("default"), Some("priority")]),
        cached in any::<bool>(),
        long_cache in any::<bool>(),
        image in any::<bool>(),
    ) -> (ProviderKind, Dialect, Value) {
        let book = PriceBook::builtin();
        let models: Vec<_> = book.models().filter(|model| model.answers(Dialect::OpenAiChat)).collect();
        let model = index.get(&models);
        let mut messages: Vec<Value> = texts.iter().map(|text| json!({"role": "user", "content": text})).collect();
        messages.push(json!({"role": "user", "content": "word ".repeat(long / 5)}));
        if image && model.images.is_some() {
            let part = match model.kind {
                ProviderKind::Anthropic => json!({"type": "image", "source": {"type": "url", "url": "https://x/y.png"}}),
                _ => json!({"type": "image_url", "image_url": {"url": "https://x/y.png"}}),
            };
            messages.push(json!({"role": "user", "content": [part]}));
        }
        let mut body = json!({"model": model.name, "messages": messages, "max_tokens": cap});
        if model.kind == ProviderKind::Anthropic {
            if cached {
                let ttl = if long_cache { "1h" } else { "5m" };
                body["system"] = json!([{"type": "text", "text": "s", "cache_control": {"type": "ephemeral", "ttl": ttl}}]);
            }
            return (model.kind, Dialect::AnthropicMessages, body);
        }
        body["n"] = json!(choices);
        if long_cache && cached { body["prompt_cache_retention"] = json!("24h"); }
        if let Some(tier) = tier.filter(|tier| *tier != "priority" || model.price.tiers.contains_key(&ServiceTier::Priority)) {
            body["service_tier"] = json!(tier);
        }
        (model.kind, Dialect::OpenAiChat, body)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// Whatever way a provider splits the tokens it may count, at whatever rate it may
    /// serve them, the bill stays within the bound.
    #[test]
    fn no_honest_bill_exceeds_the_bound(
        (kind, dialect, body) in any_call(),
        shares in prop::array::uniform5(0_u64..1000),
        filled in 0_u64..=1000,
        output in 0_u64..=1000,
        regional in any::<bool>(),
        priority in any::<bool>(),
    ) {
        let envelope = envelope(dialect, &body);
        for bound in [
            Bound::quick(&PriceBook::builtin(), kind, &envelope, &Assumptions::default()),
            Bound::tight(&PriceBook::builtin(), kind, &envelope, &Assumptions::default()),
        ] {
            let bound = bound.expect("a bound");
            let facts = envelope.facts();
            let writes = kind != ProviderKind::Anthropic || facts.cache_marks;
            let allowed = [1, 1, u64::from(writes), u64::from(writes && facts.long_cache), 0];
            let weights: Vec<u64> = shares.iter().zip(allowed).map(|(share, allowed)| share * allowed).collect();
            let sum = weights.iter().sum::<u64>().max(1);
            let total = bound.input_tokens() * filled / 1000;
            let part = |index: usize| total * weights[index] / sum;
            let is_openai = kind == ProviderKind::OpenAi;
            let unnamed = matches!(facts.service_tier.as_deref(), None | Some("auto"));
            let served_at_priority = is_openai && (facts.service_tier.as_deref() == Some("priority") || unnamed && priority)
                && bound.model().price.tiers.contains_key(&ServiceTier::Priority);
            let usage = Usage {
                input: part(0),
                cache_read: part(1),
                cache_write_5m: part(2),
                cache_write_1h: part(3),
                output: bound.cap() * bound.choices() * output / 1000,
                tier: is_openai.then_some(if served_at_priority { ServiceTier::Priority } else { ServiceTier::Standard }),
                regional: Some(regional && kind == ProviderKind::Anthropic),
                ..Usage::default()
            };
            prop_assert!(usage.input_total() <= bound.input_tokens());
            let bill = bound.settle(&usage).expect("in range");
            let held = bound.cost_at(bound.cap()).expect("in range");
            prop_assert!(bill <= held, "{bill} > {held} for {usage:?} of {}", bound.model().name);
        }
    }

    #[test]
    fn the_tokenizer_only_ever_tightens_the_bound((kind, dialect, body) in any_call()) {
        let tight = tight(kind, dialect, &body).expect("a bound");
        let quick = quick(kind, dialect, &body).expect("a bound");
        prop_assert!(tight.input_tokens() <= quick.input_tokens());
        prop_assert!(tight.cost_at(tight.cap()).expect("in range") <= quick.cost_at(quick.cap()).expect("in range"));
    }

    #[test]
    fn the_largest_cap_that_fits_is_found((kind, dialect, body) in any_call(), room in 0_i64..2_000_000_000) {
        let mut body = body;
        body["stream"] = json!(true);
        let bound = quick(kind, dialect, &body).expect("a bound");
        let room = Money::from_nanos(room);
        match bound.cap_within(room) {
            Some(cap) => {
                prop_assert!(bound.cost_at(cap).expect("in range") <= room);
                prop_assert!(cap == bound.cap() || bound.cost_at(cap + 1).expect("in range") > room || bound.per_output_token().picos() < 1000);
            }
            None => {
                let least = if bound.shrinkable() { bound.floor() } else { bound.cap() };
                prop_assert!(bound.cost_at(least).expect("in range") > room);
            }
        }
    }
}

prop_compose! {
    fn any_rates()(
        stated in prop::array::uniform5(0_u64..5_000_000),
        apart in prop::array::uniform3(prop::option::of(0_u64..9_000_000)),
    ) -> Rates {
        let price = UnitPrice::from_picos;
        Rates {
            input: price(stated[0]),
            cache_read: price(stated[1]),
            cache_write_5m: price(stated[2]),
            cache_write_1h: price(stated[3]),
            output: price(stated[4]),
            reasoning: apart[0].map(price),
            input_audio: apart[1].map(price),
            output_audio: apart[2].map(price),
            input_image: None,
            output_image: None,
        }
    }
}

prop_compose! {
    /// A price on every axis there is, dearer or cheaper beyond a threshold.
    fn any_price()(
        base in any_rates(),
        long in prop::option::of(any_rates()),
        priority in prop::option::of((any_rates(), prop::option::of(any_rates()))),
        above in 1_u64..3_000,
        fees in prop::array::uniform3(0_u64..20_000_000_000),
        regional_permille in prop::option::of(900_u32..1_500),
    ) -> Price {
        let mut tiers = BTreeMap::from([(ServiceTier::Standard, TierRates { base, long })]);
        if let Some((base, long)) = priority {
            tiers.insert(ServiceTier::Priority, TierRates { base, long });
        }
        Price {
            tiers,
            long_context_above: Some(above),
            web_search: Some(UnitPrice::from_picos(fees[0])),
            request: UnitPrice::from_picos(fees[1]),
            search_unit: UnitPrice::from_picos(fees[1]),
            image: UnitPrice::from_picos(fees[2]),
            pictures: Vec::new(),
            second: UnitPrice::FREE,
            character: UnitPrice::FREE,
            regional_permille,
        }
    }
}

/// A model that sees, hears, reasons and searches, at this price.
fn model_at(kind: ProviderKind, price: Price) -> Model {
    Model {
        kind,
        name: "m".to_owned(),
        mode: Mode::Chat,
        context: Some(4_000),
        max_output: Some(2_000),
        encoding: None,
        images: Some(ImageRule::Most(300)),
        draws: None,
        abilities: Abilities {
            vision: true,
            audio_input: true,
            tools: true,
            reasoning: true,
            ..Abilities::default()
        },
        price,
        simulated: false,
        source: None,
        retires_on: None,
    }
}

/// A request with so many pictures, with sound if its kind knows it, and with so many searches.
fn with_media(kind: ProviderKind, images: usize, sound: bool, searches: u64) -> (Dialect, Value) {
    let url = "https://example.com/a.png";
    let mut parts = vec![json!({"type": "text", "text": "what is this?"})];
    if kind == ProviderKind::Anthropic {
        let source = json!({"type": "url", "url": url});
        parts.extend((0..images).map(|_| json!({"type": "image", "source": source})));
        let tool =
            json!({"type": "web_search_20250305", "name": "web_search", "max_uses": searches});
        let tools: Vec<_> = (searches > 0).then_some(tool).into_iter().collect();
        let messages = json!([{"role": "user", "content": parts}]);
        let body = json!({"model": "m", "max_tokens": 900, "messages": messages, "tools": tools});
        return (Dialect::AnthropicMessages, body);
    }
    parts.extend((0..images).map(|_| json!({"type": "image_url", "image_url": {"url": url}})));
    if sound {
        let audio = json!({"data": "AAAA", "format": "wav"});
        parts.push(json!({"type": "input_audio", "input_audio": audio}));
    }
    let messages = json!([{"role": "user", "content": parts}]);
    let body = json!({"model": "m", "max_completion_tokens": 900, "messages": messages});
    (Dialect::OpenAiChat, body)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Whatever a tenant's price list says: pictures, reasoning and sound priced apart, fees of
    /// calls and searches, thresholds that make tokens dearer or cheaper.
    #[test]
    fn no_honest_bill_at_any_price_exceeds_the_bound(
        price in any_price(),
        anthropic in any::<bool>(),
        (images, sound, searches) in (0_usize..4, any::<bool>(), 0_u64..4),
        shares in prop::array::uniform5(0_u64..1000),
        (filled, output, reasoning, searched) in (0_u64..=1000, 0_u64..=1000, 0_u64..=1000, 0_u64..=1000),
        (priority, regional) in (any::<bool>(), any::<bool>()),
    ) {
        let kind = if anthropic { ProviderKind::Anthropic } else { ProviderKind::OpenAi };
        let (dialect, body) = with_media(kind, images, sound, searches);
        let envelope = envelope(dialect, &body);
        let served_at_priority = !anthropic && priority && price.tiers.contains_key(&ServiceTier::Priority);
        let book = PriceBook::empty("any").with([model_at(kind, price)]);
        for bound in [
            Bound::quick(&book, kind, &envelope, &Assumptions::default()),
            Bound::tight(&book, kind, &envelope, &Assumptions::default()),
        ] {
            let bound = bound.expect("a bound");
            let facts = envelope.facts();
            let writes = !anthropic || facts.cache_marks;
            let heard = sound && !anthropic;
            let allowed = [1, 1, u64::from(writes), u64::from(writes && facts.long_cache), u64::from(heard)];
            let weights: Vec<u64> = shares.iter().zip(allowed).map(|(share, allowed)| share * allowed).collect();
            let sum = weights.iter().sum::<u64>().max(1);
            let total = bound.input_tokens() * filled / 1000;
            let part = |index: usize| total * weights[index] / sum;
            let output = bound.cap() * bound.choices() * output / 1000;
            let usage = Usage {
                input: part(0),
                cache_read: part(1),
                cache_write_5m: part(2),
                cache_write_1h: part(3),
                input_audio: part(4),
                output,
                reasoning: output * reasoning / 1000,
                web_searches: if anthropic { searches * searched / 1000 } else { 0 },
                tier: (!anthropic).then_some(if served_at_priority { ServiceTier::Priority } else { ServiceTier::Standard }),
                regional: Some(regional && anthropic),
                ..Usage::default()
            };
            let bill = bound.settle(&usage).expect("in range");
            let held = bound.cost_at(bound.cap()).expect("in range");
            prop_assert!(bill <= held, "{bill} > {held} for {usage:?}");
        }
    }
}

#[test]
fn a_picture_costs_its_fee_and_reasoning_its_own_price() {
    let price = UnitPrice::from_picos;
    let rates = Rates {
        input: price(1_000),
        output: price(2_000),
        reasoning: Some(price(5_000)),
        ..Rates::FREE
    };
    let price = Price {
        image: price(7_000_000),
        ..Price::flat(rates)
    };
    let book = PriceBook::empty("any").with([model_at(ProviderKind::OpenAi, price)]);
    let (dialect, body) = with_media(ProviderKind::OpenAi, 2, false, 0);
    let bound = Bound::quick(
        &book,
        ProviderKind::OpenAi,
        &envelope(dialect, &body),
        &Assumptions::default(),
    )
    .expect("a bound");
    assert_eq!(bound.per_output_token().picos(), 5_000);
    let usage = Usage {
        input: 10,
        output: 10,
        reasoning: 4,
        ..Usage::default()
    };
    // 10 × 1 + 6 × 2 + 4 × 5 nano-dollars, and two pictures.
    assert_eq!(
        bound.settle(&usage),
        Ok(Money::from_nanos(10 + 12 + 20 + 14_000))
    );
    assert_eq!(bound.completed(&usage).images, 2);
}

#[test]
fn pictures_that_nobody_can_count_are_refused_where_each_one_costs() {
    let rates = Rates {
        input: UnitPrice::from_picos(1_000),
        ..Rates::FREE
    };
    let price = Price {
        image: UnitPrice::from_picos(1),
        ..Price::flat(rates)
    };
    let book = PriceBook::empty("any").with([model_at(ProviderKind::OpenAi, price)]);
    let body = json!({"model": "m", "input": "more", "previous_response_id": "resp_1"});
    let assumptions = Assumptions {
        stored_input_tokens: Some(100),
        ..Assumptions::default()
    };
    let envelope = envelope(Dialect::OpenAiResponses, &body);
    let refused = Bound::quick(&book, ProviderKind::OpenAi, &envelope, &assumptions);
    assert!(
        matches!(refused, Err(BoundError::Modality { .. })),
        "{refused:?}"
    );
}
