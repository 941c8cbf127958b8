//! `iron budget-requests`.

use iron_primitives::BudgetRequestId;
use iron_sdk::budget_requests::{
    ApproveBudgetRequest, BudgetRequestQuery, BudgetRequestView, CreateBudgetRequest,
    DenyBudgetRequest,
};
use iron_sdk::{BudgetAmount, Client, Dollars};

use super::resolve::{self, parse};
use crate::args::{BudgetRequests, Paging};
use crate::connection::Connection;
use crate::console::Console;
use crate::failure::Outcome;

pub(super) async fn run(
    verb: BudgetRequests,
    connection: &Connection,
    console: Console,
) -> Outcome {
    let client = connection.client().await?;
    match verb {
        BudgetRequests::Create {
            agent,
            budget,
            justification,
        } => {
            let body = CreateBudgetRequest {
                requested_budget: amount(&budget)?,
                agent_id: resolve::agent(&client, &agent).await?,
                justification,
            };
            let view = client.create_budget_request(&body).await?;
            console.show(&view, || console.facts(&facts(&view)))
        }
        BudgetRequests::List {
            mine,
            status,
            agent,
            requester,
            paging,
        } => {
            let query = query(&client, status, agent, requester, paging).await?;
            let list = if mine {
                client.list_my_budget_requests(&query).await?
            } else {
                client.list_budget_requests(&query).await?
            };
            console.show(&list, || table(console, &list.data))
        }
        BudgetRequests::Get { request } => {
            let view = client.get_budget_request(id(&request)?).await?;
            console.show(&view, || {
                let mut lines = facts(&view.request);
                lines.push(("budget now", or_unlimited(view.agent_budget)));
                lines.push(("spent now", view.agent_spent.to_string()));
                lines.push(("remaining now", or_unlimited(view.agent_remaining)));
                console.facts(&lines)
            })
        }
        BudgetRequests::Approve {
            request,
            budget,
            notes,
        } => {
            let body = ApproveBudgetRequest {
                approved_budget: budget.map(|text| amount(&text)).transpose()?,
                notes,
            };
            let view = client.approve_budget_request(id(&request)?, &body).await?;
            console.show(&view, || console.facts(&facts(&view.request)))
        }
        BudgetRequests::Deny { request, reason } => {
            let body = DenyBudgetRequest { reason };
            let view = client.deny_budget_request(id(&request)?, &body).await?;
            console.show(&view, || console.facts(&facts(&view)))
        }
        BudgetRequests::Cancel { request, force } => {
            let id = id(&request)?;
            console.confirm(&format!("take the budget request `{request}` back?"), force)?;
            let view = client.cancel_budget_request(id).await?;
            console.show(&view, || console.facts(&facts(&view)))
        }
    }
}

async fn query(
    client: &Client,
    status: Option<String>,
    agent: Option<String>,
    requester: Option<String>,
    paging: Paging,
) -> Outcome<BudgetRequestQuery> {
    let agent_id = match agent {
        Some(agent) => Some(resolve::agent(client, &agent).await?),
        None => None,
    };
    let requester_id = match requester {
        Some(user) => Some(resolve::user(client, &user).await?),
        None => None,
    };
    Ok(BudgetRequestQuery {
        page: Some(paging.page),
        per_page: Some(paging.per_page),
        sort: None,
        status,
        agent_id,
        requester_id,
    })
}

fn id(text: &str) -> Outcome<BudgetRequestId> {
    parse(text, "a budget request id such as `br_…`")
}

fn amount(text: &str) -> Outcome<BudgetAmount> {
    parse(text, "an amount in dollars from 0.01 to 999999.99")
}

fn or_unlimited(amount: Option<Dollars>) -> String {
    amount.map_or("unlimited".to_owned(), |dollars| dollars.to_string())
}

fn table(console: Console, requests: &[BudgetRequestView]) -> String {
    let rows = requests.iter().map(|request| {
        vec![
            request.id.to_string(),
            request.agent_name.clone(),
            request.status.to_string(),
            request.current_budget.to_string(),
            request.requested_budget.to_string(),
            request.created_at.to_string(),
        ]
    });
    let headings = ["id", "agent", "status", "from", "to", "created"];
    console.table(&headings, rows.collect())
}

fn facts(request: &BudgetRequestView) -> Vec<(&'static str, String)> {
    let mut lines = vec![
        ("id", request.id.to_string()),
        (
            "agent",
            format!("{} ({})", request.agent_name, request.agent_id),
        ),
        ("requester", request.requester_id.to_string()),
        ("status", request.status.to_string()),
        ("from", request.current_budget.to_string()),
        ("to", request.requested_budget.to_string()),
        ("justification", request.justification.clone()),
        ("created", request.created_at.to_string()),
    ];
    let later = [
        ("decided", request.decided_at.map(|at| at.to_string())),
        ("decided by", request.decided_by.map(|by| by.to_string())),
        (
            "given",
            request.approved_budget.map(|budget| budget.to_string()),
        ),
        ("reason", request.reason.clone()),
        ("notes", request.notes.clone()),
    ];
    lines.extend(
        later
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?))),
    );
    lines
}
