//! `iron audit`, where it asks the server; the offline side is in `offline`.

use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use iron_sdk::Client;
use iron_sdk::audit::{AuditEntry, AuditFile, AuditFilter, AuditPage, ExportFormat, VerifyAudit};
use iron_sdk::client::Download;
use serde_json::json;

use super::resolve::{self, parse};
use crate::args::{Paging, Which};
use crate::connection::Connection;
use crate::console::Console;
use crate::failure::{Exit, Failure, Outcome};

pub(super) async fn list(
    which: Which,
    paging: Paging,
    connection: &Connection,
    console: Console,
) -> Outcome {
    let client = connection.client().await?;
    let filter = filter(&client, which).await?;
    let list = client.list_audit_logs(&filter, &page(paging)).await?;
    console.show(&list, || table(console, &list.data))
}

pub(super) async fn mine(
    which: Which,
    paging: Paging,
    connection: &Connection,
    console: Console,
) -> Outcome {
    let client = connection.client().await?;
    let filter = filter(&client, which).await?;
    let list = client.list_my_audit_logs(&filter, &page(paging)).await?;
    console.show(&list, || table(console, &list.data))
}

pub(super) async fn get(record: &str, connection: &Connection, console: Console) -> Outcome {
    let id = parse(record, "a record id such as `audit_…`")?;
    let entry = connection.client().await?.get_audit_log(id).await?;
    let text = serde_json::to_string_pretty(&entry).map_err(anyhow::Error::from)?;
    console.show(&entry, || text)
}

/// The audit log of the server, into a file or to standard output.
pub(super) async fn export(
    which: Which,
    format: Option<ExportFormat>,
    to: Option<&Path>,
    connection: &Connection,
    console: Console,
) -> Outcome {
    let client = connection.client().await?;
    let filter = filter(&client, which).await?;
    let file = AuditFile { format };
    let mut download = client.export_audit_logs(&filter, &file).await?;
    let Some(path) = to else {
        while let Some(piece) = download.piece().await? {
            console.bytes(&piece)?;
        }
        return Ok(());
    };
    let options = File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    let mut file = options.map_err(|error| {
        Failure::usage(format!("`{}` cannot be written: {error}", path.display()))
            .hint("name a file that does not exist yet")
    })?;
    let received = receive(&mut download, &mut file).await;
    if received.is_err() {
        // Nobody should take half a file for a whole one.
        let _ = std::fs::remove_file(path);
    }
    let size_bytes = received?;
    console.show(&json!({ "file": path, "size_bytes": size_bytes }), || {
        format!("written to {}", path.display())
    })
}

async fn receive(download: &mut Download, file: &mut File) -> Outcome<usize> {
    let mut size_bytes = 0;
    while let Some(piece) = download.piece().await? {
        file.write_all(&piece)?;
        size_bytes += piece.len();
    }
    file.sync_all()?;
    Ok(size_bytes)
}

fn page(paging: Paging) -> AuditPage {
    AuditPage {
        page: Some(paging.page),
        per_page: Some(paging.per_page),
        sort: None,
    }
}

async fn filter(client: &Client, which: Which) -> Outcome<AuditFilter> {
    let user_id = match which.user {
        Some(user) => Some(resolve::user(client, &user).await?),
        None => None,
    };
    let agent_id = match which.agent {
        Some(agent) => Some(resolve::agent(client, &agent).await?),
        None => None,
    };
    Ok(AuditFilter {
        user_id,
        agent_id,
        action: which.action,
        resource_id: which.resource,
        start_date: which.start_date,
        end_date: which.end_date,
        ..AuditFilter::default()
    })
}

fn table(console: Console, entries: &[AuditEntry]) -> String {
    let rows = entries.iter().map(|entry| {
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
