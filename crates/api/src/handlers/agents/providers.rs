//! The providers of an agent.

use axum::extract::State;
use iron_audit::Authorised;
use iron_fleet::Agent;
use iron_identity::Permission;
use iron_primitives::{AgentId, ProviderId};
use iron_runtime::authority::Change;
use iron_sdk::agents::{AssignProviders, AssignedProviders, ProviderRemoved};

use crate::answer::{Answer, Tagged};
use crate::caller::Caller;
use crate::failure::Failure;
use crate::input::{IfMatch, Input, PathId, PathIds};
use crate::state::Api;
use crate::view;

/// The providers of an agent, the preferred one first.
#[utoipa::path(get, path = "/agents/{agent_id}/providers", tag = "agents",
    params(("agent_id" = AgentId, Path, description = "The agent")), responses(
    (status = 200, description = "The providers", body = AssignedProviders),
))]
pub(crate) async fn get_agent_providers(
    State(api): State<Api>,
    caller: Caller,
    PathId(id): PathId<AgentId>,
) -> Result<Tagged<AssignedProviders>, Failure> {
    let authorised = caller.may(Permission::AgentRead)?;
    let agent = api.agents.get(&authorised, id).await?;
    with_providers(&api, &authorised, agent).await
}

async fn with_providers(
    api: &Api,
    authorised: &Authorised,
    agent: Agent,
) -> Result<Tagged<AssignedProviders>, Failure> {
    let mut providers = Vec::with_capacity(agent.providers.len());
    for id in &agent.providers {
        providers.push(api.providers.get(authorised, *id).await?);
    }
    Ok(Tagged::new(
        view::assigned(&agent, providers),
        agent.updated_at,
    ))
}

/// Replaces the providers of an agent.
#[utoipa::path(put, path = "/agents/{agent_id}/providers", tag = "agents",
    request_body = AssignProviders,
    params(("agent_id" = AgentId, Path, description = "The agent")), responses(
    (status = 200, description = "The providers", body = AssignedProviders),
))]
pub(crate) async fn assign_agent_providers(
    State(api): State<Api>,
    caller: Caller,
    PathId(id): PathId<AgentId>,
    if_match: IfMatch,
    Input(body): Input<AssignProviders>,
) -> Result<Tagged<AssignedProviders>, Failure> {
    let authorised = caller.may(Permission::AgentUpdate)?;
    let mut tx = api.db.begin().await?;
    // Providers before agents: the deletion of a provider takes its locks in this order too.
    api.providers
        .check_assignable(&mut tx, &authorised, &body.providers)
        .await?;
    let present = api.agents.hold(&mut tx, &authorised, id).await?;
    if_match.allows_since(present.updated_at)?;
    let agent = api
        .agents
        .assign_providers(&mut tx, &authorised, id, body.providers)
        .await?;
    tx.commit().await?;
    (api.notify)(Change::Agent(id));
    with_providers(&api, &authorised, agent).await
}

/// Takes one provider from an agent.
#[utoipa::path(delete, path = "/agents/{agent_id}/providers/{provider_id}", tag = "agents",
    params(
        ("agent_id" = AgentId, Path, description = "The agent"),
        ("provider_id" = ProviderId, Path, description = "The provider"),
    ), responses((status = 200, description = "What is left", body = ProviderRemoved)))]
pub(crate) async fn remove_agent_provider(
    State(api): State<Api>,
    caller: Caller,
    PathIds(id, provider): PathIds<AgentId, ProviderId>,
    if_match: IfMatch,
) -> Result<Answer<ProviderRemoved>, Failure> {
    let authorised = caller.may(Permission::AgentUpdate)?;
    let mut tx = api.db.begin().await?;
    let present = api.agents.hold(&mut tx, &authorised, id).await?;
    if_match.allows_since(present.updated_at)?;
    let agent = api
        .agents
        .remove_provider(&mut tx, &authorised, id, provider)
        .await?;
    tx.commit().await?;
    (api.notify)(Change::Agent(id));
    let count = u64::try_from(agent.providers.len()).unwrap_or(u64::MAX);
    Ok(Answer(ProviderRemoved {
        removed: true,
        remaining_providers: agent.providers,
        count,
    }))
}
