//! `iron analytics`: what calls came to.

use iron_sdk::Client;
use iron_sdk::analytics::{
    AnalyticsRange, CallGroup, CallsQuery, ErrorsRow, GroupQuery, MetricQuery, RequestCounts,
    SpendingRow, TokenUsage,
};

use super::resolve;
use crate::args::{ReportArgs, WhichCalls};
use crate::console::{Console, dollars};
use crate::failure::Outcome;

pub(super) async fn spending(
    client: &Client,
    report: ReportArgs,
    metric: Option<String>,
    console: Console,
) -> Outcome {
    let (calls, group) = asked(client, report).await?;
    let metric = MetricQuery { metric };
    let found = client.get_spending(&calls, &group, &metric).await?;
    let row = |row: &SpendingRow| (row.group.clone(), costs(row));
    let heads = ["cost", "calls", "each", "least", "most"];
    console.show(&found, || {
        let below = console.facts(&[
            ("cost", dollars(found.summary.total_cost_micros)),
            ("calls", found.summary.total_requests.to_string()),
            (
                "half cost no more than",
                dollars(found.summary.median_cost_micros),
            ),
        ]);
        format!(
            "{}\n{below}",
            table(console, &heads, found.data.iter().map(row))
        )
    })
}

fn costs(row: &SpendingRow) -> Vec<String> {
    let amount = |micros: Option<i64>| micros.map(dollars).unwrap_or_default();
    vec![
        amount(row.cost_micros),
        row.request_count
            .map(|count| count.to_string())
            .unwrap_or_default(),
        amount(row.avg_cost_micros),
        amount(row.min_cost_micros),
        amount(row.max_cost_micros),
    ]
}

pub(super) async fn usage(client: &Client, report: ReportArgs, console: Console) -> Outcome {
    let (calls, group) = asked(client, report).await?;
    let found = client.get_usage(&calls, &group).await?;
    let tokens = |usage: &TokenUsage| {
        [
            usage.request_count,
            usage.input_tokens,
            usage.cached_tokens,
            usage.output_tokens,
            usage.reasoning_tokens,
            usage.total_tokens,
        ]
        .map(|count| count.to_string())
        .to_vec()
    };
    let heads = ["calls", "in", "cached", "out", "reasoning", "total"];
    console.show(&found, || {
        let rows = found
            .data
            .iter()
            .map(|row| (row.group.clone(), tokens(&row.usage)));
        table(console, &heads, rows)
    })
}

pub(super) async fn requests(client: &Client, report: ReportArgs, console: Console) -> Outcome {
    let (calls, group) = asked(client, report).await?;
    let found = client.get_requests(&calls, &group).await?;
    let heads = ["calls", "failed", "p50 ms", "p95 ms", "p99 ms"];
    console.show(&found, || {
        let rows = found
            .data
            .iter()
            .map(|row| (row.group.clone(), went(&row.requests)));
        table(console, &heads, rows)
    })
}

fn went(counts: &RequestCounts) -> Vec<String> {
    let millis = |some: Option<f64>| some.map(|ms| format!("{ms:.1}")).unwrap_or_default();
    vec![
        counts.total.to_string(),
        counts.failed.to_string(),
        millis(counts.p50_ms),
        millis(counts.p95_ms),
        millis(counts.p99_ms),
    ]
}

pub(super) async fn errors(client: &Client, report: ReportArgs, console: Console) -> Outcome {
    let (calls, group) = asked(client, report).await?;
    let found = client.get_errors(&calls, &group).await?;
    let cells = |row: &ErrorsRow| {
        let last = row.last_seen_at.map(|at| at.to_string());
        vec![
            row.error_type.clone(),
            row.count.to_string(),
            format!("{:.2} %", row.rate * 100.0),
            last.unwrap_or_default(),
        ]
    };
    let heads = ["why", "calls", "of all", "last"];
    console.show(&found, || {
        table(
            console,
            &heads,
            found.data.iter().map(|row| (row.group.clone(), cells(row))),
        )
    })
}

async fn asked(client: &Client, report: ReportArgs) -> Outcome<(CallsQuery, GroupQuery)> {
    let group = GroupQuery {
        group_by: report.group_by,
        page: Some(report.paging.page),
        per_page: Some(report.paging.per_page),
    };
    Ok((calls(client, report.calls).await?, group))
}

/// Which calls are wanted, with ids in the place of names.
pub(super) async fn calls(client: &Client, which: WhichCalls) -> Outcome<CallsQuery> {
    let mut query = CallsQuery {
        range: Some(match which.start_date {
            Some(_) => AnalyticsRange::Custom,
            None => which.range,
        }),
        start_date: which.start_date,
        end_date: which.end_date,
        timezone: which.timezone,
        model: which.model,
        status: which.status,
        operation: which.operation,
        environment: which.environment,
        ..CallsQuery::default()
    };
    if let Some(agent) = which.agent {
        query.agent_id = Some(resolve::agent(client, &agent).await?);
    }
    if let Some(provider) = which.provider {
        query.provider_id = Some(resolve::provider(client, &provider).await?);
    }
    if let Some(project) = which.project {
        query.project_id = Some(resolve::project(client, &project).await?);
    }
    if let Some(user) = which.user {
        query.user_id = Some(resolve::user(client, &user).await?);
    }
    if let Some(team) = which.team {
        query.team_id = Some(resolve::team(client, &team).await?);
    }
    Ok(query)
}

/// A table with the columns by which its rows are told apart, then these.
fn table(
    console: Console,
    heads: &[&str],
    rows: impl Iterator<Item = (CallGroup, Vec<String>)>,
) -> String {
    let rows: Vec<([String; 10], Vec<String>)> =
        rows.map(|(group, rest)| (told(group), rest)).collect();
    let names = [
        "from",
        "agent",
        "provider",
        "project",
        "user",
        "team",
        "model",
        "environment",
        "operation",
        "tenant",
    ];
    // What no row is told apart by has no column.
    let shown: Vec<usize> = (0..names.len())
        .filter(|column| {
            rows.iter()
                .any(|(group, _)| group.get(*column).is_some_and(|cell| !cell.is_empty()))
        })
        .collect();
    let all: Vec<&str> = shown
        .iter()
        .filter_map(|column| names.get(*column).copied())
        .chain(heads.iter().copied())
        .collect();
    let cells = rows.into_iter().map(|(group, rest)| {
        let group = shown
            .iter()
            .filter_map(|column| group.get(*column).cloned());
        group.chain(rest).collect()
    });
    console.table(&all, cells.collect())
}

fn told(group: CallGroup) -> [String; 10] {
    fn text(value: Option<impl ToString>) -> String {
        value.map(|value| value.to_string()).unwrap_or_default()
    }
    [
        text(group.start),
        text(group.agent_id),
        text(group.provider_id),
        text(group.project_id),
        text(group.user_id),
        text(group.team_id),
        text(group.model),
        text(group.environment),
        text(group.operation),
        text(group.tenant_id),
    ]
}
