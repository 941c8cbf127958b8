//! Lists of agents, also by what only the ledger knows of them.

use std::collections::{HashMap, HashSet};

use iron_audit::Authorised;
use iron_budget::BudgetStatus;
use iron_fleet::{Agent, AgentFilter, Outline};
use iron_primitives::{AgentId, Money, Scope, UserId};
use iron_sdk::agents::{AgentStatus, AgentView};
use iron_sdk::lists::List;
use iron_store::{Page, Paged, Sort};

use crate::answer::{Answer, list};
use crate::failure::Failure;
use crate::state::Api;
use crate::view;

/// The fields by which the ledger sorts.
pub(super) const BY_MONEY: &[(&str, &str)] = &[("budget", "budget"), ("spent", "spent")];

/// Which agents are wanted.
pub(super) struct Wanted {
    pub(super) filter: AgentFilter,
    /// One of these; all if empty.
    pub(super) statuses: Vec<AgentStatus>,
    pub(super) order: Sort,
    pub(super) page: Page,
}

impl Wanted {
    fn is_by_money(&self) -> bool {
        BY_MONEY
            .iter()
            .any(|(_, column)| *column == self.order.column())
    }
}

/// A page of agents with their budgets.
pub(super) async fn listed(
    api: &Api,
    authorised: &Authorised,
    wanted: Wanted,
) -> Result<Answer<List<AgentView>>, Failure> {
    let suspended = api.identity.suspended_users(authorised.tenant).await?;
    let page = wanted.page;
    let found = if wanted.statuses.is_empty() && !wanted.is_by_money() {
        let Wanted { filter, order, .. } = &wanted;
        api.agents.list(authorised, filter, *order, page).await?
    } else {
        by_standing(api, authorised, wanted, &suspended).await?
    };
    let ids = found.items.iter().map(|agent| agent.id);
    let budgets = budgets(api, authorised, ids).await?;
    let mut views = Vec::with_capacity(found.items.len());
    for agent in found.items {
        let Some(budget) = budgets.get(&agent.id) else {
            return Err(iron_budget::Error::NotFound.into());
        };
        let off = agent.switched_off || suspended.contains(&agent.owner);
        views.push(view::agent(agent, budget, off, None));
    }
    let total = found.total;
    let views = Paged {
        items: views,
        total,
    };
    Ok(list(views, page, |view| view))
}

/// The agents that the ledger has a say about: all are looked at, one page is read.
async fn by_standing(
    api: &Api,
    authorised: &Authorised,
    wanted: Wanted,
    suspended: &HashSet<UserId>,
) -> Result<Paged<Agent>, Failure> {
    let by_money = wanted.is_by_money();
    let order = if by_money {
        Sort::ascending("created_at")
    } else {
        wanted.order
    };
    let outlines = api
        .agents
        .outlines(authorised, &wanted.filter, order)
        .await?;
    let budgets = budgets(api, authorised, outlines.iter().map(|one| one.id)).await?;
    let mut kept: Vec<(Outline, &BudgetStatus)> = outlines
        .into_iter()
        .filter_map(|one| Some((one, budgets.get(&one.id)?)))
        .filter(|(one, budget)| {
            let off = one.switched_off || suspended.contains(&one.owner);
            wanted.statuses.is_empty() || wanted.statuses.contains(&view::agent_status(off, budget))
        })
        .collect();
    if by_money {
        let amount = |budget: &BudgetStatus| match wanted.order.column() {
            "budget" => budget.limit.unwrap_or(Money::ZERO),
            _ => budget.spent(),
        };
        kept.sort_by_key(|(one, budget)| (amount(budget), one.id));
        if wanted.order.is_descending() {
            kept.reverse();
        }
    }
    let total = u64::try_from(kept.len()).unwrap_or(u64::MAX);
    let skipped = usize::try_from(wanted.page.offset()).unwrap_or(usize::MAX);
    let most = usize::try_from(wanted.page.limit()).unwrap_or(0);
    let ids: Vec<AgentId> = kept
        .iter()
        .skip(skipped)
        .take(most)
        .map(|(one, _)| one.id)
        .collect();
    let filter = AgentFilter {
        among: Some(ids.clone()),
        ..AgentFilter::default()
    };
    let whole = Page {
        page: 1,
        per_page: wanted.page.per_page,
    };
    let mut found = api.agents.list(authorised, &filter, order, whole).await?;
    let places: HashMap<AgentId, usize> = ids.into_iter().zip(0..).collect();
    found
        .items
        .sort_by_key(|agent| places.get(&agent.id).copied());
    Ok(Paged {
        items: found.items,
        total,
    })
}

async fn budgets(
    api: &Api,
    authorised: &Authorised,
    agents: impl Iterator<Item = AgentId>,
) -> Result<HashMap<AgentId, BudgetStatus>, Failure> {
    let scopes: Vec<Scope> = agents.map(Scope::Agent).collect();
    let found = api.limits.get_all(authorised, &scopes).await?;
    let of_agent = |status: BudgetStatus| match status.scope {
        Scope::Agent(id) => Some((id, status)),
        _ => None,
    };
    Ok(found.into_iter().filter_map(of_agent).collect())
}
