//! What a stored tool is.

use iron_policy::{RiskLevel, Tool, ToolKind};
use iron_primitives::{Money, Secret, TenantId, Timestamp, ToolId, UserId};
use iron_runtime::authority::{RateLimit, RegisteredTool, Run};
use serde::Serialize;
use serde_json::{Map, Value};

/// A tool that a tenant has registered.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StoredTool {
    /// The tool.
    pub id: ToolId,
    /// Its tenant.
    pub tenant: TenantId,
    /// Whose it is.
    pub owner: UserId,
    /// What is declared of it.
    #[serde(flatten)]
    pub tool: Tool,
    /// What one call costs.
    pub cost: Money,
    /// How often one agent may call it.
    #[serde(rename = "rate_limit")]
    pub rate: RateLimit,
    /// How it is run for its callers; none if they run it themselves.
    pub run: Option<Run>,
    /// What may be shown of its secret, if it has one.
    pub masked_secret: Option<String>,
    /// Counts the secrets it has had, from 1.
    pub secret_version: i64,
    /// Whether it is offered to anybody.
    pub enabled: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

impl StoredTool {
    /// As the governed path reads it.
    pub(crate) fn registered(self) -> RegisteredTool {
        RegisteredTool {
            id: self.id,
            tool: self.tool,
            cost: self.cost,
            rate: self.rate,
            run: self.run,
            secret_version: self.masked_secret.map(|_| self.secret_version),
        }
    }
}

/// A tool to be registered.
#[derive(Debug, Clone)]
pub struct NewTool {
    /// Fields of [`Tool`] as on the wire; what is left out is as in its default.
    pub fields: Map<String, Value>,
    /// What one call costs.
    pub cost: Money,
    /// How often one agent may call it.
    pub rate: RateLimit,
    /// How it is run for its callers; none if they run it themselves.
    pub run: Option<Run>,
    /// Its secret, if it has one.
    pub secret: Option<Secret>,
    /// Whether it is offered to anybody.
    pub enabled: bool,
}

/// What is to be different; what is none stays.
#[derive(Debug, Clone, Default)]
pub struct ToolChange {
    /// Fields of [`Tool`] as on the wire; each takes the place of the one before, and a null clears
    /// it.
    pub fields: Map<String, Value>,
    /// What one call costs.
    pub cost: Option<Money>,
    /// How often one agent may call it.
    pub rate: Option<RateLimit>,
    /// How it is run; an inner none if callers run it themselves.
    pub run: Option<Option<Run>>,
    /// A new secret.
    pub secret: Option<Secret>,
    /// Whether it is offered to anybody.
    pub enabled: Option<bool>,
}

/// Which tools to list.
#[derive(Debug, Clone, Default)]
pub struct ToolFilter {
    /// Part of the name.
    pub name: Option<String>,
    /// These kinds.
    pub kinds: Vec<ToolKind>,
    /// These levels of risk.
    pub risk_levels: Vec<RiskLevel>,
    /// Only those that are offered, or only the others.
    pub enabled: Option<bool>,
}
