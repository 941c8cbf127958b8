//! Requests for access: asked for by anybody, decided by admins.

pub(crate) mod keys;

use std::collections::HashSet;

use axum::extract::State;
use iron_approvals::{AccessFilter, AccessGrant, AccessRequest, AccessStatus, NewAccessRequest};
use iron_audit::Authorised;
use iron_identity::{Permission, User, UserStatus};
use iron_net::problem::Problem;
use iron_primitives::{AccessRequestId, ErrorKind, IcTokenId};
use iron_sdk::access::{
    AccessDecided, AccessDecision, AccessQuery, AccessRequestView, AccessResult, ApproveAccess,
    CreateAccessRequest, DecideAccess, DenyAccess, TeamName, TeamNameQuery,
};
use iron_sdk::lists::List;
use iron_store::{Sort, Tx};

use crate::answer::{Answer, Created, Tagged, list, page, tag_of};
use crate::caller::Caller;
use crate::failure::Failure;
use crate::input::{IfMatch, Input, Params, PathId};
use crate::notices;
use crate::query::{sort, words};
use crate::state::Api;
use crate::view;

/// Asks for a key of one's own, from the budget of a team; an admin decides.
#[utoipa::path(post, path = "/access-requests", tag = "access-requests",
    request_body = CreateAccessRequest, responses(
    (status = 201, description = "The request, pending", body = AccessRequestView),
))]
pub(crate) async fn create_access_request(
    State(api): State<Api>,
    caller: Caller,
    Input(body): Input<CreateAccessRequest>,
) -> Result<Created<AccessRequestView>, Failure> {
    let authorised = caller.may(Permission::AccessRequest)?;
    let monthly_budget = view::amount("monthly_budget", body.monthly_budget)?;
    let mut tx = api.db.begin().await?;
    let user = hold_caller(&api, &mut tx, &authorised).await?;
    let team = api.identity.keep_team(&mut tx, &authorised, body.team_id);
    let team = team.await?;
    let new = NewAccessRequest {
        team: team.id,
        team_name: team.name,
        use_case: body.use_case,
        monthly_budget,
    };
    let request = api.access.create(&mut tx, &authorised, new).await?;
    let notice = notices::access_requested(&request, &user);
    let told = api.channels.announce(&mut tx, authorised.tenant, &notice);
    told.await?;
    tx.commit().await?;
    api.channels.wake();
    Ok(Created {
        location: format!("/api/v1/access-requests/{}", request.id),
        view: view::access_request(request),
    })
}

/// Holds the caller until the end of the transaction, if he is still active: a user who is being
/// deleted leaves no request and no key behind.
async fn hold_caller(api: &Api, tx: &mut Tx, authorised: &Authorised) -> Result<User, Failure> {
    let hold = api.identity.hold_user(tx, authorised, authorised.user);
    let user = hold.await?;
    if user.status == UserStatus::Active {
        return Ok(user);
    }
    let message = "your account has just been closed";
    Err(Problem::new(ErrorKind::AccountDisabled, message).into())
}

/// Names the teams of the tenant, in any of which everybody may ask for access.
#[utoipa::path(get, path = "/access-requests/teams", tag = "access-requests",
    params(TeamNameQuery),
    responses((status = 200, description = "The teams", body = List<TeamName>)))]
pub(crate) async fn list_access_teams(
    State(api): State<Api>,
    caller: Caller,
    Params(query): Params<TeamNameQuery>,
) -> Result<Answer<List<TeamName>>, Failure> {
    let authorised = caller.may(Permission::AccessRequest)?;
    let page = page(query.page, query.per_page);
    let name = query.name.as_deref();
    let found = api.identity.team_names(&authorised, name, page).await?;
    Ok(list(found, page, |team| TeamName {
        id: team.id,
        name: team.name,
        description: team.description,
    }))
}

/// Lists the access requests of the tenant.
#[utoipa::path(get, path = "/access-requests", tag = "access-requests", params(AccessQuery),
    responses((status = 200, description = "The requests", body = List<AccessRequestView>)))]
pub(crate) async fn list_access_requests(
    State(api): State<Api>,
    caller: Caller,
    Params(query): Params<AccessQuery>,
) -> Result<Answer<List<AccessRequestView>>, Failure> {
    let authorised = caller.may(Permission::AccessDecide)?;
    listed(&api, &authorised, query, false).await
}

