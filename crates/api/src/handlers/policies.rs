//! Policies.

pub(crate) mod simulate;

use axum::extract::State;
use iron_audit::Authorised;
use iron_identity::Permission;
use iron_net::problem::Problem;
use iron_policy::{Effect, Kind};
use iron_primitives::{ErrorKind, PolicyId};
use iron_rules::{PolicyChange, PolicyFilter, Prepared, Scope, StoredPolicy, differences};
use iron_runtime::authority::Change;
use iron_sdk::lists::{List, PageQuery};
use iron_sdk::policies::{
    BuiltInPolicies, CreatePolicy, PolicyDeleted, PolicyDiff, PolicyDiffQuery, PolicyQuery,
    PolicyText, PolicyVersionView, PolicyView, RollbackPolicy, SwitchPolicy, UpdatePolicy,
};
use iron_store::{Sort, Tx};

use super::guardrails::shown;
use crate::answer::{Answer, Created, Tagged, list, page};
use crate::caller::Caller;
use crate::failure::Failure;
use crate::input::{IfMatch, Input, Params, PathId, PathText};
use crate::query::{sort, words};
use crate::state::Api;
use crate::view;

const SORTS: &[(&str, &str)] = &[
    ("name", "name"),
    ("created_at", "created_at"),
    ("updated_at", "updated_at"),
];

const KINDS: &[(&str, Kind)] = &[
    ("tool", Kind::Tool),
    ("model", Kind::Model),
    ("data", Kind::Data),
    ("network", Kind::Network),
];

const EFFECTS: &[(&str, Effect)] = &[
    ("allow", Effect::Allow),
    ("require_approval", Effect::RequireApproval),
    ("deny", Effect::Deny),
];

/// Stores a policy, if it works and its examples hold. It holds for the next call.
#[utoipa::path(post, path = "/policies", tag = "policies", request_body = CreatePolicy, responses(
    (status = 201, description = "The policy", body = PolicyView),
))]
pub(crate) async fn create_policy(
    State(api): State<Api>,
    caller: Caller,
    Input(body): Input<CreatePolicy>,
) -> Result<Created<PolicyView>, Failure> {
    let authorised = caller.may(Permission::ConfigWrite)?;
    let scope = body.scope.map_or(Scope::Tenant, view::scope_of);
    let fields = view::policy_fields(&body)?;
    let prepared = api.policies.prepare_new(&authorised, fields, scope);
    let prepared = prepared.await?;
    let made = stored(&api, &authorised, prepared, None).await?;
    Ok(Created {
        location: format!("/api/v1/policies/{}", made.id),
        view: view::policy(made)?,
    })
}

/// Lists the policies of the tenant.
#[utoipa::path(get, path = "/policies", tag = "policies", params(PolicyQuery), responses(
    (status = 200, description = "The policies", body = List<PolicyView>),
))]
pub(crate) async fn list_policies(
    State(api): State<Api>,
    caller: Caller,
    Params(query): Params<PolicyQuery>,
) -> Result<Answer<List<PolicyView>>, Failure> {
    let authorised = caller.may(Permission::PolicyRead)?;
    let order = sort(query.sort.as_deref(), SORTS, Sort::ascending("name"))?;
    let page = page(query.page, query.per_page);
    let filter = filter(query)?;
    let found = api.policies.list(&authorised, &filter, order, page).await?;
    Ok(list(shown(found, view::policy)?, page, |view| view))
}

fn filter(query: PolicyQuery) -> Result<PolicyFilter, Problem> {
    Ok(PolicyFilter {
        name: query.name,
        kinds: words("kind", query.kind.as_deref(), KINDS)?,
        effects: words("effect", query.effect.as_deref(), EFFECTS)?,
        scope: query.scope.map(view::scope_of),
        enabled: query.enabled,
    })
}

/// One policy.
#[utoipa::path(get, path = "/policies/{policy_id}", tag = "policies",
    params(("policy_id" = PolicyId, Path, description = "The policy")), responses(
    (status = 200, description = "The policy", body = PolicyView),
))]
pub(crate) async fn get_policy(
    State(api): State<Api>,
    caller: Caller,
    PathId(id): PathId<PolicyId>,
) -> Result<Tagged<PolicyView>, Failure> {
    let authorised = caller.may(Permission::PolicyRead)?;
    tagged(api.policies.get(&authorised, id).await?)
}

