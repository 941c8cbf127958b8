//! Providers, models and prices.

use iron_audit::Usage;
use iron_catalog::{ListedModel, ListedPrice, PriceOrigin, Prices, Provider};
use iron_fleet::Agent;
use iron_llm::prices::Skipped;
use iron_llm::{ProviderConfig, ProviderKind};
use iron_primitives::Timestamp;
use iron_sdk::models::{self, ModelView, PriceSource, PriceView, SetPrice};
use iron_sdk::providers::{
    self, AffectedAgent, ProviderAgent, ProviderDeleted, ProviderUsage, ProviderView,
};

use super::agents::count;

/// The kind as the wire names it.
pub(crate) const fn provider_type(kind: ProviderKind) -> providers::ProviderType {
    match kind {
        ProviderKind::OpenAi => providers::ProviderType::Openai,
        ProviderKind::Anthropic => providers::ProviderType::Anthropic,
        ProviderKind::AzureOpenAi => providers::ProviderType::AzureOpenai,
        ProviderKind::Together => providers::ProviderType::Together,
        ProviderKind::HuggingFace => providers::ProviderType::Huggingface,
        ProviderKind::Ai21 => providers::ProviderType::Ai21,
        ProviderKind::Cohere => providers::ProviderType::Cohere,
        ProviderKind::Google => providers::ProviderType::Google,
        ProviderKind::Vertex => providers::ProviderType::Vertex,
        ProviderKind::AwsBedrock => providers::ProviderType::AwsBedrock,
        ProviderKind::Replicate => providers::ProviderType::Replicate,
        ProviderKind::Local => providers::ProviderType::Local,
        ProviderKind::Simulated => providers::ProviderType::Simulated,
    }
}

/// The kind that the wire names.
pub(crate) const fn provider_kind(name: providers::ProviderType) -> ProviderKind {
    match name {
        providers::ProviderType::Openai => ProviderKind::OpenAi,
        providers::ProviderType::Anthropic => ProviderKind::Anthropic,
        providers::ProviderType::AzureOpenai => ProviderKind::AzureOpenAi,
        providers::ProviderType::Together => ProviderKind::Together,
        providers::ProviderType::Huggingface => ProviderKind::HuggingFace,
        providers::ProviderType::Ai21 => ProviderKind::Ai21,
        providers::ProviderType::Cohere => ProviderKind::Cohere,
        providers::ProviderType::Google => ProviderKind::Google,
        providers::ProviderType::Vertex => ProviderKind::Vertex,
        providers::ProviderType::AwsBedrock => ProviderKind::AwsBedrock,
        providers::ProviderType::Replicate => ProviderKind::Replicate,
        providers::ProviderType::Local => ProviderKind::Local,
        providers::ProviderType::Simulated => ProviderKind::Simulated,
    }
}

/// What only some kinds have, as the wire says it.
pub(crate) fn provider_config(config: providers::ProviderConfig) -> ProviderConfig {
    ProviderConfig {
        api_version: config.api_version,
        deployments: config.deployments,
        project: config.project,
        location: config.location,
        region: config.region,
        role_arn: config.role_arn,
        external_id: config.external_id,
        sts_url: config.sts_url,
    }
}

/// Whether a provider is used.
pub(crate) const fn provider_status(active: bool) -> providers::ProviderStatus {
    if active {
        providers::ProviderStatus::Active
    } else {
        providers::ProviderStatus::Inactive
    }
}

/// A provider, with its use where one provider is asked for.
pub(crate) fn provider(provider: Provider, agent_count: u64, usage: Option<Usage>) -> ProviderView {
    ProviderView {
        id: provider.id,
        name: provider.name,
        r#type: provider_type(provider.kind),
        api_key: provider.masked_key,
        base_url: provider.base_url,
        organization_id: provider.organization,
        config: providers::ProviderConfig {
            api_version: provider.config.api_version,
            deployments: provider.config.deployments,
            project: provider.config.project,
            location: provider.config.location,
            region: provider.config.region,
            role_arn: provider.config.role_arn,
            external_id: provider.config.external_id,
            sts_url: provider.config.sts_url,
        },
        models: provider.models,
        timeout_seconds: provider.timeout_seconds,
        status: provider_status(provider.active),
        shared: provider.shared,
        owner_id: provider.owner,
        agent_count,
        usage: usage.map(|usage| ProviderUsage {
            agent_count,
            total_requests: count(usage.total_requests),
            total_cost: usage.total_cost.into(),
            total_cost_micros: usage.total_cost.micros(),
            requests_today: count(usage.requests_today),
            cost_today: usage.cost_today.into(),
            cost_today_micros: usage.cost_today.micros(),
        }),
        key_rotated_at: provider.key_rotated_at,
        created_at: provider.created_at,
        updated_at: provider.updated_at,
    }
}

