//! Policies: what agents may call, with what, when, and who is asked.

use std::collections::BTreeMap;

use iron_primitives::{AgentId, PolicyId, RequestId, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::Value;
use crate::tools::{RiskLevel, ToolAccess, ToolKind};
use crate::words::words;

words! {
    /// What kind of calls a policy is about.
    PolicyKind {
        /// Calls of tools.
        Tool = "tool",
        /// Calls of models.
        Model = "model",
        /// Queries of data sources.
        Data = "data",
        /// Addresses that are connected to.
        Network = "network",
    }
}

words! {
    /// What happens to what a policy matches. Deny beats approval beats allow.
    PolicyEffect {
        /// It may be made.
        Allow = "allow",
        /// It may be made once somebody has agreed.
        RequireApproval = "require_approval",
        /// It may not be made.
        Deny = "deny",
    }
}

words! {
    /// For which agents a policy holds.
    PolicyScope {
        /// For all of the tenant.
        Tenant = "tenant",
        /// For those whose settings name it in `policy_ids`.
        Named = "named",
    }
}

words! {
    /// What an agent has been given to be.
    AgentRole {
        /// It reads.
        ReadOnly = "read_only",
        /// It reads and changes.
        ReadWrite = "read_write",
        /// It changes what others may do as well.
        Admin = "admin",
    }
}

/// Which calls a policy matches: any entry of a list will do, and all lists that are given must.
/// In globs `*` stands for any run of characters.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PolicyMatch {
    /// Globs of the tools' names.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false, max_items = 100)]
    pub tools: Vec<String>,
    /// What the tools work on.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false, max_items = 100)]
    pub tool_kinds: Vec<ToolKind>,
    /// What the tools need an agent to be.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false, max_items = 100)]
    pub access: Vec<ToolAccess>,
    /// How bad the worst is that the tools can do.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false, max_items = 100)]
    pub risk_levels: Vec<RiskLevel>,
    /// Globs of the hosts that the call names, with the path if they hold a `/`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false, max_items = 100)]
    pub domains: Vec<String>,
    /// Globs of the paths that the call names.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false, max_items = 100)]
    pub paths: Vec<String>,
    /// The kinds of statements that the call makes, such as `select`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false, max_items = 100)]
    pub statements: Vec<String>,
    /// Globs of the tables that the call names.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false, max_items = 100)]
    pub tables: Vec<String>,
    /// Globs of the programs that the call runs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false, max_items = 100)]
    pub commands: Vec<String>,
    /// Globs of the addresses of mail that the call names.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false, max_items = 100)]
    pub recipients: Vec<String>,
    /// Globs of the models.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false, max_items = 100)]
    pub models: Vec<String>,
    /// Globs of the agents' names, or their ids.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false, max_items = 100)]
    pub agents: Vec<String>,
    /// Globs of the teams' names, or their ids.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false, max_items = 100)]
    pub teams: Vec<String>,
}

/// When a policy holds. All that is given must.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PolicyConditions {
    /// The roles that agents have been given.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false, max_items = 100)]
    pub roles: Vec<AgentRole>,
    /// A time of day, to the minute, the end left out. It may cross midnight.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, max_length = 20, example = "09:00-17:00")]
    pub hours: Option<String>,
    /// Days: `mon`, `tue`, `wed`, `thu`, `fri`, `sat`, `sun`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false, max_items = 7)]
    pub weekdays: Vec<String>,
    /// The time zone of both, as IANA names it; UTC if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, max_length = 100, example = "Europe/Berlin")]
    pub timezone: Option<String>,
    /// Attributes of the call, the agent and the tool, each with a text or a list of texts, any of
    /// which it may be.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(required = false, value_type = Object)]
    pub attributes: BTreeMap<String, Value>,
    /// Whether what led to the call has read what strangers may have written.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub tainted: Option<bool>,
}

/// Who is asked, and how.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PolicyApproval {
    /// Users, by id or address of mail, or all of a role: `role:operator`. Admins always may.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false, max_items = 100)]
    pub approvers: Vec<String>,
    /// How many different people must agree; 1 if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, minimum = 1, maximum = 10)]
    pub quorum: Option<u32>,
    /// How long they have; what holds for the tenant if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, minimum = 1, maximum = 86_400)]
    pub timeout_seconds: Option<u32>,
    /// Whether the owner of the agent is barred.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub forbid_own: Option<bool>,
}

