//! What a caller brings about a tool.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use iron_primitives::{ApprovalId, RequestId};

use crate::call::Attribution;

/// A call of a tool that an agent wants to make.
#[derive(Debug, Clone)]
pub struct ToolRequest {
    /// Names the call; unique.
    pub id: RequestId,
    /// The number under which the edge and the client know the request, if it is another.
    pub edge_id: Option<RequestId>,
    /// What the agent calls the tool.
    pub tool: String,
    /// What it is to be given: a JSON object, as it was written.
    pub arguments: String,
    /// What the call says of itself, for policies that ask.
    pub attributes: BTreeMap<String, String>,
    /// What the client calls the run it belongs to.
    pub execution: Option<String>,
    /// What the client says about it besides.
    pub attribution: Attribution,
    /// The approval that it was given.
    pub approval: Option<ApprovalId>,
    /// How long people may be waited for.
    pub patience: Duration,
    /// The address that asks.
    pub origin: Option<IpAddr>,
    /// The W3C trace id.
    pub trace: Option<String>,
}

/// What came of a call that the agent ran itself.
#[derive(Debug, Clone)]
pub struct ToolResult {
    /// Names the request; unique.
    pub id: RequestId,
    /// The id of the decision that allowed it.
    pub decision: String,
    /// `success`, `error` or `cancelled`.
    pub status: &'static str,
    /// How long the tool took.
    pub duration: Option<Duration>,
    /// What it gave back.
    pub output: Option<Shown>,
}

/// What a tool gave back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shown {
    /// A text.
    Text(String),
    /// JSON, as it was written.
    Json(String),
}

impl Shown {
    /// What was written.
    pub fn written(&self) -> &str {
        match self {
            Shown::Text(text) | Shown::Json(text) => text,
        }
    }
}