/// What deleting a provider does, or would do; `without` are the agents after it.
pub(crate) fn provider_deleted(
    provider: Provider,
    without: Vec<Agent>,
    deleted: bool,
) -> ProviderDeleted {
    let id = provider.id;
    let left = |agent: &Agent| agent.providers.iter().filter(|other| **other != id).count();
    let affected_agents: Vec<AffectedAgent> = without
        .into_iter()
        .map(|agent| AffectedAgent {
            remaining_providers: u64::try_from(left(&agent)).unwrap_or(u64::MAX),
            id: agent.id,
            name: agent.name,
        })
        .collect();
    let affected_count = u64::try_from(affected_agents.len()).unwrap_or(u64::MAX);
    ProviderDeleted {
        id,
        name: provider.name,
        deleted,
        affected_agents,
        affected_count,
    }
}

/// An agent that uses a provider.
pub(crate) fn provider_agent(agent: Agent) -> ProviderAgent {
    ProviderAgent {
        id: agent.id,
        name: agent.name,
        owner_id: agent.owner,
        project_id: agent.project,
    }
}

/// A model and its price.
pub(crate) fn model(listed: ListedModel) -> ModelView {
    ModelView {
        model: listed.model.name.clone(),
        provider_type: provider_type(listed.model.kind),
        price: price(listed.price),
    }
}

/// What a model costs.
pub(crate) fn price(listed: ListedPrice) -> PriceView {
    let prices = listed.prices;
    PriceView {
        input_per_million: prices.input_per_million,
        output_per_million: prices.output_per_million,
        reasoning_per_million: prices.reasoning_per_million,
        cached_per_million: prices.cached_per_million,
        cache_write_5m_per_million: prices.cache_write_5m_per_million,
        cache_write_1h_per_million: prices.cache_write_1h_per_million,
        per_query: prices.per_query,
        per_search: prices.per_search,
        per_image: prices.per_image,
        per_second: prices.per_second,
        per_character: prices.per_character,
        tiers: prices
            .tiers
            .into_iter()
            .map(|tier| models::PriceTier {
                above_input_tokens: tier.above_input_tokens,
                input_per_million: tier.input_per_million,
                output_per_million: tier.output_per_million,
                reasoning_per_million: tier.reasoning_per_million,
                cached_per_million: tier.cached_per_million,
                cache_write_5m_per_million: tier.cache_write_5m_per_million,
                cache_write_1h_per_million: tier.cache_write_1h_per_million,
            })
            .collect(),
        effective_from: listed.effective_from,
        source: match listed.origin {
            PriceOrigin::Book => PriceSource::Book,
            PriceOrigin::Import => PriceSource::Import,
            PriceOrigin::Override => PriceSource::Override,
        },
    }
}

/// The prices that a request sets.
pub(crate) fn prices_of(body: SetPrice) -> Prices {
    let text = |decimal: Option<iron_sdk::decimal::Decimal>| decimal.map(|decimal| decimal.0);
    Prices {
        input_per_million: body.input_per_million.0,
        output_per_million: body.output_per_million.0,
        reasoning_per_million: text(body.reasoning_per_million),
        cached_per_million: text(body.cached_per_million),
        cache_write_5m_per_million: text(body.cache_write_5m_per_million),
        cache_write_1h_per_million: text(body.cache_write_1h_per_million),
        per_query: text(body.per_query),
        per_search: text(body.per_search),
        per_image: text(body.per_image),
        per_second: text(body.per_second),
        per_character: text(body.per_character),
        tiers: body
            .tiers
            .unwrap_or_default()
            .into_iter()
            .map(|tier| iron_catalog::PriceTier {
                above_input_tokens: tier.above_input_tokens,
                input_per_million: text(tier.input_per_million),
                output_per_million: text(tier.output_per_million),
                reasoning_per_million: text(tier.reasoning_per_million),
                cached_per_million: text(tier.cached_per_million),
                cache_write_5m_per_million: text(tier.cache_write_5m_per_million),
                cache_write_1h_per_million: text(tier.cache_write_1h_per_million),
            })
            .collect(),
    }
}

/// The tenant's own price, as it was just set.
pub(crate) fn own_price(prices: Prices, since: Timestamp) -> PriceView {
    let origin = PriceOrigin::Override;
    price(ListedPrice {
        prices,
        effective_from: Some(since),
        origin,
    })
}

/// Why a row of a price list was left out.
pub(crate) fn skipped(why: &Skipped) -> String {
    match why {
        Skipped::Provider(name) => format!("the provider `{name}` is not served"),
        Skipped::Mode(name) => format!("models of the kind `{name}` are not priced by tokens"),
        Skipped::NoPrice => "no price for input or output tokens".to_owned(),
        Skipped::Unusable(error) => error.to_string(),
    }
}
