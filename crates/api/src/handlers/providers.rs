//! Providers of models.

pub(crate) mod health;

use axum::extract::State;
use iron_audit::{Authorised, UsageOf};
use iron_catalog::{NewProvider, Provider, ProviderChange, ProviderFilter};
use iron_identity::Permission;
use iron_llm::ProviderKind;
use iron_net::problem::Problem;
use iron_primitives::{ErrorKind, ProviderId};
use iron_runtime::authority::Change;
use iron_sdk::SecretText;
use iron_sdk::lists::{List, PageQuery};
use iron_sdk::providers::{
    CreateProvider, DeleteProvider, ProviderAgent, ProviderDeleted, ProviderQuery, ProviderStatus,
    ProviderTested, ProviderView, TestProvider, UpdateProvider,
};
use iron_store::Sort;

use crate::answer::{Answer, Created, Tagged, list, page, slice};
use crate::caller::Caller;
use crate::failure::Failure;
use crate::input::{IfMatch, Input, Params, PathId};
use crate::query::{sort, words};
use crate::state::Api;
use crate::view;

/// Creates a provider. The form of its key is checked; nothing is called.
#[utoipa::path(post, path = "/providers", tag = "providers", request_body = CreateProvider,
    responses((status = 201, description = "The provider", body = ProviderView)))]
pub(crate) async fn create_provider(
    State(api): State<Api>,
    caller: Caller,
    Input(body): Input<CreateProvider>,
) -> Result<Created<ProviderView>, Failure> {
    let authorised = caller.may(Permission::ProviderWrite)?;
    let new = NewProvider {
        name: body.name,
        kind: view::provider_kind(body.r#type),
        key: body.api_key.map(SecretText::into_secret),
        base_url: body.base_url,
        organization: body.organization_id,
        config: body.config.map(view::provider_config).unwrap_or_default(),
        models: body.models.unwrap_or_default(),
        timeout_seconds: body.timeout_seconds,
        shared: body.shared.unwrap_or(false),
    };
    let mut tx = api.db.begin().await?;
    let provider = api.providers.create(&mut tx, &authorised, new).await?;
    tx.commit().await?;
    let location = format!("/api/v1/providers/{}", provider.id);
    Ok(Created {
        location,
        view: view::provider(provider, 0, None),
    })
}

/// Lists the providers of the tenant.
#[utoipa::path(get, path = "/providers", tag = "providers", params(ProviderQuery), responses(
    (status = 200, description = "The providers", body = List<ProviderView>),
))]
pub(crate) async fn list_providers(
    State(api): State<Api>,
    caller: Caller,
    Params(query): Params<ProviderQuery>,
) -> Result<Answer<List<ProviderView>>, Failure> {
    let authorised = caller.may(Permission::ProviderRead)?;
    let newest = Sort::descending("created_at");
    let order = sort(query.sort.as_deref(), iron_catalog::SORTABLE, newest)?;
    let page = page(query.page, query.per_page);
    let found = api
        .providers
        .list(&authorised, &filter(query)?, order, page)
        .await?;
    let used = api.agents.count_by_provider(&authorised).await?;
    let agents = |id| used.get(&id).copied().unwrap_or(0);
    Ok(list(found, page, |provider: Provider| {
        let agents = agents(provider.id);
        view::provider(provider, agents, None)
    }))
}

fn filter(query: ProviderQuery) -> Result<ProviderFilter, Problem> {
    let kinds = ProviderKind::ALL.map(|kind| (kind.as_str(), kind));
    let states = words(
        "status",
        query.status.as_deref(),
        &[("active", true), ("inactive", false)],
    )?;
    Ok(ProviderFilter {
        name: query.name,
        kinds: words("type", query.r#type.as_deref(), &kinds)?,
        active: states
            .first()
            .copied()
            .filter(|first| states.iter().all(|other| other == first)),
    })
}

/// One provider and what was used of it.
#[utoipa::path(get, path = "/providers/{provider_id}", tag = "providers",
    params(("provider_id" = ProviderId, Path, description = "The provider")), responses(
    (status = 200, description = "The provider", body = ProviderView),
))]
pub(crate) async fn get_provider(
    State(api): State<Api>,
    caller: Caller,
    PathId(id): PathId<ProviderId>,
) -> Result<Tagged<ProviderView>, Failure> {
    let authorised = caller.may(Permission::ProviderRead)?;
    let provider = api.providers.get(&authorised, id).await?;
    shown(&api, &authorised, provider).await
}

async fn shown(
    api: &Api,
    authorised: &Authorised,
    provider: Provider,
) -> Result<Tagged<ProviderView>, Failure> {
    let usage = api
        .audit
        .usage(authorised, UsageOf::Provider(provider.id))
        .await?;
    let used = api.agents.count_by_provider(authorised).await?;
    let agents = used.get(&provider.id).copied().unwrap_or(0);
    let changed = provider.updated_at;
    Ok(Tagged::new(
        view::provider(provider, agents, Some(usage)),
        changed,
    ))
}

/// Changes a provider; a new key serves the next call.
#[utoipa::path(patch, path = "/providers/{provider_id}", tag = "providers",
    request_body = UpdateProvider,
    params(("provider_id" = ProviderId, Path, description = "The provider")), responses(
    (status = 200, description = "The provider", body = ProviderView),
))]
pub(crate) async fn update_provider(
    State(api): State<Api>,
    caller: Caller,
    PathId(id): PathId<ProviderId>,
    if_match: IfMatch,
    Input(body): Input<UpdateProvider>,
) -> Result<Tagged<ProviderView>, Failure> {
    let authorised = caller.may(Permission::ProviderWrite)?;
    let change = change_of(body)?;
    let mut tx = api.db.begin().await?;
    let present = api.providers.hold(&mut tx, &authorised, id).await?;
    if_match.allows_since(present.updated_at)?;
    let provider = api
        .providers
        .update(&mut tx, &authorised, id, change)
        .await?;
    tx.commit().await?;
    (api.notify)(Change::Provider(id));
    shown(&api, &authorised, provider).await
}

