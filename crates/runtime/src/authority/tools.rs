//! The tools that an agent is offered, and the policies that hold for it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use iron_net::rate::Allowance;
use iron_policy::{Policy, Role, Tool};
use iron_primitives::{Money, ToolId};
use serde::{Deserialize, Serialize};

/// What an agent may do with tools. Nothing is offered and nothing allowed by default.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ToolRules {
    /// Names what `tools` and `policies` say: where two are equal, so are these.
    pub version: RulesVersion,
    /// The tools, by name.
    pub tools: Arc<[RegisteredTool]>,
    /// The policies that hold, those that are built in among them.
    pub policies: Arc<[Policy]>,
    /// What the agent has been given to be.
    pub role: Role,
    /// What people call the agent, for policies that name it.
    pub agent_name: String,
    /// What people call its team, if it has one.
    pub team_name: Option<String>,
}

/// The SHA-256 of a set of tools and policies, as it is written down.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct RulesVersion([u8; 32]);

impl RulesVersion {
    /// From its bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        RulesVersion(bytes)
    }

    /// From 64 hexadecimal digits.
    pub fn from_hex(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).ok()?;
        Some(RulesVersion(bytes))
    }
}

impl fmt::Display for RulesVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for RulesVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A tool that a tenant has registered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RegisteredTool {
    /// The tool.
    pub id: ToolId,
    /// What is declared of it.
    pub tool: Tool,
    /// What one call costs, in US dollars.
    #[serde(with = "nanos")]
    pub cost: Money,
    /// How often one agent may call it.
    #[serde(default)]
    pub rate: RateLimit,
    /// How it is run for its callers; none if they run it themselves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<Run>,
    /// Counts the secrets it has had; none if it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_version: Option<i64>,
}

/// How often one agent may call a tool. What is none has no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RateLimit {
    /// In any 60 seconds, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_minute: Option<u32>,
    /// In any 3600 seconds, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_hour: Option<u32>,
    /// In any 86 400 seconds, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_day: Option<u32>,
}

impl RateLimit {
    /// The same for those who count.
    pub fn allowance(self) -> Allowance {
        Allowance {
            per_minute: self.per_minute.unwrap_or(0),
            per_hour: self.per_hour.unwrap_or(0),
            per_day: self.per_day.unwrap_or(0),
        }
    }
}

/// How a tool is run for its callers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Run {
    /// A request of HTTP.
    Http {
        /// The method.
        method: Method,
        /// The URL. A `{name}` in its path or query stands for the argument of that name; the
        /// arguments that it does not name are the query of `GET` and `DELETE`, else a JSON body.
        url: String,
        /// Headers that are sent. A `{secret}` in a value stands for the secret of the tool.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        headers: BTreeMap<String, String>,
        /// How long the whole call may take, 1 to 300; 30 if none is said.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        timeout_seconds: Option<u32>,
    },
    /// A statement of SQL, which is the argument `sql`, `query` or `statement`. The address of the
    /// database is the secret of the tool.
    Sql {
        /// How many rows are given back, 1 to 10 000; 10 000 if none is said.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        max_rows: Option<u32>,
        /// How long the whole call may take, 1 to 300; 30 if none is said.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        timeout_seconds: Option<u32>,
    },
}

/// A method of HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// Reads.
    Get,
    /// Acts.
    Post,
    /// Replaces.
    Put,
    /// Changes.
    Patch,
    /// Deletes.
    Delete,
}

impl Method {
    /// The word on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Post => "POST",
            Method::Put => "PUT",
            Method::Patch => "PATCH",
            Method::Delete => "DELETE",
        }
    }
}

/// Money as whole nano-dollars.
mod nanos {
    use iron_primitives::Money;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(
        money: &Money,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(money.nanos())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Money, D::Error> {
        i64::deserialize(deserializer).map(Money::from_nanos)
    }
}

impl ToolRules {
    /// The SHA-256 over what tools and policies say, in their order.
    pub fn version_of(tools: &[RegisteredTool], policies: &[Policy]) -> RulesVersion {
        let mut context = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
        // Neither holds a map with keys that are no texts, so both can be written.
        context.update(&serde_json::to_vec(tools).unwrap_or_default());
        context.update(b"\n");
        context.update(&serde_json::to_vec(policies).unwrap_or_default());
        let mut bytes = [0; 32];
        bytes.copy_from_slice(context.finish().as_ref());
        RulesVersion(bytes)
    }
}
