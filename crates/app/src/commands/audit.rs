//! `iron audit list` and `iron audit verify --remote`; the offline side is in `offline`.

use iron_sdk::audit::{AuditQuery, VerifyAudit};

use crate::args::Paging;
use crate::connection::Connection;
use crate::console::Console;
use crate::failure::{Exit, Failure, Outcome};

pub(super) async fn list(
    action: Option<String>,
    resource_id: Option<String>,
    paging: Paging,
    connection: &Connection,
    console: Console,
) -> Outcome {
    let client = connection.client().await?;
    let (page, per_page) = (Some(paging.page), Some(paging.per_page));
    let query = AuditQuery {
        action,
        resource_id,
        page,
        per_page,
        ..AuditQuery::default()
    };
    let list = client.list_audit_logs(&query).await?;
    console.show(&list, || {
        let rows = list.data.iter().map(|entry| {
            let who = entry.user_id.map(|id| id.to_string());
            let who = who.or(entry.agent_id.map(|id| id.to_string()));
            vec![
                entry.timestamp.clone(),
                entry.action.clone(),
                who.unwrap_or_else(|| "system".to_owned()),
                entry.resource_id.clone().unwrap_or_else(|| "-".to_owned()),
                entry.status_code.to_string(),
            ]
        });
        console.table(
            &["time", "action", "who", "resource", "status"],
            rows.collect(),
        )
    })
}

pub(super) async fn verify_remote(connection: &Connection, console: Console) -> Outcome {
    let client = connection.client().await?;
    let verified = client
        .verify_audit_logs(&VerifyAudit {
            start_date: None,
            end_date: None,
        })
        .await?;
    if verified.valid {
        return console.show(&verified, || {
            format!("intact: {} records checked", verified.checked)
        });
    }
    if console.json() {
        console.show(&verified, String::new)?;
    }
    let message = verified
        .message
        .unwrap_or_else(|| "the records do not hold together".to_owned());
    Err(Failure::new(Exit::Problems, "RECORDS_NOT_INTACT", message))
}
