//! The key that an access request leads to: made when it is claimed, withdrawn when it is revoked.

use std::time::Duration;

use axum::extract::State;
use iron_approvals::{AccessRequest, IssuedKey};
use iron_audit::Authorised;
use iron_catalog::ProviderFilter;
use iron_fleet::{Agent, AgentEnvironment, NewAgent};
use iron_identity::{NewIcToken, Permission, StaleTokens, User};
use iron_primitives::{AccessRequestId, AgentId, Period, ProviderId, Scope, Timestamp};
use iron_runtime::authority::Change;
use iron_sdk::access::{AccessClaimed, AccessRenewed, AccessRequestView};
use iron_sdk::users::Reason;
use iron_store::{Page, Sort, Tx};
use serde_json::{Map, Value};

use super::{hold_caller, tagged, tell};
use crate::answer::{Answer, Tagged, tag_of};
use crate::caller::Caller;
use crate::failure::Failure;
use crate::handlers::tenants::room_for_agent;
use crate::input::{IfMatch, Input, PathId};
use crate::state::Api;

/// How long the old key works beside its successor, at the most.
const GRACE: Duration = Duration::from_secs(7 * 86_400);

/// Gives the requester his key, this once: a personal agent under the team's budget, with the
/// budget that was approved, and its token.
#[utoipa::path(post, path = "/access-requests/{access_request_id}/claim",
    tag = "access-requests",
    params(("access_request_id" = AccessRequestId, Path, description = "The request")),
    responses((status = 200, description = "The key and how to use it", body = AccessClaimed)))]
pub(crate) async fn claim_access(
    State(api): State<Api>,
    caller: Caller,
    PathId(id): PathId<AccessRequestId>,
) -> Result<Answer<AccessClaimed>, Failure> {
    let authorised = caller.may(Permission::AccessRequest)?;
    let providers = shared_providers(&api, &authorised).await?;
    let mut tx = api.db.begin().await?;
    room_for_agent(&api, &mut tx, &authorised).await?;
    let user = hold_caller(&api, &mut tx, &authorised).await?;
    let request = api.access.claimable(&mut tx, &authorised, id).await?;
    let agent = personal_agent(&api, &mut tx, &authorised, (&user, &request), &providers).await?;
    let expires_at = end_of_a_key(&api, &authorised);
    let new = NewIcToken {
        agent: agent.id,
        project: agent.project,
        owner: agent.owner,
        description: Some(format!("access request {id}")),
        expires_at: Some(expires_at),
    };
    let made = api.identity.create_ic_token(&mut tx, &authorised, new);
    let (token, value) = made.await?;
    let key = IssuedKey {
        agent: agent.id,
        record: token.id,
        expires_at,
    };
    api.access.claim(&mut tx, &authorised, id, key).await?;
    tx.commit().await?;
    let base_url = format!("{}/v1", api.config.public_url);
    Ok(Answer(AccessClaimed {
        id,
        agent_id: agent.id,
        token: value.into(),
        instructions: instructions(&api.config.public_url, &providers, expires_at),
        base_url,
        expires_at,
    }))
}

/// Gives the owner of a key that ends soon, or has ended, a new one, this once. The old one works on
/// for a week, but not beyond its own end.
#[utoipa::path(post, path = "/access-requests/{access_request_id}/renew",
    tag = "access-requests",
    params(("access_request_id" = AccessRequestId, Path, description = "The request")),
    responses((status = 200, description = "The new key", body = AccessRenewed)))]
pub(crate) async fn renew_access(
    State(api): State<Api>,
    caller: Caller,
    PathId(id): PathId<AccessRequestId>,
) -> Result<Answer<AccessRenewed>, Failure> {
    let authorised = caller.may(Permission::AccessRequest)?;
    let mut tx = api.db.begin().await?;
    // He first, in the order of his own deletion.
    hold_caller(&api, &mut tx, &authorised).await?;
    let (_, key) = api.access.renewable(&mut tx, &authorised, id).await?;
    let expires_at = end_of_a_key(&api, &authorised);
    let times = (GRACE, expires_at);
    let renewed = api
        .identity
        .renew_ic_token(&mut tx, &authorised, key.record, times);
    let renewed = renewed.await?;
    let access = &api.access;
    access.renew(&mut tx, &authorised, id, expires_at).await?;
    tx.commit().await?;
    let stale = renewed.stale.into_iter();
    stale.for_each(|token| (api.notify)(Change::Token(token)));
    Ok(Answer(AccessRenewed {
        id,
        agent_id: key.agent,
        token: renewed.value.into(),
        expires_at,
        previous_valid_until: renewed.token.previous_valid_until,
    }))
}

/// When a key ends that is given out now.
fn end_of_a_key(api: &Api, authorised: &Authorised) -> Timestamp {
    let lifetime = api.settings.security(Some(authorised.tenant)).access_key;
    api.environment.now().plus(lifetime)
}

/// Takes access away: a key that was claimed works no more, on any server.
#[utoipa::path(put, path = "/access-requests/{access_request_id}/revoke",
    tag = "access-requests", request_body = Reason,
    params(("access_request_id" = AccessRequestId, Path, description = "The request")),
    responses((status = 200, description = "The request, revoked", body = AccessRequestView)))]