/// Lists the caller's own access requests.
#[utoipa::path(get, path = "/access-requests/me", tag = "access-requests", params(AccessQuery),
    responses((status = 200, description = "The requests", body = List<AccessRequestView>)))]
pub(crate) async fn list_my_access_requests(
    State(api): State<Api>,
    caller: Caller,
    Params(query): Params<AccessQuery>,
) -> Result<Answer<List<AccessRequestView>>, Failure> {
    let authorised = caller.may(Permission::AccessRead)?;
    listed(&api, &authorised, query, true).await
}

async fn listed(
    api: &Api,
    authorised: &Authorised,
    query: AccessQuery,
    mine: bool,
) -> Result<Answer<List<AccessRequestView>>, Failure> {
    let known: Vec<_> = AccessStatus::ALL
        .iter()
        .map(|one| (one.as_str(), *one))
        .collect();
    let filter = AccessFilter {
        statuses: words("status", query.status.as_deref(), &known)?,
        team: query.team_id,
        mine,
    };
    let newest = Sort::descending("created_at");
    let order = sort(query.sort.as_deref(), AccessFilter::SORTS, newest)?;
    let page = page(query.page, query.per_page);
    let found = api.access.list(authorised, &filter, order, page).await?;
    let dead = dead_keys(api, &found.items).await?;
    Ok(list(found, page, |request| shown(request, &dead)))
}

/// Those keys of these requests that were revoked by themselves, or with their agents.
async fn dead_keys(api: &Api, requests: &[AccessRequest]) -> Result<HashSet<IcTokenId>, Failure> {
    let keys = requests.iter().filter_map(|request| request.key);
    let mut keys: HashSet<_> = keys.map(|key| key.record).collect();
    let ids: Vec<_> = keys.iter().copied().collect();
    let standing = api.identity.ic_tokens_standing(&ids).await?;
    keys.retain(|key| standing.get(key).is_none_or(|standing| standing.revoked));
    Ok(keys)
}

/// A request; one whose key is dead cannot be renewed.
fn shown(request: AccessRequest, dead: &HashSet<IcTokenId>) -> AccessRequestView {
    let is_dead = request.key.is_some_and(|key| dead.contains(&key.record));
    let mut view = view::access_request(request);
    view.renewable_from = view.renewable_from.filter(|_| !is_dead);
    view
}

/// One access request; the requester may ask too.
#[utoipa::path(get, path = "/access-requests/{access_request_id}", tag = "access-requests",
    params(("access_request_id" = AccessRequestId, Path, description = "The request")),
    responses((status = 200, description = "The request", body = AccessRequestView)))]
pub(crate) async fn get_access_request(
    State(api): State<Api>,
    caller: Caller,
    PathId(id): PathId<AccessRequestId>,
) -> Result<Tagged<AccessRequestView>, Failure> {
    let authorised = caller.may(Permission::AccessRead)?;
    let request = api.access.get(&authorised, id).await?;
    let tag = tag_of(request.updated_at);
    let dead = dead_keys(&api, std::slice::from_ref(&request)).await?;
    Ok(Tagged::with_tag(shown(request, &dead), tag))
}

/// Approves an access request; the requester can claim the key from now on.
#[utoipa::path(put, path = "/access-requests/{access_request_id}/approve",
    tag = "access-requests", request_body = ApproveAccess,
    params(("access_request_id" = AccessRequestId, Path, description = "The request")),
    responses((status = 200, description = "The request, approved", body = AccessRequestView)))]
pub(crate) async fn approve_access_request(
    State(api): State<Api>,
    caller: Caller,
    PathId(id): PathId<AccessRequestId>,
    if_match: IfMatch,
    Input(body): Input<ApproveAccess>,
) -> Result<Tagged<AccessRequestView>, Failure> {
    let authorised = caller.may(Permission::AccessDecide)?;
    let budget = body.budget.map(|amount| view::amount("budget", amount));
    let grant = AccessGrant {
        budget: budget.transpose()?,
        allowed_models: body.allowed_models,
    };
    let decision = Decision::Approve(grant);
    let request = decide(&api, &authorised, id, &if_match, decision).await?;
    Ok(tagged(request))
}

