//! Which provider an agent's calls ask first, and what they fall back on: the keys `routing` and
//! `fallback_chain`.

use iron_primitives::ProviderId;
use serde_json::{Map, Value};

use crate::Error;

use super::is_name;

const MAX_FALLBACKS: usize = 10;
const MAX_WEIGHT: u64 = 1_000;
const STRATEGIES: [(&str, Strategy); 5] = [
    ("order", Strategy::Order),
    ("weighted", Strategy::Weighted),
    ("cost", Strategy::Cost),
    ("latency", Strategy::Latency),
    ("least_busy", Strategy::LeastBusy),
];

/// Which of the providers that serve a model goes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Strategy {
    /// The one that was assigned first.
    #[default]
    Order,
    /// By chance, as often as weights say.
    Weighted,
    /// The one with the lowest price.
    Cost,
    /// The one that has begun its answers soonest.
    Latency,
    /// The one with the fewest calls under way.
    LeastBusy,
}

/// What an agent's settings say of routing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Routing {
    /// Which provider goes first.
    pub strategy: Strategy,
    /// How often, from 0 to 1000; 1 for those that are not named.
    pub weights: Vec<(ProviderId, u32)>,
    /// What is asked when none of those that serve the model answers, in this order.
    pub fallbacks: Vec<Fallback>,
}

/// Another model to ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fallback {
    /// The model.
    pub model: String,
    /// The only provider that it is asked of, if that is said.
    pub provider: Option<ProviderId>,
}

/// What the settings say of routing; what cannot be used is not in them.
pub(super) fn read(settings: &Map<String, Value>) -> Routing {
    let routing = settings.get("routing").and_then(Value::as_object);
    let strategy = routing.and_then(|routing| strategy(routing.get("strategy")?));
    let weights = routing.and_then(|routing| weights(routing.get("weights")?));
    let fallbacks = settings.get("fallback_chain").and_then(fallbacks);
    Routing {
        strategy: strategy.unwrap_or_default(),
        weights: weights.unwrap_or_default(),
        fallbacks: fallbacks.unwrap_or_default(),
    }
}

/// Checks the two keys.
///
/// # Errors
/// [`Error::Invalid`] with the path of what is wrong.
pub(super) fn check(settings: &Map<String, Value>) -> Result<(), Error> {
    let invalid = |field, problem| Err(Error::Invalid { field, problem });
    if settings
        .get("fallback_chain")
        .is_some_and(|chain| fallbacks(chain).is_none())
    {
        return invalid(
            "settings.fallback_chain",
            "expected a list of at most 10 models, each a name or an object with `model` and, if \
             only one provider is meant, its `provider_id`",
        );
    }
    let Some(routing) = settings.get("routing") else {
        return Ok(());
    };
    let known = |object: &&Map<String, Value>| {
        let mut keys = object.keys();
        keys.all(|key| key == "strategy" || key == "weights")
    };
    let Some(routing) = routing.as_object().filter(known) else {
        return invalid(
            "settings.routing",
            "expected an object with `strategy` and, for `weighted`, `weights`",
        );
    };
    if routing.get("strategy").and_then(strategy).is_none() {
        return invalid(
            "settings.routing.strategy",
            "expected `order`, `weighted`, `cost`, `latency` or `least_busy`",
        );
    }
    if routing
        .get("weights")
        .is_some_and(|given| weights(given).is_none())
    {
        return invalid(
            "settings.routing.weights",
            "expected an object of ids of providers with whole numbers from 0 to 1000",
        );
    }
    Ok(())
}

fn strategy(value: &Value) -> Option<Strategy> {
    let word = value.as_str()?;
    let found = STRATEGIES.iter().find(|(name, _)| *name == word);
    found.map(|(_, strategy)| *strategy)
}

fn weights(value: &Value) -> Option<Vec<(ProviderId, u32)>> {
    let weight = |(id, weight): (&String, &Value)| {
        let weight = weight.as_u64().filter(|weight| *weight <= MAX_WEIGHT)?;
        Some((id.parse().ok()?, u32::try_from(weight).ok()?))
    };
    value.as_object()?.iter().map(weight).collect()
}

fn fallbacks(value: &Value) -> Option<Vec<Fallback>> {
    let list = value
        .as_array()
        .filter(|list| list.len() <= MAX_FALLBACKS)?;
    list.iter().map(fallback).collect()
}

fn fallback(value: &Value) -> Option<Fallback> {
    let name = |value: &Value| value.as_str().filter(|_| is_name(value)).map(str::to_owned);
    let Some(object) = value.as_object() else {
        return Some(Fallback {
            model: name(value)?,
            provider: None,
        });
    };
    if object
        .keys()
        .any(|key| key != "model" && key != "provider_id")
    {
        return None;
    }
    let provider = match object.get("provider_id") {
        None => None,
        Some(id) => Some(id.as_str()?.parse().ok()?),
    };
    Some(Fallback {
        model: name(object.get("model")?)?,
        provider,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(value: Value) -> Map<String, Value> {
        value.as_object().cloned().unwrap()
    }

    #[test]
    fn what_is_said_is_read() {
        let id = "ip_0192f0c1-7d5e-7cc3-98c4-dc0c0c07398f";
        let settings = object(json!({
            "routing": {"strategy": "weighted", "weights": {id: 3}},
            "fallback_chain": ["gpt-4o-mini", {"model": "claude-haiku-4-5", "provider_id": id}],
        }));
        check(&settings).unwrap();
        let routing = read(&settings);
        let provider: ProviderId = id.parse().unwrap();
        assert_eq!(
            (routing.strategy, routing.weights),
            (Strategy::Weighted, vec![(provider, 3)])
        );
        let models = routing.fallbacks.iter();
        let models: Vec<_> = models
            .map(|one| (one.model.as_str(), one.provider))
            .collect();
        assert_eq!(
            models,
            [("gpt-4o-mini", None), ("claude-haiku-4-5", Some(provider))]
        );
        assert_eq!(read(&Map::new()), Routing::default());
    }

    #[test]
    fn what_cannot_be_used_is_refused() {
        for wrong in [
            json!({"fallback_chain": "gpt-4o"}),
            json!({"fallback_chain": [1]}),
            json!({"fallback_chain": [""]}),
            json!({"fallback_chain": vec!["gpt-4o"; 11]}),
            json!({"fallback_chain": [{"provider_id": "x"}]}),
            json!({"fallback_chain": [{"model": "m", "provider_id": "x"}]}),
            json!({"fallback_chain": [{"model": "m", "region": "eu"}]}),
            json!({"routing": "latency"}),
            json!({"routing": {}}),
            json!({"routing": {"strategy": "fastest"}}),
            json!({"routing": {"strategy": "weighted", "weights": {"x": 1}}}),
            json!({"routing": {"strategy": "cost", "wieghts": {}}}),
        ] {
            assert!(check(&object(wrong.clone())).is_err(), "{wrong}");
        }
    }
}
