//! `iron limits events`.

use iron_primitives::Scope;
use iron_sdk::Client;
use iron_sdk::budget_events::{BudgetEventQuery, BudgetEventView};

use super::resolve::{self, parse};
use crate::args::Events;
use crate::console::Console;
use crate::failure::Outcome;

pub(super) async fn run(events: Events, client: &Client, console: Console) -> Outcome {
    let scope = match (events.agent, events.scope) {
        (Some(agent), _) => Some(Scope::Agent(resolve::agent(client, &agent).await?)),
        (None, Some(scope)) => Some(parse(&scope, "an id such as `team_…` or `proj_…`")?),
        (None, None) => None,
    };
    let query = BudgetEventQuery {
        page: Some(events.paging.page),
        per_page: Some(events.paging.per_page),
        scope,
        kind: events.kind,
        since: events.since,
        after: events.after,
    };
    let list = client.list_budget_events(&query).await?;
    console.show(&list, || table(console, &list.data))
}

fn table(console: Console, events: &[BudgetEventView]) -> String {
    let amount = |dollars: Option<iron_sdk::Dollars>, amount: i64| {
        dollars.map_or_else(|| amount.to_string(), |dollars| dollars.to_string())
    };
    let rows = events.iter().map(|event| {
        vec![
            event.sequence.to_string(),
            event.at.to_string(),
            event.kind.to_string(),
            event.scope.to_string(),
            format!("{} %", event.percentage),
            amount(event.used, event.used_amount),
            amount(event.limit, event.limit_amount),
            if event.cleared_at.is_some() {
                "over"
            } else {
                ""
            }
            .to_owned(),
        ]
    });
    let headings = ["#", "time", "kind", "budget of", "at", "used", "limit", ""];
    console.table(&headings, rows.collect())
}
