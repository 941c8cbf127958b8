//! Money in the hands of instances.

use axum::extract::State;
use iron_budget::{LeaseFilter, LeaseState};
use iron_identity::Permission;
use iron_net::problem::Problem;
use iron_primitives::{LeaseId, Money, Scope};
use iron_runtime::authority::Change;
use iron_sdk::leases::{LeaseQuery, LeaseStatus, LeaseView, ReconcileLease};
use iron_sdk::lists::List;
use iron_sdk::users::Reason;

use crate::answer::{Answer, list, page};
use crate::caller::Caller;
use crate::failure::Failure;
use crate::input::{Input, Params, PathId};
use crate::query::words;
use crate::state::Api;
use crate::view;

/// Lists the leases on the budgets of the tenant, the newest first.
#[utoipa::path(get, path = "/leases", tag = "leases", params(LeaseQuery), responses(
    (status = 200, description = "The leases", body = List<LeaseView>),
))]
pub(crate) async fn list_leases(
    State(api): State<Api>,
    caller: Caller,
    Params(query): Params<LeaseQuery>,
) -> Result<Answer<List<LeaseView>>, Failure> {
    let authorised = caller.may(Permission::BudgetSet)?;
    let states = [
        (LeaseStatus::Active.as_str(), LeaseState::Open),
        (LeaseStatus::Fenced.as_str(), LeaseState::Fenced),
        (LeaseStatus::Closed.as_str(), LeaseState::Closed),
    ];
    let filter = LeaseFilter {
        scope: query.agent_id.map(Scope::Agent),
        states: words("status", query.status.as_deref(), &states)?,
    };
    let page = page(query.page, query.per_page);
    let found = api.ledger.leases(&authorised, &filter, page).await?;
    Ok(list(found, page, view::lease))
}

/// Takes a lease away: nothing more is admitted on it, and what its owner does not account for
/// stays in suspense.
#[utoipa::path(post, path = "/leases/{lease_id}/revoke", tag = "leases", request_body = Reason,
    params(("lease_id" = LeaseId, Path, description = "The lease")), responses(
    (status = 200, description = "The lease", body = LeaseView),
))]
pub(crate) async fn revoke_lease(
    State(api): State<Api>,
    caller: Caller,
    PathId(id): PathId<LeaseId>,
    Input(body): Input<Reason>,
) -> Result<Answer<LeaseView>, Failure> {
    let authorised = caller.may(Permission::BudgetSet)?;
    let lease = api
        .ledger
        .revoke_lease(&authorised, id, &body.reason)
        .await?;
    (api.notify)(Change::Budget(lease.scope));
    Ok(Answer(view::lease(lease)))
}

/// Closes the account of a lease that was taken away, and frees what is left of it.
#[utoipa::path(post, path = "/leases/{lease_id}/reconcile", tag = "leases",
    request_body = ReconcileLease,
    params(("lease_id" = LeaseId, Path, description = "The lease")), responses(
    (status = 200, description = "The lease, closed", body = LeaseView),
))]
pub(crate) async fn reconcile_lease(
    State(api): State<Api>,
    caller: Caller,
    PathId(id): PathId<LeaseId>,
    Input(body): Input<ReconcileLease>,
) -> Result<Answer<LeaseView>, Failure> {
    let authorised = caller.may(Permission::BudgetSet)?;
    let spent = final_spent(&body)?;
    let lease = api
        .ledger
        .reconcile_lease(&authorised, id, spent, &body.reason)
        .await?;
    (api.notify)(Change::Budget(lease.scope));
    Ok(Answer(view::lease(lease)))
}

fn final_spent(body: &ReconcileLease) -> Result<Option<Money>, Problem> {
    let wrong = |field: &'static str| Problem::field(field, "is out of range");
    match (body.final_spent, body.final_spent_micros) {
        (None, None) => Ok(None),
        (Some(dollars), None) => dollars.money().map(Some).map_err(|_| wrong("final_spent")),
        (None, Some(micros)) => {
            let nanos = micros.checked_mul(1_000).map(Money::from_nanos);
            nanos.map(Some).ok_or_else(|| wrong("final_spent_micros"))
        }
        (Some(_), Some(_)) => Err(Problem::field(
            "final_spent_micros",
            "give this or `final_spent`, not both",
        )),
    }
}
