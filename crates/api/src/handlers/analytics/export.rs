//! Reports as files: every row of a grouping with all that is known of it.

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderValue, header};
use iron_net::problem::Problem;
use iron_primitives::ErrorKind;
use iron_sdk::analytics::{CallsQuery, ExportRow, ReportFile};
use iron_sdk::audit::ExportFormat;
use serde_json::Value;

use super::asked::Asked;
use crate::caller::Caller;
use crate::failure::Failure;
use crate::handlers::audit::export::cell;
use crate::input::Params;
use crate::state::Api;
use crate::view;

/// Larger tables no spreadsheet opens, and they would be made in memory.
const MOST_ROWS: usize = 100_000;

/// The columns of a table, which are the fields of a row.
const COLUMNS: &[&str] = &[
    "start",
    "end",
    "tenant_id",
    "project_id",
    "team_id",
    "user_id",
    "agent_id",
    "environment",
    "provider_id",
    "model",
    "operation",
    "cost",
    "cost_nanos",
    "request_count",
    "failed_count",
    "input_tokens",
    "cached_tokens",
    "output_tokens",
    "reasoning_tokens",
];

/// What calls came to as a file: one JSON object on each line, or a table. Rows without calls are left
/// out.
#[utoipa::path(get, path = "/analytics/export", tag = "analytics", params(CallsQuery, ReportFile),
    responses((status = 200, description = "The file", content(
        (String = "application/x-ndjson"), (String = "text/csv"),
    ))))]
pub(crate) async fn export_analytics(
    State(api): State<Api>,
    caller: Caller,
    Params(calls): Params<CallsQuery>,
    Params(file): Params<ReportFile>,
) -> Result<Response, Failure> {
    let asked = Asked::read(&api, &caller, calls, file.group_by.as_deref())?;
    let mut rows = api
        .audit
        .rollup_sums(&asked.authorised, &asked.query)
        .await?;
    if rows.len() > MOST_ROWS {
        let said = "the file would have more than 100000 rows; shorten the span or group by less";
        return Err(Problem::new(ErrorKind::Validation, said).into());
    }
    rows.sort_by(|one, other| (one.slot, &one.group).cmp(&(other.slot, &other.group)));
    let rows = rows
        .into_iter()
        .map(|row| view::export_row(asked.group_of(row.slot, &row.group), &row.sums));
    let (content_type, name, text) = match file.format.unwrap_or(ExportFormat::Json) {
        ExportFormat::Json => ("application/x-ndjson", "analytics.jsonl", lines(rows)),
        ExportFormat::Csv => ("text/csv; charset=utf-8", "analytics.csv", table(rows)),
    };
    let mut response = Body::from(text).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    let disposition = format!("attachment; filename=\"{name}\"");
    if let Ok(disposition) = HeaderValue::try_from(disposition) {
        headers.insert(header::CONTENT_DISPOSITION, disposition);
    }
    Ok(response)
}

fn lines(rows: impl Iterator<Item = ExportRow>) -> String {
    let mut text = String::new();
    for row in rows {
        // Texts and numbers always serialise.
        text.push_str(&serde_json::to_string(&row).unwrap_or_default());
        text.push('\n');
    }
    text
}

fn table(rows: impl Iterator<Item = ExportRow>) -> String {
    let mut text = format!("{}\r\n", COLUMNS.join(","));
    for row in rows {
        let fields = serde_json::to_value(&row).unwrap_or_default();
        let cells = COLUMNS.iter().map(|column| match fields.get(column) {
            None | Some(Value::Null) => String::new(),
            Some(Value::String(value)) => cell(value),
            Some(number) => number.to_string(),
        });
        text.push_str(&cells.collect::<Vec<_>>().join(","));
        text.push_str("\r\n");
    }
    text
}
