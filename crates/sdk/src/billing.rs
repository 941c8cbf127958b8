//! What a tenant has to pay for.

use crate::{Dollars, words::words};
use iron_primitives::{AgentId, ProjectId, TenantId, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

words! {
    /// How a bill is written.
    BillFormat {
        /// As one object.
        Json = "json",
        /// As a table, one line for each item.
        Csv = "csv",
    }
}

words! {
    /// What an item of a bill is about.
    BillGroup {
        /// A model or tool in a project.
        Project = "project",
        /// A model or tool of an agent.
        Agent = "agent",
    }
}

/// Which bill.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct BillQuery {
    /// The month, such as `2026-11`; the present one if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(pattern = "^[0-9]{4}-(0[1-9]|1[0-2])$")]
    pub month: Option<String>,
    /// `project` or `agent`; `project` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group_by: Option<BillGroup>,
    /// `json` or `csv`; `json` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<BillFormat>,
}

/// One item.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BillItem {
    /// The project; absent where it is known no more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub project_id: Option<ProjectId>,
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub project: Option<String>,
    /// The agent; absent if items are about projects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub agent_id: Option<AgentId>,
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub agent: Option<String>,
    /// The model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub model: Option<String>,
    /// The tool, by the name that the agent used, if the item is about calls of one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub tool: Option<String>,
    /// Calls that cost something or used tokens.
    pub requests: i64,
    /// Tokens in, cached or not.
    pub input_tokens: i64,
    /// Tokens out.
    pub output_tokens: i64,
    /// What they cost.
    pub cost: Dollars,
    /// The same in millionths of a dollar.
    pub cost_micros: i64,
    /// The same in billionths of a dollar; the items sum up to the total.
    pub cost_nanos: i64,
}

/// What a tenant has to pay for in one month.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Bill {
    /// The tenant.
    pub tenant_id: TenantId,
    /// The month.
    pub month: String,
    /// When it began.
    pub since: Timestamp,
    /// When it ends, or ended.
    pub until: Timestamp,
    /// Calls that cost something or used tokens.
    pub requests: i64,
    /// What they cost.
    pub cost: Dollars,
    /// The same in millionths of a dollar.
    pub cost_micros: i64,
    /// The same in billionths of a dollar.
    pub cost_nanos: i64,
    /// The items, the dearest first.
    pub items: Vec<BillItem>,
}
