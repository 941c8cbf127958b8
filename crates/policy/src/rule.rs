//! What a tenant writes down: one rule.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Access, Resources, RiskLevel, Role, ToolKind};

/// One rule, in the form that people write. In a file it is YAML of the same words.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// Its name, 1 to 100 characters, unique in its tenant. Decisions name it.
    pub name: String,
    /// What it is for.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// What kind of calls it is about.
    #[serde(default)]
    pub kind: Kind,
    /// What happens to what it matches.
    pub effect: Effect,
    /// Which calls it matches; all of its kind if nothing is said.
    #[serde(default, rename = "match", skip_serializing_if = "is_default")]
    pub matches: Match,
    /// When it holds; always if nothing is said.
    #[serde(default, skip_serializing_if = "is_default")]
    pub conditions: Conditions,
    /// Who is asked, where people are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<Approval>,
    /// One policy in Cedar's own language instead of `match` and `conditions`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cedar: Option<String>,
    /// Calls that it must and must not match. They are tried whenever it is loaded.
    #[serde(default, skip_serializing_if = "is_default")]
    pub examples: Examples,
    /// Whether it holds at all.
    #[serde(default = "yes")]
    pub enabled: bool,
}

/// What kind of calls a rule is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Calls of tools.
    #[default]
    Tool,
    /// Calls of models.
    Model,
    /// Queries of data sources. What denies or asks holds for the statements that calls of tools
    /// name, too.
    Data,
    /// Addresses that are connected to. What denies or asks holds for the addresses that calls of
    /// tools name, too.
    Network,
}

impl Kind {
    /// Its name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tool => "tool",
            Self::Model => "model",
            Self::Data => "data",
            Self::Network => "network",
        }
    }
}

/// What happens to a call. The later in this order, the stronger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// It may be made.
    Allow,
    /// It may be made once somebody has agreed.
    RequireApproval,
    /// It may not be made.
    Deny,
}

impl Effect {
    /// Its name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::RequireApproval => "require_approval",
            Self::Deny => "deny",
        }
    }
}

/// Which calls a rule matches. Any entry of a list will do; all lists that are given must.
///
/// Each thing that a call names is judged by itself, so one rule is about things of one sort: paths,
/// or addresses, or statements with their tables, or commands, or people.
///
/// Globs know `*` for any run of characters and nothing else.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Match {
    /// Globs of the tools' names.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<String>,
    /// What the tools work on.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tool_kinds: Vec<ToolKind>,
    /// What the tools need an agent to be.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub access: Vec<Access>,
    /// How bad the worst is that the tools can do.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub risk_levels: Vec<RiskLevel>,
    /// Globs of the hosts that the call names, with the path if they hold a `/`. Case counts only
    /// in paths.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub domains: Vec<String>,
    /// Globs of the paths that the call names.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub paths: Vec<String>,
    /// The kinds of statements that the call makes: `select`, `insert`, `drop`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub statements: Vec<String>,
    /// Globs of the tables that the call names, in any case. Without a `.` they mean a table of any
    /// schema where they deny or ask, and only one named without its schema where they allow.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tables: Vec<String>,
    /// Globs of the programs that the call runs. Without a `/` they mean a program in any folder
    /// where they deny or ask, and only one in a folder of the system where they allow.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub commands: Vec<String>,
    /// Globs of the addresses of mail that the call names.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub recipients: Vec<String>,
    /// Globs of the models.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub models: Vec<String>,
    /// Globs of the agents' names, or their ids.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub agents: Vec<String>,
    /// Globs of the teams' names, or their ids.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub teams: Vec<String>,
}

/// When a rule holds. All that is given must.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Conditions {
    /// The roles that agents have been given: `read_only`, `read_write`, `admin`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<Role>,
    /// A time of day, `09:00-17:00`, to the minute, the end left out. It may cross midnight.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hours: Option<String>,
    /// Days: `mon`, `tue`, `wed`, `thu`, `fri`, `sat`, `sun`. A time that crosses midnight belongs
    /// to the day on which it began.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub weekdays: Vec<String>,
    /// The time zone of both, as IANA names it; UTC if nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timezone: Option<String>,
    /// Attributes of the call, the agent and the tool, each with what it may be. What is declared
    /// of the tool beats what is said of the agent, and that beats what the call says of itself.
    /// Of every tool are declared: `risk_level`, `external`, `untrusted_output` and `data_class`;
    /// of every call: `end_user`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, Values>,
    /// Whether the call is tainted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tainted: Option<bool>,
}

/// What an attribute may be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, try_from = "Value")]
pub enum Values {
    /// This.
    One(String),
    /// Any of these.
    Any(Vec<String>),
}

impl TryFrom<Value> for Values {
    type Error = &'static str;

    /// Reads a text or a list of texts. Truths and numbers are taken as they are written.
    fn try_from(value: Value) -> Result<Self, Self::Error> {
        let text = |value: Value| match value {
            Value::String(text) => Ok(text),
            Value::Bool(_) | Value::Number(_) => Ok(value.to_string()),
            _ => Err("expected a text, or a list of texts"),
        };
        match value {
            Value::Array(values) => values
                .into_iter()
                .map(text)
                .collect::<Result<_, _>>()
                .map(Self::Any),
            value => text(value).map(Self::One),
        }
    }
}

/// Who is asked, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approval {
    /// Users, by id or address of mail, or all of a role: `role:operator`. Admins always may.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub approvers: Vec<String>,
    /// How many different people must agree, from 1.
    #[serde(default = "one")]
    pub quorum: u32,
    /// How long they have, in seconds; what holds for the tenant if nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_seconds: Option<u32>,
    /// Whether the owner of the agent is barred.
    #[serde(default)]
    pub forbid_own: bool,
}

impl Default for Approval {
    fn default() -> Self {
        Self {
            approvers: Vec::new(),
            quorum: one(),
            timeout_seconds: None,
            forbid_own: false,
        }
    }
}

/// Calls that show what a rule does.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Examples {
    /// Calls that it must match.
    #[serde(rename = "match", skip_serializing_if = "Vec::is_empty")]
    pub matches: Vec<SampleCall>,
    /// Calls that it must not match.
    #[serde(rename = "no_match", skip_serializing_if = "Vec::is_empty")]
    pub passes: Vec<SampleCall>,
}

/// A call, as far as a rule can see it. [`crate::Sample`] makes it ready to be asked about.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SampleCall {
    /// The tool; for rules about data the source.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub tool: String,
    /// What it works on, if not what a registered tool of this name does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool_kind: Option<ToolKind>,
    /// What it needs an agent to be, likewise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access: Option<Access>,
    /// How bad the worst is that it can do, likewise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub risk_level: Option<RiskLevel>,
    /// Whether it acts outside the organisation, likewise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external: Option<bool>,
    /// What the call gives it.
    #[serde(skip_serializing_if = "Value::is_null")]
    pub arguments: Value,
    /// What the arguments name, in place of what is found in them: to speak of what is refused
    /// before any rule is asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resources: Option<Resources>,
    /// The model: the one that is called, or that the call of a tool comes from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The name of the agent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// The role of the agent; `read_write` if nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// The name of the agent's team.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub team: Option<String>,
    /// When, as RFC 3339 writes it in UTC; a Monday at noon if nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// Attributes of the call.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, String>,
    /// Whether it is tainted.
    #[serde(skip_serializing_if = "is_default")]
    pub tainted: bool,
}

fn yes() -> bool {
    true
}

fn one() -> u32 {
    1
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
