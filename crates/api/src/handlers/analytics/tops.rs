//! Which agents and users come first, and what went to which provider.

use std::collections::{BTreeMap, HashMap, HashSet};

use axum::extract::State;
use iron_audit::{Authorised, Dimension, RollupRow, Sums};
use iron_fleet::AgentFilter;
use iron_insight::{Table, TableRow};
use iron_primitives::{AgentId, UserId};
use iron_sdk::analytics::{
    BreakdownRow, BreakdownSummary, CallsQuery, Measure, Report, ReportPage, TopAgent, TopQuery,
    TopSummary, TopUser,
};
use iron_store::{Page, Sort};

use super::asked::Asked;
use crate::answer::{Answer, page};
use crate::caller::Caller;
use crate::failure::Failure;
use crate::input::Params;
use crate::state::Api;
use crate::view;

const USUAL_LIMIT: u32 = 10;

/// The agents that come first.
#[utoipa::path(get, path = "/analytics/agents/top", tag = "analytics",
    params(CallsQuery, TopQuery), responses(
    (status = 200, description = "The agents", body = Report<TopAgent, TopSummary>)))]
pub(crate) async fn get_top_agents(
    State(api): State<Api>,
    caller: Caller,
    Params(calls): Params<CallsQuery>,
    Params(top): Params<TopQuery>,
) -> Result<Answer<Report<TopAgent, TopSummary>>, Failure> {
    let first = First::of(&api, &caller, calls, &top, Dimension::Agent).await?;
    let ids: Vec<AgentId> = first.ids();
    let names = names(&api, &first.asked.authorised, &ids).await?;
    Ok(first.told(
        |rank, agent_id: AgentId, value, share_percentage| TopAgent {
            rank,
            agent_id,
            agent_name: names.get(&agent_id).cloned(),
            value,
            share_percentage,
        },
    ))
}

/// The users whose agents come first.
#[utoipa::path(get, path = "/analytics/users/top", tag = "analytics",
    params(CallsQuery, TopQuery), responses(
    (status = 200, description = "The users", body = Report<TopUser, TopSummary>)))]
pub(crate) async fn get_top_users(
    State(api): State<Api>,
    caller: Caller,
    Params(calls): Params<CallsQuery>,
    Params(top): Params<TopQuery>,
) -> Result<Answer<Report<TopUser, TopSummary>>, Failure> {
    let first = First::of(&api, &caller, calls, &top, Dimension::User).await?;
    Ok(
        first.told(|rank, user_id: UserId, value, share_percentage| TopUser {
            rank,
            user_id,
            value,
            share_percentage,
        }),
    )
}

/// Those who come first, and what all come to.
struct First {
    asked: Asked,
    by: Measure,
    total: i64,
    /// Who, and what they come to.
    rows: Vec<(String, i64)>,
    page: Page,
}

impl First {
    async fn of(
        api: &Api,
        caller: &Caller,
        calls: CallsQuery,
        top: &TopQuery,
        who: Dimension,
    ) -> Result<First, Failure> {
        let asked = Asked::by(api, caller, calls, &[who])?;
        let by = top.by.unwrap_or(Measure::Cost);
        let measure = view::measure(by);
        let table = asked.table(api, measure).await?;
        let limit = top.limit.unwrap_or(USUAL_LIMIT);
        let rows = table.rows(0, usize::try_from(limit).unwrap_or(usize::MAX));
        let rows = rows.into_iter().filter_map(|row| {
            let who = row.group.into_iter().next().filter(|who| !who.is_empty())?;
            Some((who, measure(&row.sums)))
        });
        Ok(First {
            by,
            total: measure(table.total()),
            rows: rows.filter(|(_, value)| *value > 0).collect(),
            page: page(None, Some(limit)),
            asked,
        })
    }

    fn ids<I: std::str::FromStr>(&self) -> Vec<I> {
        let ids = self.rows.iter().filter_map(|(who, _)| who.parse().ok());
        ids.collect()
    }

    fn told<I: std::str::FromStr, T: utoipa::ToSchema>(
        self,
        one: impl Fn(u32, I, i64, f64) -> T,
    ) -> Answer<Report<T, TopSummary>> {
        let total = self.total;
        let ranked = (1..).zip(&self.rows).filter_map(|(rank, (who, value))| {
            Some(one(
                rank,
                who.parse().ok()?,
                *value,
                view::percent(*value, total),
            ))
        });
        let summary = TopSummary { by: self.by, total };
        let page = (self.page, self.rows.len());
        self.asked.listed(ranked.collect(), page, summary)
    }
}

/// What agents are called now.
pub(super) async fn names(
    api: &Api,
    authorised: &Authorised,
    agents: &[AgentId],
) -> Result<HashMap<AgentId, String>, Failure> {
    let filter = AgentFilter {
        among: Some(agents.to_vec()),
        ..AgentFilter::default()
    };
    let all = page(None, Some(Page::MAX_PER_PAGE));
    let order = Sort::ascending("created_at");
    let found = api.agents.list(authorised, &filter, order, all).await?;
    let named = found.items.into_iter().map(|agent| (agent.id, agent.name));
    Ok(named.collect())
}

/// What went to each provider and model.
#[utoipa::path(get, path = "/analytics/providers/breakdown", tag = "analytics",
    params(CallsQuery, ReportPage), responses(
    (status = 200, description = "The shares", body = Report<BreakdownRow, BreakdownSummary>)))]
pub(crate) async fn get_provider_breakdown(
    State(api): State<Api>,
    caller: Caller,
    Params(calls): Params<CallsQuery>,
    Params(wanted): Params<ReportPage>,
) -> Result<Answer<Report<BreakdownRow, BreakdownSummary>>, Failure> {
    let by = [Dimension::Provider, Dimension::Model, Dimension::Agent];
    let mut asked = Asked::by(&api, &caller, calls, &by)?;
    let rows = api.audit.rollup_sums(&asked.authorised, &asked.query);
    let (rows, agents) = without_agents(rows.await?);
    asked.query.by.truncate(2);
    let table = Table::new(rows, 1, false, |sums| sums.cost.nanos());
    let total = *table.total();
    let row = |row: &TableRow| {
        let count = agents.get(&row.group).map_or(0, HashSet::len);
        view::breakdown_row(asked.group(row), &row.sums, total.cost, count)
    };
    let summary = view::breakdown_summary(&total);
    let page = page(wanted.page, wanted.per_page);
    Ok(asked.report(&table, page, row, summary))
}

type Agents = HashMap<Vec<String>, HashSet<String>>;

/// The rows without their last dimension, and who stood there.
fn without_agents(rows: Vec<RollupRow>) -> (Vec<RollupRow>, Agents) {
    let mut sums: BTreeMap<Vec<String>, Sums> = BTreeMap::new();
    let mut agents = Agents::new();
    for mut row in rows {
        let agent = row.group.pop().unwrap_or_default();
        sums.entry(row.group.clone()).or_default().add(&row.sums);
        agents.entry(row.group).or_default().insert(agent);
    }
    let row = |(group, sums)| RollupRow {
        slot: 0,
        group,
        sums,
    };
    (sums.into_iter().map(row).collect(), agents)
}
