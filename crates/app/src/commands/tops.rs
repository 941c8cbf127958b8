//! `iron analytics`: who and what comes first, how budgets stand, reports as files.

use iron_primitives::TeamId;
use iron_sdk::Client;
use iron_sdk::analytics::{
    Measure, ReportFile, ReportPage, TopQuery, TrendQuery, UtilizationQuery,
};

use super::{reports, resolve};
use crate::args::{Paging, TopArgs, WhichCalls};
use crate::console::{Console, dollars};
use crate::failure::Outcome;

pub(super) async fn agents(
    client: &Client,
    which: WhichCalls,
    top: TopArgs,
    console: Console,
) -> Outcome {
    let calls = reports::calls(client, which).await?;
    let found = client.get_top_agents(&calls, &wanted(top)).await?;
    console.show(&found, || {
        let rows = found.data.iter().map(|one| {
            vec![
                one.rank.to_string(),
                one.agent_name
                    .clone()
                    .unwrap_or_else(|| one.agent_id.to_string()),
                measured(top.by, one.value),
                format!("{:.2} %", one.share_percentage),
            ]
        });
        console.table(
            &["rank", "agent", top.by.as_str(), "of all"],
            rows.collect(),
        )
    })
}

pub(super) async fn users(
    client: &Client,
    which: WhichCalls,
    top: TopArgs,
    console: Console,
) -> Outcome {
    let calls = reports::calls(client, which).await?;
    let found = client.get_top_users(&calls, &wanted(top)).await?;
    console.show(&found, || {
        let rows = found.data.iter().map(|one| {
            vec![
                one.rank.to_string(),
                one.user_id.to_string(),
                measured(top.by, one.value),
                format!("{:.2} %", one.share_percentage),
            ]
        });
        console.table(&["rank", "user", top.by.as_str(), "of all"], rows.collect())
    })
}

fn wanted(top: TopArgs) -> TopQuery {
    TopQuery {
        by: Some(top.by),
        limit: Some(top.limit),
    }
}

fn measured(by: Measure, value: i64) -> String {
    match by {
        Measure::Cost => dollars(value),
        Measure::Tokens | Measure::Requests | Measure::Errors => value.to_string(),
    }
}

pub(super) async fn breakdown(
    client: &Client,
    which: WhichCalls,
    paging: Paging,
    console: Console,
) -> Outcome {
    let calls = reports::calls(client, which).await?;
    let found = client
        .get_provider_breakdown(&calls, &paged(paging))
        .await?;
    let heads = [
        "provider", "model", "cost", "of all", "calls", "tokens", "agents",
    ];
    console.show(&found, || {
        let rows = found.data.iter().map(|row| {
            vec![
                row.provider_id.map(|id| id.to_string()).unwrap_or_default(),
                row.model.clone().unwrap_or_default(),
                dollars(row.cost_micros),
                format!("{:.2} %", row.share_percentage),
                row.request_count.to_string(),
                row.tokens.to_string(),
                row.agent_count.to_string(),
            ]
        });
        console.table(&heads, rows.collect())
    })
}

pub(super) async fn trends(client: &Client, query: &TrendQuery, console: Console) -> Outcome {
    let found = client.get_trends(query).await?;
    let by = found.metric;
    console.show(&found, || {
        let rows = found.points.iter().map(|point| {
            let mean = point.moving_average.round();
            vec![
                point.start.to_string(),
                measured(by, point.value),
                format!("{mean:.0}"),
            ]
        });
        let change = found
            .change_percentage
            .map(|change| format!("{change:+.2} %"));
        let below = console.facts(&[
            ("in all", measured(by, found.total)),
            ("as many days before", measured(by, found.previous_total)),
            ("change", change.unwrap_or_default()),
        ]);
        let heads = ["from", by.as_str(), "mean of 7 days"];
        format!("{}\n{below}", console.table(&heads, rows.collect()))
    })
}

pub(super) async fn budgets(
    client: &Client,
    query: &UtilizationQuery,
    paging: Paging,
    console: Console,
) -> Outcome {
    let found = client.get_budget_utilization(query, &paged(paging)).await?;
    let heads = ["agent", "budget", "spent", "left", "used", "risk"];
    console.show(&found, || {
        let rows = found.data.iter().map(|row| {
            vec![
                row.agent_name.clone(),
                row.budget
                    .map(|budget| budget.to_string())
                    .unwrap_or_default(),
                dollars(row.spent_micros),
                row.remaining
                    .map(|left| left.to_string())
                    .unwrap_or_default(),
                format!("{:.2} %", row.percentage_used),
                row.risk.to_string(),
            ]
        });
        console.table(&heads, rows.collect())
    })
}

pub(super) async fn export(
    client: &Client,
    which: WhichCalls,
    file: &ReportFile,
    console: Console,
) -> Outcome {
    let calls = reports::calls(client, which).await?;
    let mut download = client.export_analytics(&calls, file).await?;
    while let Some(piece) = download.piece().await? {
        console.bytes(&piece)?;
    }
    Ok(())
}

pub(super) async fn team_id(client: &Client, team: Option<String>) -> Outcome<Option<TeamId>> {
    match team {
        Some(team) => resolve::team(client, &team).await.map(Some),
        None => Ok(None),
    }
}

fn paged(paging: Paging) -> ReportPage {
    ReportPage {
        page: Some(paging.page),
        per_page: Some(paging.per_page),
    }
}
