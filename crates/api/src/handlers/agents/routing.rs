//! What an agent's settings say of routing: only what there is can be fallen back on.

use iron_audit::Authorised;
use iron_catalog::{Provider, ProviderFilter};
use iron_fleet::{Fallback, Settings};
use iron_llm::ProviderKind;
use iron_net::problem::Problem;
use iron_store::{Page, Sort};
use serde_json::{Map, Value};

use crate::failure::Failure;
use crate::state::Api;

/// More providers than a tenant has.
const MOST_PROVIDERS: u32 = 10_000;

/// Whether a change says something that must be checked.
pub(super) fn is_said(settings: Option<&Map<String, Value>>) -> bool {
    let keys = ["fallback_chain", "allowed_models"];
    settings.is_some_and(|settings| keys.iter().any(|key| settings.contains_key(*key)))
}

/// Checks what an agent falls back on: known models that it may use, of providers that there are.
pub(super) async fn check(
    api: &Api,
    authorised: &Authorised,
    settings: &Settings,
) -> Result<(), Failure> {
    let fallbacks = settings.routing().fallbacks;
    if fallbacks.is_empty() {
        return Ok(());
    }
    let allowed = settings.allowed_models();
    let providers = providers(api, authorised).await?;
    for (index, fallback) in fallbacks.iter().enumerate() {
        let model = &fallback.model;
        let field = format!("settings.fallback_chain[{index}]");
        if allowed
            .as_ref()
            .is_some_and(|allowed| !allowed.contains(model))
        {
            let problem = format!("`{model}` is not among the agent's `allowed_models`");
            return Err(Problem::field(field, problem).into());
        }
        let here = |provider: &&Provider| fallback.provider.is_none_or(|id| id == provider.id);
        let mut named = providers.iter().filter(here).peekable();
        if let (None, Some(id)) = (named.peek(), fallback.provider) {
            let problem = format!("there is no provider `{id}`");
            return Err(Problem::field(field, problem).into());
        }
        if !named.any(|provider| knows(api, authorised, provider, fallback)) {
            let problem = format!("`{model}` is served by no provider, or has no price");
            return Err(Problem::field(field, problem).into());
        }
    }
    Ok(())
}

async fn providers(api: &Api, authorised: &Authorised) -> Result<Vec<Provider>, Failure> {
    let (filter, sort) = (ProviderFilter::default(), Sort::descending("created_at"));
    let all = Page {
        page: 1,
        per_page: MOST_PROVIDERS,
    };
    let found = api.providers.list(authorised, &filter, sort, all).await?;
    Ok(found.items)
}

/// Whether a provider can be asked for a model: it serves it by its name, and there is a price.
fn knows(api: &Api, authorised: &Authorised, provider: &Provider, fallback: &Fallback) -> bool {
    let (model, kind): (&str, ProviderKind) = (&fallback.model, provider.kind);
    let models = &provider.models;
    let serves = models.is_empty() || models.iter().any(|name| name == model);
    let served = provider.config.served(model);
    let names = provider.config.price_names(kind, served.priced);
    let book = api.models.book(authorised.tenant);
    serves && names.iter().any(|name| book.lookup(kind, name).is_some())
}
