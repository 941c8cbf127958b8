//! Requests for higher budgets.

use axum::extract::State;
use iron_audit::Authorised;
use iron_budget::{Approval, BudgetRequest, NewRequest, RequestFilter, RequestStatus};
use iron_identity::{Permission, UserStatus};
use iron_net::problem::Problem;
use iron_primitives::{BudgetRequestId, ErrorKind, Scope, TeamId};
use iron_runtime::authority::Change;
use iron_sdk::budget_requests::{
    ApproveBudgetRequest, BudgetRequestApproved, BudgetRequestDetails, BudgetRequestQuery,
    BudgetRequestView, CreateBudgetRequest, DenyBudgetRequest,
};
use iron_sdk::lists::List;
use iron_store::{Sort, Tx};

use crate::answer::{Answer, Created, Tagged, list, page};
use crate::caller::Caller;
use crate::failure::Failure;
use crate::input::{IfMatch, Input, Params, PathId};
use crate::notices;
use crate::query::{sort, words};
use crate::state::Api;
use crate::view;

/// Asks for a higher budget for an agent; an admin decides.
#[utoipa::path(post, path = "/budget-requests", tag = "budget-requests",
    request_body = CreateBudgetRequest, responses(
    (status = 201, description = "The request, pending", body = BudgetRequestView),
))]
pub(crate) async fn create_budget_request(
    State(api): State<Api>,
    caller: Caller,
    Input(body): Input<CreateBudgetRequest>,
) -> Result<Created<BudgetRequestView>, Failure> {
    let authorised = caller.may(Permission::BudgetRequest)?;
    let requested_budget = view::amount("requested_budget", body.requested_budget)?;
    let mut tx = api.db.begin().await?;
    // A user who is being deleted leaves no request behind.
    let user = api
        .identity
        .hold_user(&mut tx, &authorised, authorised.user)
        .await?;
    if user.status != UserStatus::Active {
        let message = "your account has just been closed";
        return Err(Problem::new(ErrorKind::AccountDisabled, message).into());
    }
    let agent = api.agents.hold(&mut tx, &authorised, body.agent_id).await?;
    let new = NewRequest {
        agent: agent.id,
        agent_name: agent.name,
        requested_budget,
        justification: body.justification,
    };
    let request = api.requests.create(&mut tx, &authorised, new).await?;
    let notice = notices::budget_requested(&request, agent.team, &user);
    api.channels
        .announce(&mut tx, authorised.tenant, &notice)
        .await?;
    tx.commit().await?;
    api.channels.wake();
    Ok(Created {
        location: format!("/api/v1/budget-requests/{}", request.id),
        view: view::budget_request(request),
    })
}

/// Lists the budget requests of the tenant.
#[utoipa::path(get, path = "/budget-requests", tag = "budget-requests",
    params(BudgetRequestQuery), responses(
    (status = 200, description = "The requests", body = List<BudgetRequestView>),
))]
pub(crate) async fn list_budget_requests(
    State(api): State<Api>,
    caller: Caller,
    Params(query): Params<BudgetRequestQuery>,
) -> Result<Answer<List<BudgetRequestView>>, Failure> {
    listed(&api, &caller, Permission::BudgetDecide, false, query).await
}

/// Lists the caller's own budget requests.
#[utoipa::path(get, path = "/budget-requests/me", tag = "budget-requests",
    params(BudgetRequestQuery), responses(
    (status = 200, description = "The requests", body = List<BudgetRequestView>),
))]
pub(crate) async fn list_my_budget_requests(
    State(api): State<Api>,
    caller: Caller,
    Params(query): Params<BudgetRequestQuery>,
) -> Result<Answer<List<BudgetRequestView>>, Failure> {
    listed(&api, &caller, Permission::BudgetRequestRead, true, query).await
}

async fn listed(
    api: &Api,
    caller: &Caller,
    permission: Permission,
    mine: bool,
    query: BudgetRequestQuery,
) -> Result<Answer<List<BudgetRequestView>>, Failure> {
    let authorised = caller.may(permission)?;
    let statuses = RequestStatus::ALL.map(|status| (status.as_str(), status));
    let filter = RequestFilter {
        statuses: words("status", query.status.as_deref(), &statuses)?,
        agent: query.agent_id,
        requester: query.requester_id,
        mine,
    };
    let order = sort(
        query.sort.as_deref(),
        RequestFilter::SORTS,
        Sort::descending("created_at"),
    )?;
    let page = page(query.page, query.per_page);
    let found = api.requests.list(&authorised, &filter, order, page).await?;
    Ok(list(found, page, view::budget_request))
}

/// One budget request, with the agent's budget as it is now; the requester may ask too.
#[utoipa::path(get, path = "/budget-requests/{budget_request_id}", tag = "budget-requests",
    params(("budget_request_id" = BudgetRequestId, Path, description = "The request")), responses(
    (status = 200, description = "The request", body = BudgetRequestDetails),
))]
pub(crate) async fn get_budget_request(
    State(api): State<Api>,
    caller: Caller,
    PathId(id): PathId<BudgetRequestId>,
) -> Result<Tagged<BudgetRequestDetails>, Failure> {
    let authorised = caller.may(Permission::BudgetRequestRead)?;
    let request = api.requests.get(&authorised, id).await?;
    let scope = Scope::Agent(request.agent);
    let budget = api.limits.get(&authorised, scope).await?;
    let tag = view::budget_request_tag(&request);
    Ok(Tagged::with_tag(
        view::budget_request_details(request, &budget),
        tag,
    ))
}

