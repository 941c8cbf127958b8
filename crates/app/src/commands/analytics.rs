//! `iron analytics`.

use iron_primitives::AgentId;
use iron_sdk::Client;
use iron_sdk::analytics::{
    AnomalyQuery, AnomalyView, ProjectionQuery, ProjectionView, ReportFile, TokenQuery,
    TokenTotalView, TokensBy, TokensSort, TrendQuery, UtilizationQuery, WhatIf, WhatIfView,
};

use super::{reconciliations, reports, resolve, tops};
use crate::args::{Analytics, Counted, CountedSort};
use crate::connection::Connection;
use crate::console::{Console, dollars};
use crate::failure::{Failure, Outcome};

pub(super) async fn run(verb: Analytics, connection: &Connection, console: Console) -> Outcome {
    let client = connection.client().await?;
    match verb {
        Analytics::Spending { report, metric } => {
            reports::spending(&client, *report, metric, console).await
        }
        Analytics::Usage { report } => reports::usage(&client, *report, console).await,
        Analytics::Requests { report } => reports::requests(&client, *report, console).await,
        Analytics::Errors { report } => reports::errors(&client, *report, console).await,
        Analytics::TopAgents { calls, top } => tops::agents(&client, *calls, top, console).await,
        Analytics::TopUsers { calls, top } => tops::users(&client, *calls, top, console).await,
        Analytics::Breakdown { calls, paging } => {
            tops::breakdown(&client, *calls, paging, console).await
        }
        Analytics::Trends {
            metric,
            window,
            agent,
            team,
            timezone,
        } => {
            let query = TrendQuery {
                metric: Some(metric),
                window: Some(window),
                timezone,
                agent_id: agent_id(&client, agent).await?,
                team_id: tops::team_id(&client, team).await?,
                ..TrendQuery::default()
            };
            tops::trends(&client, &query, console).await
        }
        Analytics::Budgets {
            threshold,
            team,
            paging,
        } => {
            let query = UtilizationQuery {
                threshold,
                team_id: tops::team_id(&client, team).await?,
                ..UtilizationQuery::default()
            };
            tops::budgets(&client, &query, paging, console).await
        }
        Analytics::Export {
            calls,
            group_by,
            format,
        } => {
            let file = ReportFile {
                format: Some(format),
                group_by,
            };
            tops::export(&client, *calls, &file, console).await
        }
        Analytics::Projection { agent } => {
            let agent_id = agent_id(&client, agent).await?;
            let view = client.get_projection(&ProjectionQuery { agent_id }).await?;
            console.show(&view, || projection(console, &view))
        }
        Analytics::Anomalies { agent, paging } => {
            let query = AnomalyQuery {
                page: Some(paging.page),
                per_page: Some(paging.per_page),
                agent_id: agent_id(&client, agent).await?,
            };
            let list = client.list_anomalies(&query).await?;
            console.show(&list, || anomalies(console, &list.data))
        }
        Analytics::Reconcile {
            file,
            provider,
            threshold,
        } => {
            let invoice = (file.as_path(), provider, threshold);
            reconciliations::reconcile(&client, invoice, console).await
        }
        Analytics::Reconciliations { paging } => {
            reconciliations::listed(&client, paging, console).await
        }
        Analytics::Reconciliation { id } => reconciliations::shown(&client, &id, console).await,
        Analytics::Tokens {
            by,
            agent,
            name,
            sort,
            paging,
        } => {
            let query = TokenQuery {
                by: Some(counted_by(by)),
                page: Some(paging.page),
                per_page: Some(paging.per_page),
                agent_id: agent_id(&client, agent).await?,
                name,
                sort: Some(sorted_by(sort)),
            };
            let list = client.list_token_totals(&query).await?;
            console.show(&list, || tokens(console, &list.data))
        }
        Analytics::WhatIf {
            agent,
            traffic,
            swap,
        } => {
            let body = WhatIf {
                agent_id: agent_id(&client, agent).await?,
                traffic_factor: traffic,
                model_swap: swap.iter().map(|text| pair(text)).collect::<Outcome<_>>()?,
            };
            let view = client.what_if(&body).await?;
            console.show(&view, || what_if(console, &view))
        }
    }
}

async fn agent_id(client: &Client, agent: Option<String>) -> Outcome<Option<AgentId>> {
    match agent {
        Some(agent) => resolve::agent(client, &agent).await.map(Some),
        None => Ok(None),
    }
}

fn pair(text: &str) -> Outcome<(String, String)> {
    match text.split_once('=') {
        Some((from, to)) if !from.is_empty() && !to.is_empty() => Ok((from.into(), to.into())),
        _ => Err(Failure::usage(format!(
            "`{text}` is no swap: expected `MODEL=OTHER` such as `gpt-5=gpt-5-mini`"
        ))),
    }
}

fn projection(console: Console, view: &ProjectionView) -> String {
    let exhausted = match view.exhausted_on {
        Some(at) => at.to_string(),
        None => "not foreseen".to_owned(),
    };
    let method = format!("{}, from {} whole days", view.method, view.days_of_history);
    console.facts(&[
        ("spent this month", view.spent.to_string()),
        ("month will come to", view.month_total.to_string()),
        ("between (90 %)", format!("{} and {}", view.low, view.high)),
        ("budget used up", exhausted),
        ("method", method),
        ("month ends", view.month_ends_at.to_string()),
        ("as of", view.updated_at.to_string()),
    ])
}

fn anomalies(console: Console, anomalies: &[AnomalyView]) -> String {
    let rows = anomalies.iter().map(|anomaly| {
        vec![
            anomaly.at.to_string(),
            anomaly.cost.to_string(),
            anomaly.usual.to_string(),
            format!("{:.1}", anomaly.factor),
        ]
    });
    console.table(&["hour", "cost", "usual", "times"], rows.collect())
}

const fn counted_by(by: Counted) -> TokensBy {
    match by {
        Counted::Agent => TokensBy::Agent,
        Counted::User => TokensBy::User,
        Counted::EndUser => TokensBy::EndUser,
        Counted::Conversation => TokensBy::Conversation,
    }
}

const fn sorted_by(sort: CountedSort) -> TokensSort {
    match sort {
        CountedSort::Last => TokensSort::LastRequestAt,
        CountedSort::Cost => TokensSort::Cost,
        CountedSort::Tokens => TokensSort::TotalTokens,
    }
}

fn tokens(console: Console, totals: &[TokenTotalView]) -> String {
    let heads = [
        "name",
        "agent",
        "calls",
        "in",
        "cached",
        "out",
        "cost",
        "last call",
    ];
    let rows = totals.iter().map(|total| {
        vec![
            total.name.clone(),
            total.agent_id.map(|id| id.to_string()).unwrap_or_default(),
            total.request_count.to_string(),
            total.input_tokens.to_string(),
            total.cached_tokens.to_string(),
            total.output_tokens.to_string(),
            dollars(total.cost_micros),
            total.last_request_at.to_string(),
        ]
    });
    console.table(&heads, rows.collect())
}

fn what_if(console: Console, view: &WhatIfView) -> String {
    console.facts(&[
        ("30 days as they are", view.cost_now.to_string()),
        ("30 days then", view.cost.to_string()),
        ("difference", view.difference.to_string()),
        ("as of", view.updated_at.to_string()),
    ])
}