pub(crate) async fn revoke_access(
    State(api): State<Api>,
    caller: Caller,
    PathId(id): PathId<AccessRequestId>,
    if_match: IfMatch,
    Input(body): Input<Reason>,
) -> Result<Tagged<AccessRequestView>, Failure> {
    let authorised = caller.may(Permission::AccessDecide)?;
    let known = api.access.get(&authorised, id).await?;
    let mut tx = api.db.begin().await?;
    // The agent first, in the order of its own deletion. It may have been deleted before: then its
    // key went with it.
    if let Some(key) = known.key {
        hold_if_there(&api, &mut tx, &authorised, key.agent).await?;
    }
    let before = api.access.hold(&mut tx, &authorised, id).await?;
    if_match.allows(&tag_of(before.updated_at))?;
    let access = &api.access;
    let request = access.revoke(&mut tx, &authorised, id, body.reason).await?;
    let withdrawn = withdraw(&api, &mut tx, &authorised, &request).await?;
    tell(&api, &mut tx, &authorised, &request).await?;
    tx.commit().await?;
    api.channels.wake();
    forget(&api, withdrawn);
    Ok(tagged(request))
}

/// What runtimes must forget of a key, if a request has led to one.
pub(crate) type Withdrawn = Option<(AgentId, StaleTokens)>;

/// Withdraws the key that a request has led to, and takes the agent's leases away. Tell runtimes by
/// [`forget`] after the commit.
pub(crate) async fn withdraw(
    api: &Api,
    tx: &mut Tx,
    authorised: &Authorised,
    request: &AccessRequest,
) -> Result<Withdrawn, Failure> {
    let Some(key) = request.key else {
        return Ok(None);
    };
    let tokens = api.identity.revoke_ic_tokens_of(tx, authorised, key.agent);
    let (_, stale) = tokens.await?;
    let scope = Scope::Agent(key.agent);
    api.ledger.revoke_leases_of(tx, authorised, scope).await?;
    Ok(Some((key.agent, stale)))
}

/// Tells runtimes of a key that was withdrawn.
pub(crate) fn forget(api: &Api, withdrawn: Withdrawn) {
    let Some((agent, stale)) = withdrawn else {
        return;
    };
    let each = stale.into_iter();
    each.for_each(|token| (api.notify)(Change::Revoked(token)));
    (api.notify)(Change::Budget(Scope::Agent(agent)));
}

async fn hold_if_there(
    api: &Api,
    tx: &mut Tx,
    authorised: &Authorised,
    agent: AgentId,
) -> Result<(), Failure> {
    match api.agents.hold(tx, authorised, agent).await {
        Ok(_) | Err(iron_fleet::Error::NotFound { .. }) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// The providers that everybody in the tenant may use, the oldest first.
async fn shared_providers(api: &Api, authorised: &Authorised) -> Result<Vec<ProviderId>, Failure> {
    let filter = ProviderFilter {
        name: None,
        kinds: Vec::new(),
        active: Some(true),
    };
    let oldest = Sort::ascending("created_at");
    let page = Page {
        page: 1,
        per_page: 100,
    };
    let found = api.providers.list(authorised, &filter, oldest, page);
    let found = found.await?.items.into_iter();
    let mine = found.filter(|one| one.shared || one.owner == authorised.user);
    Ok(mine.map(|one| one.id).collect())
}

/// The agent by which somebody works for himself, in the team's budget.
async fn personal_agent(
    api: &Api,
    tx: &mut Tx,
    authorised: &Authorised,
    (user, request): (&User, &AccessRequest),
    providers: &[ProviderId],
) -> Result<Agent, Failure> {
    let team = api.identity.keep_team(tx, authorised, request.team).await?;
    let project = api.identity.default_project(&mut *tx, authorised).await?;
    let assignable = api.providers.check_assignable(tx, authorised, providers);
    assignable.await?;
    let mut settings = Map::new();
    if let Some(models) = &request.allowed_models {
        let models = models.iter().map(|model| Value::from(model.as_str()));
        settings.insert("allowed_models".to_owned(), models.collect());
    }
    let text = request.id.to_string();
    let tail = text.rsplit('-').next().unwrap_or_default();
    let who: String = user.name.chars().take(60).collect();
    let new = NewAgent {
        project: project.id,
        team: Some(team.id),
        owner: user.id,
        name: format!("{who} (personal {tail})"),
        description: Some(request.use_case.chars().take(500).collect()),
        tags: vec!["personal".to_owned()],
        settings,
        providers: providers.to_vec(),
        environment: AgentEnvironment::default(),
    };
    let agent = api.agents.create(tx, authorised, new).await?;
    let (scope, budget) = (Scope::Agent(agent.id), request.budget);
    let limits = &api.limits;
    limits
        .create_row(tx, authorised.tenant, scope, budget, Period::Monthly)
        .await?;
    Ok(agent)
}

fn instructions(address: &str, providers: &[ProviderId], expires_at: Timestamp) -> String {
    let mut text = format!(
        "Keep the key in the environment; it is shown this once and works until {expires_at}.\n\n\
         OpenAI-shaped clients:\n  export OPENAI_BASE_URL={address}/v1\n  export OPENAI_API_KEY=<token>\n\n\
         Anthropic-shaped clients:\n  export ANTHROPIC_BASE_URL={address}\n  export ANTHROPIC_API_KEY=<token>\n\n\
         The models that it opens: curl -H \"Authorization: Bearer <token>\" {address}/v1/models\n"
    );
    if providers.is_empty() {
        text.push_str("\nNo provider was shared when this key was made: ask an admin to assign one to its agent\n\
             (iron agents assign-providers). Those that are shared from the beginning\n\
             (iron providers update NAME --shared true) are assigned by themselves.\n");
    }
    text
}