/// Approves a budget request: the agent's budget is raised at once.
#[utoipa::path(put, path = "/budget-requests/{budget_request_id}/approve", tag = "budget-requests",
    request_body = ApproveBudgetRequest,
    params(("budget_request_id" = BudgetRequestId, Path, description = "The request")), responses(
    (status = 200, description = "The request and the new budget", body = BudgetRequestApproved),
))]
pub(crate) async fn approve_budget_request(
    State(api): State<Api>,
    caller: Caller,
    PathId(id): PathId<BudgetRequestId>,
    if_match: IfMatch,
    Input(body): Input<ApproveBudgetRequest>,
) -> Result<Tagged<BudgetRequestApproved>, Failure> {
    let authorised = caller.may(Permission::BudgetDecide)?;
    let given = body.approved_budget;
    let approval = Approval {
        budget: given
            .map(|one| view::amount("approved_budget", one))
            .transpose()?,
        notes: body.notes,
    };
    let asked = api.requests.get(&authorised, id).await?;
    let mut tx = api.db.begin().await?;
    // The agent first, in the order of its own deletion. If that was faster, it has cancelled the
    // request, which says more than that there is no agent.
    let agent = api.agents.hold(&mut tx, &authorised, asked.agent).await;
    let before = api.requests.hold(&mut tx, &authorised, id).await?;
    if_match.allows(&view::budget_request_tag(&before))?;
    let approved = api
        .requests
        .approve(&mut tx, &authorised, id, approval)
        .await?;
    let agent = agent?;
    tell(&api, &mut tx, &authorised, (&approved.request, agent.team)).await?;
    tx.commit().await?;
    api.channels.wake();
    (api.notify)(Change::Budget(Scope::Agent(agent.id)));
    let tag = view::budget_request_tag(&approved.request);
    Ok(Tagged::with_tag(
        view::budget_request_approved(approved, agent.name),
        tag,
    ))
}

/// Denies a budget request.
#[utoipa::path(put, path = "/budget-requests/{budget_request_id}/deny", tag = "budget-requests",
    request_body = DenyBudgetRequest,
    params(("budget_request_id" = BudgetRequestId, Path, description = "The request")), responses(
    (status = 200, description = "The request, denied", body = BudgetRequestView),
))]
pub(crate) async fn deny_budget_request(
    State(api): State<Api>,
    caller: Caller,
    PathId(id): PathId<BudgetRequestId>,
    if_match: IfMatch,
    Input(body): Input<DenyBudgetRequest>,
) -> Result<Tagged<BudgetRequestView>, Failure> {
    let authorised = caller.may(Permission::BudgetDecide)?;
    let asked = api.requests.get(&authorised, id).await?;
    let agent = api.agents.for_call(authorised.tenant, asked.agent).await?;
    let team = agent.and_then(|agent| agent.path.team);
    let mut tx = api.db.begin().await?;
    let before = api.requests.hold(&mut tx, &authorised, id).await?;
    if_match.allows(&view::budget_request_tag(&before))?;
    let request = api
        .requests
        .deny(&mut tx, &authorised, id, body.reason)
        .await?;
    tell(&api, &mut tx, &authorised, (&request, team)).await?;
    tx.commit().await?;
    api.channels.wake();
    Ok(decided(request, view::budget_request))
}

/// Takes a budget request back; its requester may, and an admin.
#[utoipa::path(delete, path = "/budget-requests/{budget_request_id}", tag = "budget-requests",
    params(("budget_request_id" = BudgetRequestId, Path, description = "The request")), responses(
    (status = 200, description = "The request, cancelled", body = BudgetRequestView),
))]
pub(crate) async fn cancel_budget_request(
    State(api): State<Api>,
    caller: Caller,
    PathId(id): PathId<BudgetRequestId>,
    if_match: IfMatch,
) -> Result<Tagged<BudgetRequestView>, Failure> {
    let authorised = caller.may(Permission::BudgetRequestCancel)?;
    let mut tx = api.db.begin().await?;
    let before = api.requests.hold(&mut tx, &authorised, id).await?;
    if_match.allows(&view::budget_request_tag(&before))?;
    let request = api.requests.cancel(&mut tx, &authorised, id).await?;
    tx.commit().await?;
    Ok(decided(request, view::budget_request))
}

/// Tells people, the requester among them, what was decided.
async fn tell(
    api: &Api,
    tx: &mut Tx,
    authorised: &Authorised,
    (request, team): (&BudgetRequest, Option<TeamId>),
) -> Result<(), Failure> {
    let requester = api.identity.user(&mut *tx, authorised, request.requester);
    let notice = notices::budget_decided(request, team, &requester.await?);
    api.channels
        .announce(tx, authorised.tenant, &notice)
        .await?;
    Ok(())
}

fn decided<V>(request: BudgetRequest, view: impl FnOnce(BudgetRequest) -> V) -> Tagged<V> {
    let tag = view::budget_request_tag(&request);
    Tagged::with_tag(view(request), tag)
}
