//! The audit log as a file, written while it is read.

use std::pin::Pin;

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use futures_util::Stream;
use futures_util::stream::unfold;
use http::{HeaderValue, header};
use iron_audit::{Authorised, EntryFilter};
use iron_identity::Permission;
use iron_primitives::{AuditId, Timestamp};
use iron_sdk::audit::{AuditEntry, AuditFile, AuditFilter, ExportFormat};
use serde_json::Value;

use super::entries;
use crate::caller::Caller;
use crate::failure::Failure;
use crate::input::Params;
use crate::state::Api;
use crate::view;

/// How many entries are read at once.
const AT_ONCE: u32 = 500;

/// The columns of a table, which are the fields of an entry.
const COLUMNS: &[&str] = &[
    "id",
    "timestamp",
    "tenant_id",
    "user_id",
    "user_role",
    "agent_id",
    "credential_id",
    "action",
    "method",
    "endpoint",
    "resource_type",
    "resource_id",
    "parameters",
    "changes",
    "status_code",
    "ip_address",
    "user_agent",
    "request_id",
    "trace_id",
    "sequence",
    "previous_hash",
    "signature",
];

/// The audit log as a file, the oldest entry first: one JSON object on each line, or a table.
#[utoipa::path(get, path = "/audit-logs/export", tag = "audit", params(AuditFile, AuditFilter),
    responses((status = 200, description = "The file", content(
        (String = "application/x-ndjson"), (String = "text/csv"),
    ))))]
pub(crate) async fn export_audit_logs(
    State(api): State<Api>,
    caller: Caller,
    Params(file): Params<AuditFile>,
    Params(filter): Params<AuditFilter>,
) -> Result<Response, Failure> {
    let authorised = caller.may(Permission::AuditRead)?;
    let format = file.format.unwrap_or(ExportFormat::Json);
    let mut filter = entries(filter, true)?;
    // The file has an end, also while more is written.
    let now = api.environment.now();
    filter.end = Some(filter.end.map_or(now, |end| end.min(now)));
    let mut file = File {
        api,
        authorised,
        filter,
        format,
        place: None,
        done: false,
    };
    // The first piece before the head, so that what fails at once is told as an error.
    let first = file.piece().await?;
    let (content_type, name) = match format {
        ExportFormat::Json => ("application/x-ndjson", "audit-logs.jsonl"),
        ExportFormat::Csv => ("text/csv; charset=utf-8", "audit-logs.csv"),
    };
    let disposition = format!("attachment; filename=\"{name}\"");
    let mut response = Body::from_stream(pieces(first, file)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    if let Ok(disposition) = HeaderValue::try_from(disposition) {
        headers.insert(header::CONTENT_DISPOSITION, disposition);
    }
    Ok(response)
}

/// A file that is being written.
struct File {
    api: Api,
    authorised: Authorised,
    filter: EntryFilter,
    format: ExportFormat,
    place: Option<(Timestamp, AuditId)>,
    done: bool,
}

type Piece = Result<Bytes, iron_audit::Error>;

/// The rest of the file after its first piece. An error in the middle breaks the connection off,
/// so that nobody takes half a file for a whole one.
fn pieces(first: Bytes, file: File) -> Pin<Box<dyn Stream<Item = Piece> + Send>> {
    Box::pin(unfold(
        (Some(first), file),
        |(ready, mut file)| async move {
            if let Some(first) = ready {
                return Some((Ok(first), (None, file)));
            }
            if file.done {
                return None;
            }
            let piece = file.piece().await;
            file.done |= piece.is_err();
            Some((piece, (None, file)))
        },
    ))
}

impl File {
    async fn piece(&mut self) -> Piece {
        let entries = self
            .api
            .audit_log
            .after(&self.authorised, &self.filter, self.place, AT_ONCE)
            .await?;
        let mut text = String::new();
        if self.place.is_none() && self.format == ExportFormat::Csv {
            text.push_str(&COLUMNS.join(","));
            text.push_str("\r\n");
        }
        self.done = entries.len() < usize::try_from(AT_ONCE).unwrap_or(usize::MAX);
        for entry in entries {
            self.place = Some((entry.at, entry.id));
            let entry = view::audit_entry(entry);
            match self.format {
                ExportFormat::Json => json_line(&entry, &mut text),
                ExportFormat::Csv => csv_line(&entry, &mut text),
            }
        }
        Ok(Bytes::from(text))
    }
}

fn json_line(entry: &AuditEntry, text: &mut String) {
    // Texts, numbers and maps with text keys always serialise.
    text.push_str(&serde_json::to_string(entry).unwrap_or_default());
    text.push('\n');
}

fn csv_line(entry: &AuditEntry, text: &mut String) {
    let fields = serde_json::to_value(entry).unwrap_or_default();
    let cells = COLUMNS.iter().map(|column| match fields.get(column) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(value)) => cell(value),
        Some(other) => cell(&other.to_string()),
    });
    text.push_str(&cells.collect::<Vec<_>>().join(","));
    text.push_str("\r\n");
}

/// A cell of a table. What a spreadsheet would take for a formula is kept from being one: some
/// of these texts are chosen by strangers.
pub(crate) fn cell(value: &str) -> String {
    let guard = match value.chars().next() {
        Some('=' | '+' | '-' | '@' | '\t' | '\r') => "'",
        _ => "",
    };
    format!("\"{guard}{}\"", value.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_one_cell_and_no_formula() {
        assert_eq!(cell("plain"), "\"plain\"");
        assert_eq!(cell("a,\"b\"\nc"), "\"a,\"\"b\"\"\nc\"");
        assert_eq!(cell("=1+1"), "\"'=1+1\"");
        assert_eq!(cell("@x"), "\"'@x\"");
        assert_eq!(cell(""), "\"\"");
    }
}
