//! The simulated models and their made-up prices.

use iron_primitives::UnitPrice;

use crate::kind::ProviderKind;
use crate::prices::{Abilities, ImageRule, Mode, Model, Price, Rates};

/// Tokens that a simulated model takes in and gives out together.
pub(super) const CONTEXT_TOKENS: u64 = 128_000;
/// The most it gives out.
pub(super) const MOST_OUTPUT_TOKENS: u64 = 4_096;
/// What every image counts as.
pub(super) const IMAGE_TOKENS: u64 = 1_000;

/// What a simulated model does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Behaviour {
    /// Answers.
    Chat,
    /// Calls the tools of the request, then answers.
    Agent,
    /// Embeds.
    Embed,
    /// Refuses with 429.
    RateLimited,
    /// Fails with 500.
    Broken,
    /// Answers slowly.
    Slow,
    /// Ends in the middle.
    Cut,
    /// Reports an overload inside of a stream that began with 200.
    OverloadedInStream,
    /// Reports more tokens than were asked for.
    WrongUsage,
    /// Reports no usage.
    NoUsage,
    /// Gives away personal data and secrets, all made up.
    LeakPii,
    /// Says what another model should not follow.
    Injected,
}

pub(super) const BEHAVIOURS: [(&str, Behaviour); 12] = [
    ("sim/chat", Behaviour::Chat),
    ("sim/agent", Behaviour::Agent),
    ("sim/embed", Behaviour::Embed),
    ("sim/fail-429", Behaviour::RateLimited),
    ("sim/fail-500", Behaviour::Broken),
    ("sim/slow", Behaviour::Slow),
    ("sim/cut", Behaviour::Cut),
    ("sim/overloaded-in-stream", Behaviour::OverloadedInStream),
    ("sim/wrong-usage", Behaviour::WrongUsage),
    ("sim/no-usage", Behaviour::NoUsage),
    ("sim/leak-pii", Behaviour::LeakPii),
    ("sim/injected", Behaviour::Injected),
];

pub(super) fn behaviour(model: &str) -> Option<Behaviour> {
    BEHAVIOURS
        .iter()
        .find(|(name, _)| *name == model)
        .map(|(_, behaviour)| *behaviour)
}

/// The entries for the price book: $1 for a million tokens of input, $4 of output, a tenth
/// of the input's price for what is read from the cache; embeddings $0.10. Nobody is billed.
pub fn models() -> Vec<Model> {
    BEHAVIOURS
        .iter()
        .map(|(name, behaviour)| model(name, *behaviour))
        .collect()
}

fn model(name: &str, behaviour: Behaviour) -> Model {
    let embeds = behaviour == Behaviour::Embed;
    let price = UnitPrice::from_picos;
    let input = price(if embeds { 100_000 } else { 1_000_000 });
    let rates = Rates {
        input,
        cache_read: price(input.picos() / 10),
        cache_write_5m: input,
        cache_write_1h: input,
        output: price(if embeds { 0 } else { 4_000_000 }),
        reasoning: None,
        input_audio: None,
        output_audio: None,
        input_image: None,
        output_image: None,
    };
    Model {
        kind: ProviderKind::Simulated,
        name: name.to_owned(),
        mode: if embeds { Mode::Embedding } else { Mode::Any },
        context: Some(CONTEXT_TOKENS),
        max_output: Some(if embeds { 0 } else { MOST_OUTPUT_TOKENS }),
        encoding: None,
        images: Some(ImageRule::Most(IMAGE_TOKENS)),
        draws: None,
        abilities: Abilities {
            vision: true,
            tools: true,
            json_schema: true,
            ..Abilities::default()
        },
        price: Price::flat(rates),
        simulated: true,
        source: Some("simulated".to_owned()),
        retires_on: None,
    }
}
