//! Tool calls that people decide about: admins, and those whom a policy names.

pub(crate) mod answers;
pub(crate) mod link;

use axum::extract::State;
use iron_approvals::{Approval, ApprovalFilter, ApprovalStatus, Ruling, Verdict, Way};
use iron_identity::Permission;
use iron_primitives::ApprovalId;
use iron_sdk::approvals::{ApprovalQuery, ApprovalView, ApproveApproval, DenyApproval};
use iron_sdk::lists::List;
use iron_store::Sort;

use crate::answer::{Answer, Tagged, list, page, tag_of};
use crate::caller::Caller;
use crate::failure::Failure;
use crate::input::{IfMatch, Input, Params, PathId};
use crate::query::{sort, words};
use crate::state::Api;
use crate::view;

/// Lists the approvals that the caller may see: those of his agents, and those that name him.
#[utoipa::path(get, path = "/approvals", tag = "approvals", params(ApprovalQuery),
    responses((status = 200, description = "The approvals", body = List<ApprovalView>)))]
pub(crate) async fn list_approvals(
    State(api): State<Api>,
    caller: Caller,
    Params(query): Params<ApprovalQuery>,
) -> Result<Answer<List<ApprovalView>>, Failure> {
    let authorised = caller.may(Permission::ApprovalRead)?;
    let known: Vec<_> = ApprovalStatus::ALL
        .iter()
        .map(|one| (one.as_str(), *one))
        .collect();
    let filter = ApprovalFilter {
        statuses: words("status", query.status.as_deref(), &known)?,
        agent: query.agent_id,
    };
    let newest = Sort::descending("created_at");
    let order = sort(query.sort.as_deref(), ApprovalFilter::SORTS, newest)?;
    let page = page(query.page, query.per_page);
    let email = &caller.known().user.email;
    let found = api
        .approvals
        .list(&authorised, email, &filter, (order, page));
    Ok(list(found.await?, page, view::approval))
}

/// One approval, with what people have said to it.
#[utoipa::path(get, path = "/approvals/{approval_id}", tag = "approvals",
    params(("approval_id" = ApprovalId, Path, description = "The approval")),
    responses((status = 200, description = "The approval", body = ApprovalView)))]
pub(crate) async fn get_approval(
    State(api): State<Api>,
    caller: Caller,
    PathId(id): PathId<ApprovalId>,
) -> Result<Tagged<ApprovalView>, Failure> {
    let authorised = caller.may(Permission::ApprovalRead)?;
    let email = &caller.known().user.email;
    let approval = api.approvals.get(&authorised, email, id).await?;
    Ok(tagged(approval))
}

/// Approves a tool call; it can be made once, when as many people have as are needed.
#[utoipa::path(put, path = "/approvals/{approval_id}/approve", tag = "approvals",
    request_body = ApproveApproval,
    params(("approval_id" = ApprovalId, Path, description = "The approval")),
    responses((status = 200, description = "The approval", body = ApprovalView)))]
pub(crate) async fn approve_approval(
    State(api): State<Api>,
    caller: Caller,
    PathId(id): PathId<ApprovalId>,
    if_match: IfMatch,
    Input(body): Input<ApproveApproval>,
) -> Result<Tagged<ApprovalView>, Failure> {
    let said = (Verdict::Approve, body.comment);
    decide(&api, &caller, id, &if_match, said).await
}

/// Denies a tool call, whatever others say.
#[utoipa::path(put, path = "/approvals/{approval_id}/deny", tag = "approvals",
    request_body = DenyApproval,
    params(("approval_id" = ApprovalId, Path, description = "The approval")),
    responses((status = 200, description = "The approval, denied", body = ApprovalView)))]
pub(crate) async fn deny_approval(
    State(api): State<Api>,
    caller: Caller,
    PathId(id): PathId<ApprovalId>,
    if_match: IfMatch,
    Input(body): Input<DenyApproval>,
) -> Result<Tagged<ApprovalView>, Failure> {
    let said = (Verdict::Deny, Some(body.reason));
    decide(&api, &caller, id, &if_match, said).await
}

async fn decide(
    api: &Api,
    caller: &Caller,
    id: ApprovalId,
    if_match: &IfMatch,
    (verdict, comment): (Verdict, Option<String>),
) -> Result<Tagged<ApprovalView>, Failure> {
    let authorised = caller.may(Permission::ApprovalDecide)?;
    if if_match.0.is_some() {
        let now = api.approvals.find(authorised.tenant, id).await?;
        if_match.allows(&tag_of(now.updated_at))?;
    }
    let ruling = Ruling {
        approval: id,
        email: caller.known().user.email.clone(),
        verdict,
        comment,
        way: Way::Api,
    };
    Ok(tagged(api.approvals.decide(&authorised, ruling).await?))
}

fn tagged(approval: Approval) -> Tagged<ApprovalView> {
    let tag = tag_of(approval.updated_at);
    Tagged::with_tag(view::approval(approval), tag)
}
