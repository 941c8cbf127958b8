//! Runtimes elsewhere: how they are made, and what they ask.

use crate::exchange::Incarnation;
use crate::providers::ProviderConfig;
use crate::teams::PrivacyLevel;
use crate::{SecretText, words::words};
use iron_primitives::{
    ActorPath, IcTokenId, InstanceId, ProfileId, ProviderId, RuntimeId, Timestamp, ToolId, Unit,
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

words! {
    /// The state of a runtime.
    RuntimeStatus {
        /// Made, and never heard of.
        New = "new",
        /// It has enrolled.
        Enrolled = "enrolled",
        /// Its key works no more.
        Revoked = "revoked",
    }
}

/// A runtime that is to be allowed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateRuntime {
    /// What people call it.
    #[schema(min_length = 1, max_length = 100)]
    pub name: String,
}

/// What is to be changed about a runtime.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateRuntime {
    /// The SHA-256 fingerprints of its client certificates, 64 hexadecimal digits in lower case
    /// each: all of them, in place of those before. Where there are any, its key opens nothing
    /// without one of them, and one of them will do without the key.
    #[schema(max_items = 4)]
    pub certificates: Vec<String>,
}

/// A runtime, without its key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RuntimeView {
    /// The runtime.
    pub id: RuntimeId,
    /// What people call it.
    pub name: String,
    /// Its state.
    pub status: RuntimeStatus,
    /// The first 8 characters of its key.
    pub key_prefix: String,
    /// The data folder it runs on, since it has enrolled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance_id: Option<InstanceId>,
    /// The key that its records are signed with, since it has enrolled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_key: Option<String>,
    /// The SHA-256 fingerprints of its client certificates.
    #[serde(default)]
    pub certificates: Vec<String>,
    /// The version of its program, since it has enrolled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// When a process of it enrolled last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enrolled_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When its key was revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<Timestamp>,
}

/// A runtime with its key, which is shown this once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RuntimeCreated {
    /// The runtime.
    pub id: RuntimeId,
    /// What people call it.
    pub name: String,
    /// The key.
    pub key: SecretText,
    /// When it was made.
    pub created_at: Timestamp,
}

/// How a key is replaced.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RotateRuntimeKey {
    /// How many minutes the former key goes on working; 60 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 1440)]
    pub grace_minutes: Option<u32>,
}

/// The new key of a runtime, which is shown this once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RuntimeKeyRotated {
    /// The runtime.
    pub id: RuntimeId,
    /// The new key.
    pub key: SecretText,
    /// Until when the former key works.
    pub previous_valid_until: Timestamp,
}

/// Which runtimes to list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct RuntimeQuery {
    /// The page, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1)]
    pub page: Option<u32>,
    /// How many on a page; 50 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1, maximum = 100)]
    pub per_page: Option<u32>,
}

/// A process of a runtime that begins.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EnrollRuntime {
    /// Its data folder. A key belongs to the first one that enrols with it.
    pub instance_id: InstanceId,
    /// Names the boot of its machine.
    #[schema(min_length = 0, max_length = 100)]
    pub boot_id: String,
    /// The number of the process by its own journal.
    #[schema(minimum = 1)]
    pub at_least: u64,
    /// The newest answer of the ledger that its journal knows of.
    pub seen: u64,
    /// The key that its records are signed with, 64 hexadecimal digits.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    pub public_key: String,
    /// The X25519 key that secrets for this process are sealed to, 64 hexadecimal digits.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    pub sealing_key: String,
    /// The version of its program.
    #[schema(min_length = 1, max_length = 100)]
    pub version: String,
}

/// What a process of a runtime is told when it begins.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RuntimeEnrolled {
    /// The runtime, for the paths of what it asks next.
    pub id: RuntimeId,
    /// The process, as the ledger has numbered it.
    pub incarnation: Incarnation,
    /// How long a lease lives without a sign of life.
    pub lease_seconds: u64,
}

/// A question about a token that was presented.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct IdentifyBearer {
    /// The SHA-256 of the token, 64 hexadecimal digits.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    pub digest: String,
    /// The versions of tools and policies that are known, so that they are not sent again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 100)]
    pub known_tools: Vec<String>,
}

words! {
    /// Why a token is not good.
    BearerFailure {
        /// No such token in the tenant of the runtime.
        Unknown = "unknown",
        /// Its time is over.
        Expired = "expired",
        /// It was withdrawn.
        Revoked = "revoked",
    }
}

/// Whose token it is, or why it is not good.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct BearerAnswer {
    /// Whose it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bearer: Option<RuntimeBearer>,
    /// Why it is not good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<BearerFailure>,
}