/// Changes a policy, if it works then and its examples hold.
#[utoipa::path(patch, path = "/policies/{policy_id}", tag = "policies",
    request_body = UpdatePolicy,
    params(("policy_id" = PolicyId, Path, description = "The policy")), responses(
    (status = 200, description = "The policy", body = PolicyView),
))]
pub(crate) async fn update_policy(
    State(api): State<Api>,
    caller: Caller,
    PathId(id): PathId<PolicyId>,
    if_match: IfMatch,
    Input(body): Input<UpdatePolicy>,
) -> Result<Tagged<PolicyView>, Failure> {
    let authorised = caller.may(Permission::ConfigWrite)?;
    let change = PolicyChange {
        fields: view::policy_fields(&body)?,
        scope: body.scope.map(view::scope_of),
    };
    let prepared = api.policies.prepare_change(&authorised, id, change).await?;
    tagged(stored(&api, &authorised, prepared, Some(if_match)).await?)
}

/// Makes a policy say again what it said; that is its next version.
#[utoipa::path(post, path = "/policies/{policy_id}/rollback", tag = "policies",
    request_body = RollbackPolicy,
    params(("policy_id" = PolicyId, Path, description = "The policy")), responses(
    (status = 200, description = "The policy", body = PolicyView),
))]
pub(crate) async fn rollback_policy(
    State(api): State<Api>,
    caller: Caller,
    PathId(id): PathId<PolicyId>,
    Input(body): Input<RollbackPolicy>,
) -> Result<Tagged<PolicyView>, Failure> {
    let authorised = caller.may(Permission::ConfigWrite)?;
    let policies = &api.policies;
    let prepared = policies.prepare_rollback(&authorised, id, body.version);
    tagged(stored(&api, &authorised, prepared.await?, None).await?)
}

/// Deletes a policy, with its versions, that no agent names.
#[utoipa::path(delete, path = "/policies/{policy_id}", tag = "policies",
    params(("policy_id" = PolicyId, Path, description = "The policy")), responses(
    (status = 200, description = "It is deleted", body = PolicyDeleted),
))]
pub(crate) async fn delete_policy(
    State(api): State<Api>,
    caller: Caller,
    PathId(id): PathId<PolicyId>,
    if_match: IfMatch,
) -> Result<Answer<PolicyDeleted>, Failure> {
    let authorised = caller.may(Permission::ConfigWrite)?;
    let mut tx = api.db.begin().await?;
    let before = api.policies.hold(&mut tx, &authorised, id).await?;
    if_match.allows_since(before.updated_at)?;
    unused(&api, &mut tx, &authorised, id).await?;
    api.policies.delete(&mut tx, &authorised, id).await?;
    tx.commit().await?;
    (api.notify)(Change::Tenant(authorised.tenant));
    Ok(Answer(PolicyDeleted { id, deleted: true }))
}

/// Lists what a policy has said, the latest first.
#[utoipa::path(get, path = "/policies/{policy_id}/versions", tag = "policies",
    params(PageQuery, ("policy_id" = PolicyId, Path, description = "The policy")), responses(
    (status = 200, description = "The versions", body = List<PolicyVersionView>),
))]
pub(crate) async fn list_policy_versions(
    State(api): State<Api>,
    caller: Caller,
    PathId(id): PathId<PolicyId>,
    Params(query): Params<PageQuery>,
) -> Result<Answer<List<PolicyVersionView>>, Failure> {
    let authorised = caller.may(Permission::PolicyRead)?;
    let page = page(query.page, query.per_page);
    let found = api.policies.versions(&authorised, id, page).await?;
    Ok(list(shown(found, view::policy_version)?, page, |view| view))
}

/// What is different between two versions of a policy.
#[utoipa::path(get, path = "/policies/{policy_id}/diff", tag = "policies",
    params(PolicyDiffQuery, ("policy_id" = PolicyId, Path, description = "The policy")),
    responses((status = 200, description = "What is different", body = PolicyDiff)))]