/// Calls that show what a policy does, which is stored only if they hold.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PolicyExamples {
    /// Calls that it must match.
    #[serde(rename = "match", skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false, max_items = 50)]
    pub matches: Vec<SampleCall>,
    /// Calls that it must not match.
    #[serde(rename = "no_match", skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false, max_items = 50)]
    pub passes: Vec<SampleCall>,
}

/// A call, as far as a policy can see it: `tool`, `arguments`, `agent`, `team`, `role`, `at`,
/// `attributes`, `tainted`, `model`; for a tool that is not registered also `tool_kind`, `access`,
/// `risk_level` and `external`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = Object)]
pub struct SampleCall(pub Value);

/// A policy to be stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreatePolicy {
    /// Its name, unique in the tenant; decisions tell it. One that is built in has its place taken
    /// by a policy of its name.
    #[schema(min_length = 1, max_length = 100)]
    pub name: String,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, min_length = 0, max_length = 2000)]
    pub description: Option<String>,
    /// What kind of calls it is about; `tool` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub kind: Option<PolicyKind>,
    /// What happens to what it matches.
    pub effect: PolicyEffect,
    /// Which calls it matches; all of its kind if absent.
    #[serde(default, rename = "match", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub matches: Option<PolicyMatch>,
    /// When it holds; always if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub conditions: Option<PolicyConditions>,
    /// Who is asked, where people are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub approval: Option<PolicyApproval>,
    /// One policy in Cedar's own language instead of `match` and `conditions`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, min_length = 1, max_length = 16384)]
    pub cedar: Option<String>,
    /// Calls that it must and must not match.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub examples: Option<PolicyExamples>,
    /// For which agents it holds; `tenant` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub scope: Option<PolicyScope>,
    /// Whether it holds at all; true if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub enabled: Option<bool>,
}

/// A change of a policy. What is absent stays; what is there takes the place of what was, lists and
/// objects as a whole.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(min_properties = 1)]
pub struct UpdatePolicy {
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, min_length = 1, max_length = 100)]
    pub name: Option<String>,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, min_length = 0, max_length = 2000)]
    pub description: Option<String>,
    /// What kind of calls it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub kind: Option<PolicyKind>,
    /// What happens to what it matches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub effect: Option<PolicyEffect>,
    /// Which calls it matches; null for all of its kind.
    #[serde(
        default,
        rename = "match",
        with = "crate::null",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(value_type = Option<PolicyMatch>)]
    pub matches: Option<Option<PolicyMatch>>,
    /// When it holds; null for always.
    #[serde(default, with = "crate::null", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<PolicyConditions>)]
    pub conditions: Option<Option<PolicyConditions>>,
    /// Who is asked.
    #[serde(default, with = "crate::null", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<PolicyApproval>)]
    pub approval: Option<Option<PolicyApproval>>,
    /// One policy in Cedar's own language.
    #[serde(default, with = "crate::null", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 16384)]
    pub cedar: Option<Option<String>>,
    /// Calls that it must and must not match.
    #[serde(default, with = "crate::null", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<PolicyExamples>)]
    pub examples: Option<Option<PolicyExamples>>,
    /// For which agents it holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub scope: Option<PolicyScope>,
    /// Whether it holds at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub enabled: Option<bool>,
}

/// What a policy says. Parts that say nothing are left out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PolicyText {
    /// Its name.
    pub name: String,
    /// What it is for.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schema(required = false)]
    pub description: String,
    /// What kind of calls it is about.
    pub kind: PolicyKind,
    /// What happens to what it matches.
    pub effect: PolicyEffect,
    /// Which calls it matches; all of its kind if absent.
    #[serde(default, rename = "match", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub matches: Option<PolicyMatch>,
    /// When it holds; always if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub conditions: Option<PolicyConditions>,
    /// Who is asked, where people are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub approval: Option<PolicyApproval>,
    /// One policy in Cedar's own language instead of `match` and `conditions`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub cedar: Option<String>,
    /// Calls that it must and must not match.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub examples: Option<PolicyExamples>,
    /// Whether it holds at all.
    pub enabled: bool,
}

/// A policy of the tenant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PolicyView {
    /// The policy.
    pub id: PolicyId,
    /// What it says.
    #[serde(flatten)]
    pub policy: PolicyText,
    /// For which agents it holds.
    pub scope: PolicyScope,
    /// Counts what it has said, from 1.
    pub version: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// What a policy said at one time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PolicyVersionView {
    /// Which one it is, from 1.
    pub version: i64,
    /// What it said.
    #[serde(flatten)]
    pub policy: PolicyText,
    /// For which agents it held.
    pub scope: PolicyScope,
    /// Who made it so.
    pub changed_by: UserId,
    /// Since when.
    pub created_at: Timestamp,
}

