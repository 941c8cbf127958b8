//! `iron approvals`.

use std::collections::HashSet;
use std::time::Duration;

use iron_primitives::{AgentId, ApprovalId};
use iron_sdk::Client;
use iron_sdk::approvals::{
    ApprovalDecision, ApprovalQuery, ApprovalView, ApproveApproval, DenyApproval,
};

use super::resolve::{self, parse};
use crate::args::Approvals;
use crate::connection::Connection;
use crate::console::{Console, printable};
use crate::failure::Outcome;

/// How often it is looked what begins to wait.
const LOOK_EVERY: Duration = Duration::from_secs(1);

pub(super) async fn run(verb: Approvals, connection: &Connection, console: Console) -> Outcome {
    let client = connection.client().await?;
    match verb {
        Approvals::List {
            status,
            agent,
            paging,
        } => {
            let query = ApprovalQuery {
                page: Some(paging.page),
                per_page: Some(paging.per_page),
                sort: None,
                status,
                agent_id: agent_of(&client, agent).await?,
            };
            let list = client.list_approvals(&query).await?;
            console.show(&list, || table(console, &list.data))
        }
        Approvals::Get { approval } => {
            let view = client.get_approval(id(&approval)?).await?;
            console.show(&view, || facts(console, &view))
        }
        Approvals::Approve { approval, comment } => {
            let body = ApproveApproval { comment };
            let view = client.approve_approval(id(&approval)?, &body).await?;
            console.show(&view, || facts(console, &view))
        }
        Approvals::Deny { approval, reason } => {
            let body = DenyApproval { reason };
            let view = client.deny_approval(id(&approval)?, &body).await?;
            console.show(&view, || facts(console, &view))
        }
        Approvals::Watch { agent } => {
            let agent = agent_of(&client, agent).await?;
            watch(&client, agent, console).await
        }
    }
}

/// Shows each that waits once, the oldest first, and asks about it where somebody can answer.
async fn watch(client: &Client, agent_id: Option<AgentId>, console: Console) -> Outcome {
    let query = ApprovalQuery {
        page: None,
        per_page: Some(100),
        sort: Some("created_at".to_owned()),
        status: Some("pending".to_owned()),
        agent_id,
    };
    console.note("waiting for tool calls that need an approval; Ctrl-C ends it");
    let mut seen: HashSet<ApprovalId> = HashSet::new();
    loop {
        let waiting = client.list_approvals(&query).await?.data;
        let ids: HashSet<_> = waiting.iter().map(|view| view.id).collect();
        seen.retain(|id| ids.contains(id));
        for view in waiting {
            if !seen.insert(view.id) {
                continue;
            }
            console.event(&view, || format!("{}\n", facts(console, &view)))?;
            if console.interactive() {
                ask(client, &view, console).await?;
            }
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Asks what to say to it; nothing, if the answer is empty.
async fn ask(client: &Client, view: &ApprovalView, console: Console) -> Outcome {
    let question = format!(
        "{}: approve, deny, or Enter to leave it?",
        printable(&view.tool)
    );
    let said = loop {
        let answer = console.ask(&question, "the answer")?;
        match answer.trim().to_lowercase().as_str() {
            "" => return Ok(()),
            "a" | "approve" | "y" | "yes" => {
                let body = ApproveApproval::default();
                break client.approve_approval(view.id, &body).await;
            }
            "d" | "deny" | "n" | "no" => {
                let reason = console.ask("why?", "--reason")?;
                let reason = match reason.trim() {
                    "" => "denied on a terminal".to_owned(),
                    reason => reason.to_owned(),
                };
                break client
                    .deny_approval(view.id, &DenyApproval { reason })
                    .await;
            }
            _ => {}
        }
    };
    match said {
        Ok(view) => console.note(&format!("the call is {}", view.status)),
        // Somebody else may have been faster; the next one is asked about all the same.
        Err(error) => console.note(&format!("not decided: {error}")),
    }
    Ok(())
}

async fn agent_of(client: &Client, agent: Option<String>) -> Outcome<Option<AgentId>> {
    match agent {
        Some(agent) => Ok(Some(resolve::agent(client, &agent).await?)),
        None => Ok(None),
    }
}

fn id(text: &str) -> Outcome<ApprovalId> {
    parse(text, "an approval id such as `approval_…`")
}

fn table(console: Console, approvals: &[ApprovalView]) -> String {
    let rows = approvals.iter().map(|one| {
        vec![
            one.id.to_string(),
            one.agent_name.clone(),
            one.tool.clone(),
            one.risk_level.to_string(),
            one.status.to_string(),
            one.created_at.to_string(),
            one.expires_at.to_string(),
        ]
    });
    let headings = ["id", "agent", "tool", "risk", "status", "created", "until"];
    console.table(&headings, rows.collect())
}

fn facts(console: Console, view: &ApprovalView) -> String {
    let mut lines = vec![
        ("id", view.id.to_string()),
        ("agent", format!("{} ({})", view.agent_name, view.agent_id)),
        ("agent of", view.requester.to_string()),
        ("tool", view.tool.clone()),
        ("arguments", view.arguments.to_string()),
        ("risk", view.risk_level.to_string()),
        ("asked by", view.rules.join(", ")),
        ("status", view.status.to_string()),
        ("created", view.created_at.to_string()),
        ("until", view.expires_at.to_string()),
    ];
    if let Some(cost) = view.cost {
        lines.push(("cost", format!("${cost}")));
    }
    if !view.approvers.is_empty() {
        lines.push(("approvers", view.approvers.join(", ")));
    }
    if view.quorum > 1 {
        lines.push(("needed", format!("{} people", view.quorum)));
    }
    lines.extend(view.decisions.iter().map(|said| ("said", sentence(said))));
    let later = [
        ("decided", view.decided_at),
        ("can be made until", view.grant_expires_at),
        ("made", view.redeemed_at),
    ];
    let known = later
        .into_iter()
        .filter_map(|(name, at)| Some((name, at?.to_string())));
    lines.extend(known);
    console.facts(&lines)
}

fn sentence(said: &ApprovalDecision) -> String {
    let comment = said.comment.as_deref().unwrap_or_default();
    let text = format!("{} by {} {comment}", said.decision, said.user_id);
    text.trim_end().to_owned()
}