/// The bearer of a token with everything that the governed path asks about it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct RuntimeBearer {
    /// The token.
    pub token: IcTokenId,
    /// When it ends, if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// The agent and everything above it.
    #[schema(value_type = Object)]
    pub path: ActorPath,
    /// Whether the agent may spend, as one word.
    pub agent_state: String,
    /// What the agent's budgets count besides money: `tokens`, `execution_time`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<String>)]
    pub counted: Vec<Unit>,
    /// How often the agent was ended before and has begun anew.
    pub agent_ends: i64,
    /// Whether the whole tenant is switched off.
    pub tenant_suspended: bool,
    /// How many calls the plan of the tenant allows on a day (UTC); no limit if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calls_per_day: Option<u32>,
    /// The models the agent's settings allow; all if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allowed_models: Option<Vec<String>>,
    /// What its team says besides; nothing without a team.
    #[serde(default)]
    pub team_rules: RuntimeTeamRules,
    /// The providers assigned, in order of preference.
    pub routes: Vec<RuntimeRoute>,
    /// Which of them is asked first, and which when it fails; as where nothing is set if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub routing: Option<RuntimeRouting>,
    /// The tenant's key for the hashes of prompts and end users.
    pub hash_key: SecretText,
    /// `prod`, `staging` or `dev`, if the agent says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    /// What is looked for in its texts; as for a new tenant if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guardrails: Option<RuntimeGuardrails>,
    /// The tools that it is offered, and the policies that hold for it; no tools if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tools: Option<RuntimeTools>,
}

/// Which provider is asked first, and which when that one fails.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RuntimeRouting {
    /// After how many failures in a row a provider is left alone; 0 for never.
    pub breaker_failures: u32,
    /// From how many failures among a hundred on it is; 0 for never.
    pub breaker_error_percent: u32,
    /// Among how many calls at the least these are counted.
    pub breaker_minimum_calls: u32,
    /// In how many seconds.
    pub breaker_window_seconds: u64,
    /// For how many seconds it is left alone the first time.
    pub breaker_open_seconds: u64,
    /// Whether another provider is asked after an attempt that may be billed without an answer.
    pub fallback_after_send: bool,
    /// No attempt begins when a call has taken so many seconds; whenever it is if 0.
    pub chain_seconds: u64,
    /// Which of the providers that serve a model goes first.
    pub strategy: RoutingStrategy,
    /// How often each goes first, where that is by chance.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub weights: Vec<RuntimeWeight>,
    /// What is asked when none of them answers, in this order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fallbacks: Vec<RuntimeFallback>,
}

/// Which of several providers goes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RoutingStrategy {
    /// The one that was assigned first.
    Order,
    /// By chance, as often as weights say.
    Weighted,
    /// The one with the lowest price.
    Cost,
    /// The one that has begun its answers soonest.
    Latency,
    /// The one with the fewest attempts under way.
    LeastBusy,
}

/// How often a provider goes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RuntimeWeight {
    /// The provider.
    pub provider: ProviderId,
    /// Its share of all weights; 0 for only if no other is left.
    pub weight: u32,
}

/// Another model to ask.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RuntimeFallback {
    /// The model.
    pub model: String,
    /// The only provider that it is asked of; any that serves it if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<ProviderId>,
}

/// The tools that an agent is offered, and the policies that hold for it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RuntimeTools {
    /// The SHA-256 of the tools and policies, 64 hexadecimal digits. Agents with the same ones have
    /// the same version.
    pub version: String,
    /// What the agent has been given to be: `read_only`, `read_write` or `admin`.
    pub role: String,
    /// What people call the agent.
    pub agent_name: String,
    /// What people call its team, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team_name: Option<String>,
    /// What they say; absent if the question has named the version among those that are known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub set: Option<RuntimeToolSet>,
}

/// Tools and policies as the governed path reads them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RuntimeToolSet {
    /// The tools, each with its id, what is declared of it, its limits and how it is run.
    #[schema(value_type = Vec<Object>)]
    pub tools: serde_json::Value,
    /// The policies, as in `policies` of the control plane.
    #[schema(value_type = Vec<Object>)]
    pub policies: serde_json::Value,
}

/// The guardrail profile of an agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RuntimeGuardrails {
    /// Which profile it is; absent for that of a new tenant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile_id: Option<ProfileId>,
    /// Counts the changes of the profile.
    pub version: i64,
    /// What it says, as a guardrail profile of the control plane.
    #[schema(value_type = Object)]
    pub profile: serde_json::Value,
}

/// What the policy of a team says besides models.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RuntimeTeamRules {
    /// How many calls all its agents may make in any minute; 0 for no limit.
    pub requests_per_minute: u32,
    /// How many tokens all its agents may use in any minute; 0 for no limit.
    pub tokens_per_minute: u32,
    /// What may be kept of what its agents send.
    pub privacy_level: PrivacyLevel,
}