/// The policies that are built in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BuiltInPolicies {
    /// What they say; one that the tenant has switched off is not enabled.
    pub data: Vec<PolicyText>,
}

/// Whether a policy that is built in holds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SwitchPolicy {
    /// Whether it does.
    pub enabled: bool,
}

/// A policy that was deleted.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PolicyDeleted {
    /// The policy.
    pub id: PolicyId,
    /// That it is.
    pub deleted: bool,
}

/// Which versions to compare.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, Default, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PolicyDiffQuery {
    /// The earlier one; the one before `to` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1)]
    pub from: Option<i64>,
    /// The later one; the present one if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1)]
    pub to: Option<i64>,
}

/// What is different between two versions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PolicyDiff {
    /// The earlier one.
    pub from: i64,
    /// The later one.
    pub to: i64,
    /// The fields that are different.
    pub changes: Vec<PolicyFieldChange>,
}

/// One field that is different.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PolicyFieldChange {
    /// Its path, such as `match.tools`.
    pub field: String,
    /// What it said; absent if it was not there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    /// What it says; absent if it is not there any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
}

/// To which version to go back.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RollbackPolicy {
    /// The version. What it said is the next one.
    #[schema(minimum = 1)]
    pub version: i64,
}

/// Policies to be tried at calls before they are stored.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SimulatePolicies {
    /// The policies; each takes the place of the one of its name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false, max_items = 100)]
    pub policies: Vec<CreatePolicy>,
    /// The names of policies that are left out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false, max_items = 100)]
    pub without: Vec<String>,
    /// The calls; required unless `recent` is given.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false, max_items = 1000)]
    pub calls: Vec<SampleCall>,
    /// Real calls instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub recent: Option<RecentCalls>,
}

/// The latest calls of tools that were decided. Only those may ask who may write policies; it is noted
/// in the audit log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RecentCalls {
    /// How many.
    #[schema(minimum = 1, maximum = 1000)]
    pub count: u32,
    /// Of this agent; of all if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub agent_id: Option<AgentId>,
}

/// What proposed policies would say to calls.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PoliciesSimulated {
    /// How many calls were tried.
    pub calls: u64,
    /// How many real calls could not be: they were given more than their records keep, or what was
    /// kept is erased, or they are refused before any policy is asked.
    pub skipped: u64,
    /// To how many of them something else would be said.
    pub changed: u64,
    /// How often what would become what.
    pub counts: Vec<EffectCount>,
    /// The first calls to which something else would be said, at most 100.
    pub samples: Vec<SimulatedCall>,
}

/// How often one effect would become another.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct EffectCount {
    /// By the policies that hold for all agents now.
    pub before: PolicyEffect,
    /// By those that are proposed.
    pub after: PolicyEffect,
    /// To how many calls.
    pub count: u64,
}

/// What is said to one call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SimulatedCall {
    /// The call, as it was given; of a real one all but its arguments.
    pub call: SampleCall,
    /// The real call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub call_id: Option<RequestId>,
    /// By the policies that hold for all agents now.
    pub before: PolicyDecision,
    /// By those that are proposed.
    pub after: PolicyDecision,
}

/// What policies say to a call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PolicyDecision {
    /// Whether it may be made.
    pub effect: PolicyEffect,
    /// The names of the policies that decided.
    pub rules: Vec<String>,
    /// The same in words.
    pub reason: String,
}

/// Which policies to list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PolicyQuery {
    /// The page, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1)]
    pub page: Option<u32>,
    /// How many on a page; 50 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1, maximum = 100)]
    pub per_page: Option<u32>,
    /// `name`, `created_at` or `updated_at`, with `-` for descending.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(pattern = "^-?(name|created_at|updated_at)$")]
    pub sort: Option<String>,
    /// A part of the name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(min_length = 1, max_length = 100)]
    pub name: Option<String>,
    /// One or several kinds, comma-separated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(pattern = "^[a-z]+(, ?[a-z]+)*$", max_length = 200)]
    pub kind: Option<String>,
    /// One or several effects, comma-separated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(pattern = "^[a-z_]+(, ?[a-z_]+)*$", max_length = 200)]
    pub effect: Option<String>,
    /// Only those of this scope.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(inline)]
    pub scope: Option<PolicyScope>,
    /// Only those that are enabled, or only the others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
}