/// Denies an access request.
#[utoipa::path(put, path = "/access-requests/{access_request_id}/deny", tag = "access-requests",
    request_body = DenyAccess,
    params(("access_request_id" = AccessRequestId, Path, description = "The request")),
    responses((status = 200, description = "The request, denied", body = AccessRequestView)))]
pub(crate) async fn deny_access_request(
    State(api): State<Api>,
    caller: Caller,
    PathId(id): PathId<AccessRequestId>,
    if_match: IfMatch,
    Input(body): Input<DenyAccess>,
) -> Result<Tagged<AccessRequestView>, Failure> {
    let authorised = caller.may(Permission::AccessDecide)?;
    let decision = Decision::Deny(body.reason);
    let request = decide(&api, &authorised, id, &if_match, decision).await?;
    Ok(tagged(request))
}

/// Decides several access requests, each by itself: one that cannot be decided keeps none of the
/// others.
#[utoipa::path(post, path = "/access-requests/bulk", tag = "access-requests",
    request_body = DecideAccess, responses(
    (status = 200, description = "What became of each", body = AccessDecided),
))]
pub(crate) async fn decide_access_requests(
    State(api): State<Api>,
    caller: Caller,
    Input(body): Input<DecideAccess>,
) -> Result<Answer<AccessDecided>, Failure> {
    let authorised = caller.may(Permission::AccessDecide)?;
    let decision = match (body.decision, body.reason) {
        (AccessDecision::Approve, None) => Decision::Approve(AccessGrant::default()),
        (AccessDecision::Approve, Some(_)) => {
            return Err(Problem::field("reason", "only a denial has one").into());
        }
        (AccessDecision::Deny, Some(reason)) => Decision::Deny(reason),
        (AccessDecision::Deny, None) => {
            return Err(Problem::field("reason", "required for a denial").into());
        }
    };
    let mut results = Vec::with_capacity(body.ids.len());
    for id in body.ids {
        let outcome = decide(&api, &authorised, id, &IfMatch(None), decision.clone()).await;
        results.push(match outcome {
            Ok(request) => AccessResult {
                id,
                ok: true,
                status: Some(view::access_status(request.status)),
                code: None,
                message: None,
            },
            Err(failure) => {
                let problem = Problem::from(failure);
                AccessResult {
                    id,
                    ok: false,
                    status: None,
                    code: Some(problem.kind().code().to_owned()),
                    message: Some(problem.message().to_owned()),
                }
            }
        });
    }
    let decided = results.iter().filter(|result| result.ok).count();
    Ok(Answer(AccessDecided {
        decided: u32::try_from(decided).unwrap_or(u32::MAX),
        results,
    }))
}

/// What an admin says to a request.
#[derive(Clone)]
enum Decision {
    Approve(AccessGrant),
    Deny(String),
}

async fn decide(
    api: &Api,
    authorised: &Authorised,
    id: AccessRequestId,
    if_match: &IfMatch,
    decision: Decision,
) -> Result<AccessRequest, Failure> {
    let mut tx = api.db.begin().await?;
    let before = api.access.hold(&mut tx, authorised, id).await?;
    if_match.allows(&tag_of(before.updated_at))?;
    let request = match decision {
        Decision::Approve(grant) => api.access.approve(&mut tx, authorised, id, grant).await?,
        Decision::Deny(reason) => api.access.deny(&mut tx, authorised, id, reason).await?,
    };
    tell(api, &mut tx, authorised, &request).await?;
    tx.commit().await?;
    api.channels.wake();
    Ok(request)
}

/// Tells people, the requester among them, what became of a request.
async fn tell(
    api: &Api,
    tx: &mut Tx,
    authorised: &Authorised,
    request: &AccessRequest,
) -> Result<(), Failure> {
    let requester = api.identity.user(&mut *tx, authorised, request.requester);
    let notice = notices::access_decided(request, &requester.await?);
    let told = api.channels.announce(tx, authorised.tenant, &notice);
    Ok(told.await?)
}

fn tagged(request: AccessRequest) -> Tagged<AccessRequestView> {
    let tag = tag_of(request.updated_at);
    Tagged::with_tag(view::access_request(request), tag)
}