impl Default for RuntimeTeamRules {
    fn default() -> Self {
        RuntimeTeamRules {
            requests_per_minute: 0,
            tokens_per_minute: 0,
            privacy_level: PrivacyLevel::Permissive,
        }
    }
}

/// Where an agent's calls are sent, without the key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RuntimeRoute {
    /// The provider.
    pub provider: ProviderId,
    /// Its name in the tenant; empty if the server is older.
    #[serde(default)]
    pub name: String,
    /// Which dialect it speaks and which prices apply.
    pub kind: String,
    /// Where it is reached; empty for the kind's own address.
    pub base_url: String,
    /// The organization header, if one is set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organization: Option<String>,
    /// What only some kinds have.
    #[serde(default)]
    pub config: ProviderConfig,
    /// The models it serves; empty means that the price book knows.
    pub models: Vec<String>,
    /// How long a whole call may take.
    pub timeout_ms: u64,
}

/// A question whether what is under way may go on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AskEnded {
    /// The tokens with calls under way.
    #[schema(max_items = 1024)]
    pub engaged: Vec<EngagedToken>,
}

/// A token with calls under way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct EngagedToken {
    /// The token.
    pub token: IcTokenId,
    /// The agent and everything above it.
    #[schema(value_type = Object)]
    pub path: ActorPath,
    /// What [`RuntimeBearer::agent_ends`] was.
    pub agent_ends: i64,
}

words! {
    /// What ends everything that is under way with a token.
    EndWord {
        /// The token was revoked.
        Token = "token",
        /// The tenant was suspended.
        Tenant = "tenant",
        /// The owner of the agent was suspended.
        Owner = "owner",
        /// The agent was killed, or stopped and its grace is over.
        Agent = "agent",
    }
}

/// What has ended, one answer for each question in their order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct EndedAnswer {
    /// What has ended; null where nothing has.
    pub ends: Vec<Option<EndWord>>,
}

/// A question for the key of a provider.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AskCredential {
    /// The provider; assigned to an agent whose token the runtime has presented.
    pub provider_id: ProviderId,
}

/// The key of a provider.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CredentialAnswer {
    /// The key, sealed to the process by HPKE (RFC 9180: X25519, HKDF-SHA256, AES-256-GCM; info
    /// `iron-cage sealed secret v1`, additional data the id of the provider): the encapsulated
    /// secret and the sealed text, in hexadecimal digits.
    pub sealed: String,
    /// Counts the rotations.
    pub version: i64,
}

/// A question for the secret of a tool.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AskToolSecret {
    /// The tool; offered to an agent whose token the runtime has presented.
    pub tool_id: ToolId,
}

/// A question for the key of a data subject.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AskSubjectKey {
    /// The keyed hash of the subject, 64 hexadecimal digits.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    pub subject: String,
}

/// The key of a data subject.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SubjectKeyAnswer {
    /// Names the key in what it sealed.
    pub id: String,
    /// AES-256, as 64 hexadecimal digits that are sealed to the process as keys of providers are;
    /// additional data is the subject as it was asked for.
    pub sealed: String,
}

/// Calls of the tenant's day that a runtime books ahead of need. What is booked stays so.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BookTenantCalls {
    /// The day, counted from 1970 in UTC: today, or the day beside it.
    #[schema(minimum = 0, maximum = 1_000_000)]
    pub day: i64,
    /// Calls that were made already, and count whatever the plan says.
    #[schema(maximum = 10_000)]
    pub made: u32,
    /// How many more are wanted.
    #[schema(maximum = 10_000)]
    pub want: u32,
}

/// What was booked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TenantCallsBooked {
    /// How many of the wanted ones.
    pub granted: u32,
    /// How many are booked for the day by all.
    pub booked: i64,
}

/// A question for the prices in force.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AskPrices {
    /// The hash of the book that is known, so that an unchanged one is not sent again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(pattern = "^[0-9a-f]{64}$")]
    pub known: Option<String>,
}

/// The prices in force.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PricesAnswer {
    /// The hash of the book.
    pub hash: String,
    /// The book, unless it is the one that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub book: Option<serde_json::Value>,
}

/// Records of a runtime, in the order of its journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ShipRecords {
    /// The process by its own journal.
    #[schema(minimum = 1)]
    pub incarnation: u64,
    /// The place in the journal from which these were read.
    pub from: u64,
    /// The place behind what was read.
    pub to: u64,
    /// The records between the two; there may be none.
    #[schema(max_items = 1024)]
    pub records: Vec<ShippedRecord>,
}

/// One record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ShippedRecord {
    /// The canonical envelope, over which its hash is taken.
    pub envelope: String,
    /// The HMAC of the hash.
    pub mac: String,
    /// The place behind it in the journal.
    pub next: u64,
}

/// How far the records of a runtime have been taken.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RecordsTaken {
    /// Everything before this place is kept; what is sent next begins here.
    pub position: u64,
}