fn change_of(body: UpdateProvider) -> Result<ProviderChange, Problem> {
    let active = match body.status {
        None => None,
        Some(ProviderStatus::Active) => Some(true),
        Some(ProviderStatus::Inactive) => Some(false),
        Some(ProviderStatus::Error) => {
            return Err(Problem::field(
                "status",
                "expected one of `active`, `inactive`",
            ));
        }
    };
    Ok(ProviderChange {
        name: body.name,
        key: body.api_key.map(SecretText::into_secret),
        base_url: body.base_url,
        organization: body.organization_id,
        config: body.config.map(view::provider_config),
        models: body.models,
        timeout_seconds: body.timeout_seconds,
        shared: body.shared,
        active,
    })
}

/// Deletes a provider and takes it from its agents.
#[utoipa::path(delete, path = "/providers/{provider_id}", tag = "providers",
    params(("provider_id" = ProviderId, Path, description = "The provider"), DeleteProvider),
    responses((status = 200, description = "The agents that lost it", body = ProviderDeleted)))]
pub(crate) async fn delete_provider(
    State(api): State<Api>,
    caller: Caller,
    PathId(id): PathId<ProviderId>,
    if_match: IfMatch,
    Params(query): Params<DeleteProvider>,
) -> Result<Answer<ProviderDeleted>, Failure> {
    let authorised = caller.may(Permission::ProviderWrite)?;
    let mut tx = api.db.begin().await?;
    let present = api.providers.hold(&mut tx, &authorised, id).await?;
    if_match.allows_since(present.updated_at)?;
    let without = api.agents.forget_provider(&mut tx, &authorised, id).await?;
    if !without.is_empty() && !query.cascade.unwrap_or(true) {
        let message = format!("{} agents use the provider", without.len());
        let problem = Problem::new(ErrorKind::ProviderInUse, message);
        return Err(problem.detail("affected_count", without.len()).into());
    }
    let provider = api.providers.delete(&mut tx, &authorised, id).await?;
    tx.commit().await?;
    (api.notify)(Change::Provider(id));
    Ok(Answer(view::provider_deleted(provider, without, true)))
}

/// What deleting a provider would do.
#[utoipa::path(get, path = "/providers/{provider_id}/deletion-impact", tag = "providers",
    params(("provider_id" = ProviderId, Path, description = "The provider")), responses(
    (status = 200, description = "The agents that would lose it", body = ProviderDeleted),
))]
pub(crate) async fn get_provider_deletion_impact(
    State(api): State<Api>,
    caller: Caller,
    PathId(id): PathId<ProviderId>,
) -> Result<Answer<ProviderDeleted>, Failure> {
    let authorised = caller.may(Permission::ProviderWrite)?;
    let provider = readable(&api, &authorised, id).await?;
    let agents = api.agents.with_provider(&authorised, id).await?;
    Ok(Answer(view::provider_deleted(provider, agents, false)))
}

/// A provider that the caller may change, without changing it.
async fn readable(api: &Api, authorised: &Authorised, id: ProviderId) -> Result<Provider, Failure> {
    let mut tx = api.db.snapshot().await?;
    let provider = api.providers.read(&mut tx, authorised, id).await?;
    tx.commit().await?;
    Ok(provider)
}

/// The agents that use a provider.
#[utoipa::path(get, path = "/providers/{provider_id}/agents", tag = "providers",
    params(("provider_id" = ProviderId, Path, description = "The provider"), PageQuery),
    responses((status = 200, description = "The agents", body = List<ProviderAgent>)))]
pub(crate) async fn list_provider_agents(
    State(api): State<Api>,
    caller: Caller,
    PathId(id): PathId<ProviderId>,
    Params(query): Params<PageQuery>,
) -> Result<Answer<List<ProviderAgent>>, Failure> {
    let authorised = caller.may(Permission::ProviderWrite)?;
    readable(&api, &authorised, id).await?;
    let agents = api.agents.with_provider(&authorised, id).await?;
    Ok(slice(
        agents,
        page(query.page, query.per_page),
        view::provider_agent,
    ))
}

/// Asks a provider for its models, which costs nothing.
#[utoipa::path(post, path = "/providers/{provider_id}/test", tag = "providers",
    request_body = TestProvider,
    params(("provider_id" = ProviderId, Path, description = "The provider")), responses(
    (status = 200, description = "Whether it answered", body = ProviderTested),
))]
pub(crate) async fn test_provider(
    State(api): State<Api>,
    caller: Caller,
    PathId(id): PathId<ProviderId>,
    Input(body): Input<TestProvider>,
) -> Result<Answer<ProviderTested>, Failure> {
    let authorised = caller.may(Permission::ProviderWrite)?;
    let provider = readable(&api, &authorised, id).await?;
    let outcome = crate::probe::probe(&api, &provider, body.model.as_deref()).await?;
    let mut tx = api.db.begin().await?;
    let entry = iron_audit::Entry::new("provider.test", "provider").resource(id);
    api.audit
        .write(&mut tx, &authorised, entry.parameters(&outcome))
        .await?;
    tx.commit().await?;
    Ok(Answer(outcome))
}
