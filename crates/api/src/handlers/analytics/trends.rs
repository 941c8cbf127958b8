//! How something goes from day to day, and how budgets stand.

use axum::extract::State;
use iron_budget::BudgetStatus;
use iron_fleet::AgentFilter;
use iron_identity::Permission;
use iron_primitives::{AgentId, Scope, Unit};
use iron_sdk::analytics::{
    AnalyticsRange, BudgetRisk, CallsQuery, Granularity, Measure, ReportPage, RiskCounts,
    TrendPoint, TrendQuery, TrendView, TrendWindow, Utilization, UtilizationQuery,
};
use iron_sdk::lists::Pagination;
use iron_store::{Page, Sort};

use super::asked::Asked;
use crate::answer::{Answer, page};
use crate::caller::Caller;
use crate::failure::Failure;
use crate::input::Params;
use crate::state::Api;
use crate::view;

/// The days of a moving average.
const SMOOTHED: usize = 7;

/// How something goes from day to day, and against as many days before.
#[utoipa::path(get, path = "/analytics/trends", tag = "analytics", params(TrendQuery),
    responses((status = 200, description = "The trend", body = TrendView)))]
pub(crate) async fn get_trends(
    State(api): State<Api>,
    caller: Caller,
    Params(query): Params<TrendQuery>,
) -> Result<Answer<TrendView>, Failure> {
    let metric = query.metric.unwrap_or(Measure::Cost);
    let window = query.window.unwrap_or(TrendWindow::Month);
    let mut asked = Asked::read(
        &api,
        &caller,
        calls(query, window),
        Some(Granularity::Day.as_str()),
    )?;
    let days = asked.query.slots.len();
    asked.look_back(days);
    let measure = view::measure(metric);
    let table = asked.table(&api, measure).await?;
    let values: Vec<i64> = table
        .rows(0, usize::MAX)
        .iter()
        .map(|row| measure(&row.sums))
        .collect();
    let (before, now) = values.split_at(days.min(values.len()));
    let (previous_total, total): (i64, i64) = (before.iter().sum(), now.iter().sum());
    let starts = asked.query.slots.iter().skip(days);
    let points = starts.zip(days..).map(|((start, _), index)| TrendPoint {
        start: *start,
        value: values.get(index).copied().unwrap_or_default(),
        moving_average: view::mean(
            values
                .get((index + 1).saturating_sub(SMOOTHED)..=index)
                .unwrap_or_default(),
        ),
    });
    Ok(Answer(TrendView {
        metric,
        window,
        points: points.collect(),
        total,
        previous_total,
        change_percentage: (previous_total > 0)
            .then(|| view::percent(total.saturating_sub(previous_total), previous_total)),
        meta: asked.meta(),
    }))
}

fn calls(query: TrendQuery, window: TrendWindow) -> CallsQuery {
    CallsQuery {
        range: Some(match window {
            TrendWindow::Week => AnalyticsRange::Week,
            TrendWindow::Month => AnalyticsRange::Month,
            TrendWindow::Quarter => AnalyticsRange::Quarter,
        }),
        timezone: query.timezone,
        agent_id: query.agent_id,
        provider_id: query.provider_id,
        project_id: query.project_id,
        user_id: query.user_id,
        team_id: query.team_id,
        ..CallsQuery::default()
    }
}

/// How the budgets of agents stand in their present periods, the most used first.
#[utoipa::path(get, path = "/analytics/budget-utilization", tag = "analytics",
    params(UtilizationQuery, ReportPage), responses(
    (status = 200, description = "The budgets", body = Utilization)))]
pub(crate) async fn get_budget_utilization(
    State(api): State<Api>,
    caller: Caller,
    Params(query): Params<UtilizationQuery>,
    Params(wanted): Params<ReportPage>,
) -> Result<Answer<Utilization>, Failure> {
    let authorised = caller.may(Permission::MetricsRead)?;
    let filter = AgentFilter {
        project: query.project_id,
        team: query.team_id,
        owner: query.user_id,
        among: query.agent_id.map(|agent| vec![agent]),
        ..AgentFilter::default()
    };
    let order = Sort::ascending("created_at");
    let agents = api.agents.outlines(&authorised, &filter, order).await?;
    let scopes: Vec<Scope> = agents.iter().map(|one| Scope::Agent(one.id)).collect();
    let found = api.limits.get_all(&authorised, &scopes).await?;
    let least = f64::from(query.threshold.unwrap_or(0));
    let mut budgets: Vec<(AgentId, BudgetStatus)> = found
        .into_iter()
        .filter(|budget| budget.unit == Unit::Usd && view::percentage(budget) >= least)
        .filter_map(|budget| match budget.scope {
            Scope::Agent(id) => Some((id, budget)),
            _ => None,
        })
        .collect();
    budgets.sort_by_key(|(id, budget)| {
        let used = std::cmp::Reverse(budget.percentage_used_hundredths());
        (used, std::cmp::Reverse(budget.spent()), *id)
    });
    let page = page(wanted.page, wanted.per_page);
    let total = u64::try_from(budgets.len()).unwrap_or(u64::MAX);
    let summary = risks(&budgets);
    let budgets = on_page(budgets, page);
    let ids: Vec<AgentId> = budgets.iter().map(|(id, _)| *id).collect();
    let names = super::tops::names(&api, &authorised, &ids).await?;
    let rows = budgets.into_iter().map(|(id, budget)| {
        let name = names.get(&id).cloned().unwrap_or_default();
        view::utilization_row(id, name, &budget)
    });
    Ok(Answer(Utilization {
        data: rows.collect(),
        pagination: Pagination::new(page.page, page.per_page, total),
        summary,
        calculated_at: api.environment.now(),
    }))
}

fn on_page<T>(all: Vec<T>, page: Page) -> Vec<T> {
    let skipped = usize::try_from(page.offset()).unwrap_or(usize::MAX);
    let most = usize::try_from(page.limit()).unwrap_or(0);
    all.into_iter().skip(skipped).take(most).collect()
}

fn risks(budgets: &[(AgentId, BudgetStatus)]) -> RiskCounts {
    let mut counts = RiskCounts::default();
    for (_, budget) in budgets {
        let count = match view::risk(budget) {
            BudgetRisk::Low => &mut counts.low,
            BudgetRisk::Medium => &mut counts.medium,
            BudgetRisk::High => &mut counts.high,
            BudgetRisk::Critical => &mut counts.critical,
            BudgetRisk::Exhausted => &mut counts.exhausted,
        };
        *count = count.saturating_add(1);
    }
    counts
}
