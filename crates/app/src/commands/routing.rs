//! Whom an agent's calls ask first, as its settings say it.

use iron_sdk::Client;
use serde_json::{Map, Value, json};

use crate::args::RoutingArgs;
use crate::failure::{Failure, Outcome};

use super::resolve;

/// Adds what the flags say to a change of an agent's settings.
pub(super) async fn add(
    client: &Client,
    arguments: RoutingArgs,
    settings: &mut Option<Map<String, Value>>,
) -> Outcome {
    if !arguments.fallbacks.is_empty() {
        let chain = chain(client, &arguments.fallbacks).await?;
        let settings = settings.get_or_insert_default();
        settings.insert("fallback_chain".to_owned(), chain);
    }
    if let Some(strategy) = arguments.strategy {
        let mut routing = Map::new();
        routing.insert("strategy".to_owned(), json!(strategy.as_str()));
        if !arguments.weights.is_empty() {
            let weights = weights(client, &arguments.weights).await?;
            routing.insert("weights".to_owned(), weights);
        }
        let settings = settings.get_or_insert_default();
        settings.insert("routing".to_owned(), Value::Object(routing));
    }
    Ok(())
}

async fn chain(client: &Client, fallbacks: &[String]) -> Outcome<Value> {
    if let [none] = fallbacks
        && none == "none"
    {
        return Ok(Value::Null);
    }
    let mut chain = Vec::new();
    for fallback in fallbacks {
        chain.push(match fallback.rsplit_once('=') {
            None => json!(fallback),
            Some((model, provider)) => {
                let id = resolve::provider(client, provider).await?;
                json!({"model": model, "provider_id": id})
            }
        });
    }
    Ok(Value::Array(chain))
}

async fn weights(client: &Client, given: &[String]) -> Outcome<Value> {
    let mut weights = Map::new();
    for one in given {
        let wrong = || Failure::usage(format!("`{one}` is not PROVIDER=NUMBER"));
        let (provider, number) = one.rsplit_once('=').ok_or_else(wrong)?;
        let number: u32 = number.parse().map_err(|_| wrong())?;
        let id = resolve::provider(client, provider).await?;
        weights.insert(id.to_string(), json!(number));
    }
    Ok(Value::Object(weights))
}