pub(crate) async fn diff_policy(
    State(api): State<Api>,
    caller: Caller,
    PathId(id): PathId<PolicyId>,
    Params(query): Params<PolicyDiffQuery>,
) -> Result<Answer<PolicyDiff>, Failure> {
    let authorised = caller.may(Permission::PolicyRead)?;
    let policies = &api.policies;
    let to = match query.to {
        Some(to) => to,
        None => policies.get(&authorised, id).await?.version,
    };
    let from = query.from.unwrap_or_else(|| to.saturating_sub(1).max(1));
    let before = policies.version(&authorised, id, from).await?;
    let after = policies.version(&authorised, id, to).await?;
    let changes = differences(&before, &after).into_iter();
    Ok(Answer(PolicyDiff {
        from,
        to,
        changes: changes.map(view::policy_field_change).collect(),
    }))
}

/// Lists the policies that are built in, as they hold for the tenant.
#[utoipa::path(get, path = "/policies/built-in", tag = "policies", responses(
    (status = 200, description = "The policies", body = BuiltInPolicies),
))]
pub(crate) async fn list_built_in_policies(
    State(api): State<Api>,
    caller: Caller,
) -> Result<Answer<BuiltInPolicies>, Failure> {
    let authorised = caller.may(Permission::PolicyRead)?;
    let all = api.policies.built_in(&authorised).await?;
    let data: Result<Vec<PolicyText>, Failure> = all.iter().map(view::built_in_policy).collect();
    Ok(Answer(BuiltInPolicies { data: data? }))
}

/// Switches a policy that is built in on or off for the tenant.
#[utoipa::path(put, path = "/policies/built-in/{name}", tag = "policies",
    request_body = SwitchPolicy,
    params(("name" = String, Path, description = "Its name")), responses(
    (status = 200, description = "The policy", body = PolicyText),
))]
pub(crate) async fn switch_built_in_policy(
    State(api): State<Api>,
    caller: Caller,
    PathText(name): PathText,
    Input(body): Input<SwitchPolicy>,
) -> Result<Answer<PolicyText>, Failure> {
    let authorised = caller.may(Permission::ConfigWrite)?;
    let mut tx = api.db.begin().await?;
    let policies = &api.policies;
    let switched = policies.switch_built_in(&mut tx, &authorised, &name, body.enabled);
    let switched = switched.await?;
    tx.commit().await?;
    (api.notify)(Change::Tenant(authorised.tenant));
    Ok(Answer(view::built_in_policy(&switched)?))
}

/// Refuses policies that the tenant does not have. The others stay until the end of the
/// transaction.
pub(crate) async fn kept(
    api: &Api,
    tx: &mut Tx,
    authorised: &Authorised,
    named: &[PolicyId],
) -> Result<(), Failure> {
    match api.policies.keep(tx, authorised, named).await? {
        None => Ok(()),
        Some(missing) => {
            let problem = format!("there is no policy `{missing}`");
            Err(Problem::field("settings.policy_ids", problem).into())
        }
    }
}

async fn stored(
    api: &Api,
    authorised: &Authorised,
    prepared: Prepared,
    if_match: Option<IfMatch>,
) -> Result<StoredPolicy, Failure> {
    if let (Some(if_match), Some(before)) = (if_match, prepared.before()) {
        if_match.allows_since(before.updated_at)?;
    }
    let mut tx = api.db.begin().await?;
    let stored = api.policies.store(&mut tx, authorised, prepared).await?;
    tx.commit().await?;
    (api.notify)(Change::Tenant(authorised.tenant));
    Ok(stored)
}

/// Whoever named it would silently be without it.
async fn unused(
    api: &Api,
    tx: &mut Tx,
    authorised: &Authorised,
    id: PolicyId,
) -> Result<(), Failure> {
    let agents = api.agents.count_with_policy(tx, authorised, id).await?;
    if agents == 0 {
        return Ok(());
    }
    let message = format!(
        "the policy is named by {agents} agents; take it out of `policy_ids` in their settings first"
    );
    Err(Problem::new(ErrorKind::ResourceInUse, message)
        .detail("agents", agents)
        .into())
}

fn tagged(policy: StoredPolicy) -> Result<Tagged<PolicyView>, Failure> {
    let changed = policy.updated_at;
    Ok(Tagged::new(view::policy(policy)?, changed))
}
