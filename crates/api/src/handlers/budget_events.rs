//! What happened to budgets.

use axum::extract::State;
use iron_audit::{Authorised, Reach};
use iron_budget::{EventFilter, EventKind};
use iron_fleet::AgentFilter;
use iron_identity::Permission;
use iron_primitives::Scope;
use iron_sdk::budget_events::{BudgetEventKind, BudgetEventQuery, BudgetEventView};
use iron_sdk::lists::List;
use iron_store::Sort;

use crate::answer::{Answer, list, page};
use crate::caller::Caller;
use crate::failure::Failure;
use crate::input::Params;
use crate::query::{instant, words};
use crate::state::Api;
use crate::view;

/// Lists what happened to budgets: admins see all, developers what concerns their own agents.
#[utoipa::path(get, path = "/limits/events", tag = "limits", params(BudgetEventQuery), responses(
    (status = 200, description = "The events", body = List<BudgetEventView>),
))]
pub(crate) async fn list_budget_events(
    State(api): State<Api>,
    caller: Caller,
    Params(query): Params<BudgetEventQuery>,
) -> Result<Answer<List<BudgetEventView>>, Failure> {
    let authorised = caller.may(Permission::TokenRead)?;
    let kinds = [
        (BudgetEventKind::Warning.as_str(), EventKind::Warning),
        (BudgetEventKind::Limit.as_str(), EventKind::Limit),
        (BudgetEventKind::Runaway.as_str(), EventKind::Runaway),
    ];
    let filter = EventFilter {
        scope: query.scope,
        among: within_reach(&api, &authorised).await?,
        kinds: words("kind", query.kind.as_deref(), &kinds)?,
        since: instant("since", query.since.as_deref())?,
        after: query.after,
    };
    let page = page(query.page, query.per_page);
    let found = api.ledger.events(&authorised, &filter, page).await?;
    Ok(list(found, page, view::budget_event))
}

/// The agents whose events the caller may see; none if he may see all events.
async fn within_reach(api: &Api, authorised: &Authorised) -> Result<Option<Vec<Scope>>, Failure> {
    if authorised.reach == Reach::Tenant {
        return Ok(None);
    }
    let all = AgentFilter::default();
    let own = api
        .agents
        .outlines(authorised, &all, Sort::ascending("created_at"))
        .await?;
    Ok(Some(
        own.into_iter().map(|one| Scope::Agent(one.id)).collect(),
    ))
}
