//! The audit log.

use crate::{Value, words::words};
use iron_primitives::{AgentId, AuditId, RequestId, TenantId, UserId};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

words! {
    /// How a file is written.
    ExportFormat {
        /// One JSON object on each line.
        Json = "json",
        /// Comma-separated values with a head line.
        Csv = "csv",
    }
}

/// One entry of the audit log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AuditEntry {
    /// The entry.
    pub id: AuditId,
    /// When it happened, with microseconds.
    pub timestamp: String,
    /// The tenant.
    pub tenant_id: TenantId,
    /// Who did it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub user_id: Option<UserId>,
    /// The role at that time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub user_role: Option<String>,
    /// The agent that did it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub agent_id: Option<AgentId>,
    /// With which session or token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub credential_id: Option<String>,
    /// What was done, such as `agent.create`.
    pub action: String,
    /// The HTTP method.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub method: Option<String>,
    /// The route.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub endpoint: Option<String>,
    /// To what kind of thing.
    pub resource_type: String,
    /// To which one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub resource_id: Option<String>,
    /// With which parameters, without secrets.
    #[schema(value_type = Object)]
    pub parameters: Value,
    /// What is different now: `before` and `after`.
    #[schema(required = true, value_type = Option<Object>)]
    pub changes: Option<Value>,
    /// The answer.
    pub status_code: u16,
    /// From where.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub ip_address: Option<String>,
    /// With which program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub user_agent: Option<String>,
    /// The request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub request_id: Option<RequestId>,
    /// The trace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub trace_id: Option<String>,
    /// The number in its stream.
    pub sequence: i64,
    /// The hash of the record before.
    pub previous_hash: String,
    /// The HMAC-SHA256 of the record.
    pub signature: String,
}

/// Which entries.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct AuditFilter {
    /// Who did it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<UserId>,
    /// The agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<AgentId>,
    /// The kind of thing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(min_length = 1, max_length = 100)]
    pub resource_type: Option<String>,
    /// The thing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(min_length = 1, max_length = 100)]
    pub resource_id: Option<String>,
    /// One or several actions, comma-separated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(min_length = 1, max_length = 100)]
    pub action: Option<String>,
    /// One or several HTTP methods, comma-separated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// The answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(minimum = 100, maximum = 599)]
    pub status_code: Option<u16>,
    /// From this date or timestamp on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_date: Option<String>,
    /// Up to, but not including, this date or timestamp.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_date: Option<String>,
}

/// Which page of the entries, in which order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct AuditPage {
    /// The page, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1)]
    pub page: Option<u32>,
    /// How many on a page; 50 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1, maximum = 100)]
    pub per_page: Option<u32>,
    /// `timestamp`, with `-` for descending.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(pattern = "^-?(timestamp)$")]
    pub sort: Option<String>,
}

/// How the entries are written to a file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct AuditFile {
    /// One JSON object on each line, or a table; `json` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(inline)]
    pub format: Option<ExportFormat>,
}

/// What to verify.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct VerifyAudit {
    /// From this date or timestamp on; everything if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_date: Option<String>,
    /// Up to, but not including, this date or timestamp.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_date: Option<String>,
}

/// The outcome of a verification.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AuditVerified {
    /// Whether everything is as it was written.
    pub valid: bool,
    /// How many records were checked.
    pub checked: u64,
    /// The first record that is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub first_bad_id: Option<String>,
    /// What is wrong with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub message: Option<String>,
}
