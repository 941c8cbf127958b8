//! `iron access`.

use iron_primitives::AccessRequestId;
use iron_sdk::access::{
    AccessDecided, AccessDecision, AccessQuery, AccessRequestView, ApproveAccess,
    CreateAccessRequest, DecideAccess, DenyAccess, TeamNameQuery,
};
use iron_sdk::users::Reason;
use iron_sdk::{BudgetAmount, Client};

use super::resolve::{self, parse};
use crate::args::Access;
use crate::connection::Connection;
use crate::console::Console;
use crate::failure::{Exit, Failure, Outcome};

pub(super) async fn run(verb: Access, connection: &Connection, console: Console) -> Outcome {
    let client = connection.client().await?;
    match verb {
        Access::Request {
            team,
            use_case,
            budget,
        } => {
            let body = CreateAccessRequest {
                team_id: resolve::any_team(&client, &team).await?,
                use_case,
                monthly_budget: amount(&budget)?,
            };
            let view = client.create_access_request(&body).await?;
            console.show(&view, || facts(console, &view))
        }
        Access::Teams { name, paging } => {
            let query = TeamNameQuery {
                page: Some(paging.page),
                per_page: Some(paging.per_page),
                name,
            };
            let list = client.list_access_teams(&query).await?;
            console.show(&list, || {
                let rows = list.data.iter().map(|team| {
                    let what = team.description.clone().unwrap_or_default();
                    vec![team.id.to_string(), team.name.clone(), what]
                });
                console.table(&["id", "name", "description"], rows.collect())
            })
        }
        Access::List {
            mine,
            status,
            team,
            paging,
        } => {
            let team_id = match team {
                Some(team) => Some(resolve::team(&client, &team).await?),
                None => None,
            };
            let query = AccessQuery {
                page: Some(paging.page),
                per_page: Some(paging.per_page),
                sort: None,
                status,
                team_id,
            };
            let list = match mine {
                true => client.list_my_access_requests(&query).await?,
                false => client.list_access_requests(&query).await?,
            };
            console.show(&list, || table(console, &list.data))
        }
        Access::Get { request } => {
            let view = client.get_access_request(id(&request)?).await?;
            console.show(&view, || facts(console, &view))
        }
        Access::Approve {
            request,
            budget,
            allowed_models,
        } => {
            let body = ApproveAccess {
                budget: budget.map(|text| amount(&text)).transpose()?,
                allowed_models: Some(allowed_models).filter(|models| !models.is_empty()),
            };
            let view = client.approve_access_request(id(&request)?, &body).await?;
            console.show(&view, || facts(console, &view))
        }
        Access::Deny { request, reason } => {
            let body = DenyAccess { reason };
            let view = client.deny_access_request(id(&request)?, &body).await?;
            console.show(&view, || facts(console, &view))
        }
        Access::Bulk {
            decision,
            requests,
            reason,
        } => bulk(&client, (decision, &requests, reason), console).await,
        Access::Claim { request } => {
            let claimed = client.claim_access(id(&request)?).await?;
            console.show(&claimed, || {
                let facts = console.facts(&[
                    ("token", claimed.token.expose().to_owned()),
                    ("base url", claimed.base_url.clone()),
                    ("agent", claimed.agent_id.to_string()),
                    ("expires", claimed.expires_at.to_string()),
                ]);
                format!("{facts}\n\n{}", claimed.instructions.trim_end())
            })
        }
        Access::Renew { request } => {
            let renewed = client.renew_access(id(&request)?).await?;
            console.show(&renewed, || {
                let old = renewed.previous_valid_until.map(|at| at.to_string());
                console.facts(&[
                    ("token", renewed.token.expose().to_owned()),
                    ("agent", renewed.agent_id.to_string()),
                    ("expires", renewed.expires_at.to_string()),
                    ("old key until", old.unwrap_or_else(|| "ended".to_owned())),
                ])
            })
        }
        Access::Revoke {
            request,
            reason,
            force,
        } => {
            let id = id(&request)?;
            console.confirm(&format!("take the access of `{request}` away?"), force)?;
            let view = client.revoke_access(id, &Reason { reason }).await?;
            console.show(&view, || facts(console, &view))
        }
    }
}

async fn bulk(
    client: &Client,
    (decision, requests, reason): (AccessDecision, &[String], Option<String>),
    console: Console,
) -> Outcome {
    let ids: Vec<AccessRequestId> = requests.iter().map(|one| id(one)).collect::<Outcome<_>>()?;
    let asked = ids.len();
    let body = DecideAccess {
        ids,
        decision,
        reason,
    };
    let decided = client.decide_access_requests(&body).await?;
    console.show(&decided, || results(console, &decided))?;
    if decided.results.iter().all(|result| result.ok) {
        return Ok(());
    }
    let message = format!("{} of {asked} were decided", decided.decided);
    Err(Failure::new(Exit::Problems, "NOT_ALL_DECIDED", message))
}

fn results(console: Console, decided: &AccessDecided) -> String {
    let rows = decided.results.iter().map(|result| {
        let status = result.status.map(|status| status.to_string());
        vec![
            result.id.to_string(),
            status.unwrap_or_else(|| "-".to_owned()),
            result.message.clone().unwrap_or_default(),
        ]
    });
    console.table(&["id", "status", "problem"], rows.collect())
}

fn id(text: &str) -> Outcome<AccessRequestId> {
    parse(text, "an access request id such as `access_…`")
}

fn amount(text: &str) -> Outcome<BudgetAmount> {
    parse(text, "an amount in dollars from 0.01 to 999999.99")
}

fn table(console: Console, requests: &[AccessRequestView]) -> String {
    let rows = requests.iter().map(|request| {
        vec![
            request.id.to_string(),
            request.team_name.clone(),
            request.status.to_string(),
            request.monthly_budget.to_string(),
            request.created_at.to_string(),
            request.use_case.chars().take(60).collect(),
        ]
    });
    let headings = ["id", "team", "status", "a month", "created", "use case"];
    console.table(&headings, rows.collect())
}

fn facts(console: Console, request: &AccessRequestView) -> String {
    let mut lines = vec![
        ("id", request.id.to_string()),
        ("requester", request.requester_id.to_string()),
        (
            "team",
            format!("{} ({})", request.team_name, request.team_id),
        ),
        ("use case", request.use_case.clone()),
        ("asked for, a month", request.monthly_budget.to_string()),
        ("status", request.status.to_string()),
        ("created", request.created_at.to_string()),
    ];
    let later = [
        ("decided", request.decided_at.map(|at| at.to_string())),
        ("decided by", request.decided_by.map(|by| by.to_string())),
        ("given, a month", request.budget.map(|one| one.to_string())),
        (
            "models",
            request.allowed_models.as_ref().map(|all| all.join(", ")),
        ),
        ("reason", request.reason.clone()),
        ("agent", request.agent_id.map(|agent| agent.to_string())),
        ("claimed", request.claimed_at.map(|at| at.to_string())),
        ("key expires", request.expires_at.map(|at| at.to_string())),
        ("renewed", request.renewed_at.map(|at| at.to_string())),
        (
            "renewable from",
            request.renewable_from.map(|at| at.to_string()),
        ),
        ("revoked", request.revoked_at.map(|at| at.to_string())),
    ];
    let known = later
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)));
    lines.extend(known);
    console.facts(&lines)
}
