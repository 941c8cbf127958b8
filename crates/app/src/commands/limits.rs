//! `iron limits`.

use iron_sdk::BudgetAmount;
use iron_sdk::agents::AgentQuery;
use iron_sdk::limits::{BudgetView, SetAgentBudget};

use super::resolve::{self, parse};
use crate::args::Limits;
use crate::connection::Connection;
use crate::console::Console;
use crate::failure::{Failure, Outcome};

pub(super) async fn run(verb: Limits, connection: &Connection, console: Console) -> Outcome {
    let client = connection.client().await?;
    match verb {
        Limits::List { paging } => {
            let (page, per_page) = (Some(paging.page), Some(paging.per_page));
            let query = AgentQuery {
                page,
                per_page,
                ..AgentQuery::default()
            };
            let list = client.list_agents(&query).await?;
            console.show(&list, || {
                let rows = list.data.iter().map(|agent| {
                    vec![
                        agent.id.to_string(),
                        agent.name.clone(),
                        agent.budget.to_string(),
                        agent.spent.to_string(),
                        agent.remaining.to_string(),
                        format!("{} %", agent.percentage_used),
                    ]
                });
                let headings = ["agent", "name", "budget", "spent", "remaining", "used"];
                console.table(&headings, rows.collect())
            })
        }
        Limits::Get { agent } => {
            let view = client
                .get_agent_budget(resolve::agent(&client, &agent).await?)
                .await?;
            console.show(&view, || facts(console, &view))
        }
        Limits::Set {
            agent,
            budget,
            period,
            force,
        } => {
            let amount: BudgetAmount =
                parse(&budget, "an amount in dollars from 0.01 to 999999.99")?;
            let period = period.map(|word| period_of(&word)).transpose()?;
            let id = resolve::agent(&client, &agent).await?;
            let now = client.get_agent_budget(id).await?;
            if let Some(present) = now.budget.filter(|present| amount.0 < *present) {
                let question = format!(
                    "lower the budget of `{agent}` from {present} to {}?",
                    amount.0
                );
                console.confirm(&question, force)?;
            }
            let body = SetAgentBudget {
                budget: amount,
                period,
                reason: None,
                force: None,
            };
            let view = client.set_agent_budget(id, &body).await?;
            console.show(&view, || facts(console, &view))
        }
    }
}

fn period_of(word: &str) -> Outcome<iron_primitives::Period> {
    serde_json::from_value(serde_json::Value::String(word.to_owned())).map_err(|_| {
        Failure::usage(format!(
            "`{word}` is not a period, expected none, daily, weekly or monthly"
        ))
    })
}

fn facts(console: Console, view: &BudgetView) -> String {
    let amount = |dollars: Option<iron_sdk::Dollars>| {
        dollars.map_or("unlimited".to_owned(), |dollars| dollars.to_string())
    };
    console.facts(&[
        ("budget", amount(view.budget)),
        ("spent", view.spent.to_string()),
        ("reserved", view.reserved.to_string()),
        ("in suspense", view.suspense.to_string()),
        ("remaining", amount(view.remaining)),
        ("status", view.status.to_string()),
        (
            "begins anew",
            view.next_reset_at
                .map_or("never".to_owned(), |at| at.to_string()),
        ),
    ])
}
