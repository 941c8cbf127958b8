//! Providers of models.

use std::collections::BTreeMap;

use crate::{Dollars, SecretText, words::words};
use iron_primitives::{AgentId, ProjectId, ProviderId, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

words! {
    /// What kind of provider it is.
    ProviderType {
        /// OpenAI.
        Openai = "openai",
        /// Anthropic.
        Anthropic = "anthropic",
        /// Azure OpenAI.
        AzureOpenai = "azure_openai",
        /// Together AI.
        Together = "together",
        /// Hugging Face: the router, or a TGI server.
        Huggingface = "huggingface",
        /// AI21 Studio.
        Ai21 = "ai21",
        /// Cohere.
        Cohere = "cohere",
        /// Google's Gemini API.
        Google = "google",
        /// Gemini on Vertex AI, in Google Cloud.
        Vertex = "vertex",
        /// Amazon Bedrock.
        AwsBedrock = "aws_bedrock",
        /// Replicate.
        Replicate = "replicate",
        /// Any server that speaks OpenAI's dialect.
        Local = "local",
        /// Built in, without a key and without a bill.
        Simulated = "simulated",
    }
}

words! {
    /// Whether a provider is used.
    ProviderStatus {
        /// It is.
        Active = "active",
        /// It was switched off.
        Inactive = "inactive",
        /// It does not work.
        Error = "error",
    }
}

/// What only some kinds of provider have.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProviderConfig {
    /// `azure_openai`: the version of the API, such as `2024-10-21`. Without it the API is spoken
    /// to that has no versions (`/openai/v1`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, min_length = 10, max_length = 18)]
    pub api_version: Option<String>,
    /// `azure_openai`: the model behind each deployment, by the deployment's name. In a data zone
    /// the model has the zone's prices: `eu/gpt-4o`. `aws_bedrock`: the model behind an inference
    /// profile of one's own, by its id or ARN.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(required = false)]
    pub deployments: BTreeMap<String, String>,
    /// `vertex`: the project of Google Cloud that pays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(
        nullable = false,
        min_length = 2,
        max_length = 63,
        pattern = "^[a-z0-9-]+$"
    )]
    pub project: Option<String>,
    /// `vertex`: where it serves: `global`, `us`, `eu` or a region such as `europe-west4`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(
        nullable = false,
        min_length = 2,
        max_length = 63,
        pattern = "^[a-z0-9-]+$"
    )]
    pub location: Option<String>,
    /// `aws_bedrock`: the region, such as `eu-central-1`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(
        nullable = false,
        min_length = 7,
        max_length = 32,
        pattern = "^[a-z]+(-[a-z]+){1,2}-[0-9]{1,2}$"
    )]
    pub region: Option<String>,
    /// `aws_bedrock`: the role that is taken on with the key, by its ARN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, min_length = 25, max_length = 2048)]
    pub role_arn: Option<String>,
    /// `aws_bedrock`: the external id that the role's account wants to hear.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(
        nullable = false,
        min_length = 2,
        max_length = 1224,
        pattern = "^[!-~]+$"
    )]
    pub external_id: Option<String>,
    /// `aws_bedrock`: where roles are taken on, if not at the region's own address, such as an
    /// endpoint in a VPC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, min_length = 1, max_length = 2000)]
    pub sts_url: Option<String>,
}

impl ProviderConfig {
    /// Whether nothing is said.
    pub fn is_empty(&self) -> bool {
        *self == ProviderConfig::default()
    }
}

/// A new provider.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateProvider {
    /// The name, unique in the tenant.
    #[schema(min_length = 1, max_length = 100)]
    pub name: String,
    /// What kind of provider it is.
    pub r#type: ProviderType,
    /// The key; not needed for `local` and `simulated`. `vertex`: the JSON of a service account's
    /// key. `azure_openai`: also JSON with `tenant_id`, `client_id` and `client_secret` of an
    /// application of Entra ID.
    /// `aws_bedrock`: `ID:SECRET` or `ID:SECRET:TOKEN` of an access key, JSON with
    /// `access_key_id`, `secret_access_key` and perhaps `session_token`, or an API key of Bedrock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 16384, value_type = Option<String>)]
    pub api_key: Option<SecretText>,
    /// The address, where it is not the usual one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 2000)]
    pub base_url: Option<String>,
    /// The organisation at the provider.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 200)]
    pub organization_id: Option<String>,
    /// What only some kinds have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config: Option<ProviderConfig>,
    /// The models it is limited to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_items = 0, max_items = 100)]
    pub models: Option<Vec<String>>,
    /// The longest that a call may take.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 3600)]
    pub timeout_seconds: Option<u32>,
    /// Whether others may assign it to their agents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shared: Option<bool>,
}

/// A change of a provider.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(min_properties = 1)]
pub struct UpdateProvider {
    /// The name, unique in the tenant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, min_length = 1, max_length = 100)]
    pub name: Option<String>,
    /// A new key, which serves the next call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, min_length = 1, max_length = 16384, value_type = String)]
    pub api_key: Option<SecretText>,
    /// The address, where it is not the usual one.
    #[serde(default, with = "crate::null", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 2000)]
    pub base_url: Option<Option<String>>,
    /// The organisation at the provider.
    #[serde(default, with = "crate::null", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 200)]
    pub organization_id: Option<Option<String>>,
    /// What only some kinds have, as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub config: Option<ProviderConfig>,
    /// The models it is limited to; empty for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, min_items = 0, max_items = 100)]
    pub models: Option<Vec<String>>,
    /// The longest that a call may take.
    #[serde(default, with = "crate::null", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u32>, minimum = 1, maximum = 3600)]
    pub timeout_seconds: Option<Option<u32>>,
    /// Whether others may assign it to their agents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub shared: Option<bool>,
    /// `active` or `inactive`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub status: Option<ProviderStatus>,
}

/// A provider.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ProviderView {
    /// The provider.
    pub id: ProviderId,
    /// The name.
    pub name: String,
    /// What kind of provider it is.
    pub r#type: ProviderType,
    /// The key, masked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub api_key: Option<String>,
    /// The address, where it is not the usual one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub base_url: Option<String>,
    /// The organisation at the provider.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub organization_id: Option<String>,
    /// What only some kinds have.
    #[serde(default, skip_serializing_if = "ProviderConfig::is_empty")]
    #[schema(required = false)]
    pub config: ProviderConfig,
    /// The models it is limited to; empty if it is not.
    pub models: Vec<String>,
    /// The longest that a call may take.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub timeout_seconds: Option<u32>,
    /// Whether it is used.
    pub status: ProviderStatus,
    /// Whether others may assign it to their agents.
    pub shared: bool,
    /// The owner.
    pub owner_id: UserId,
    /// How many agents use it.
    pub agent_count: u64,
    /// What was used of it; only when one provider is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub usage: Option<ProviderUsage>,
    /// When the key was last changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub key_rotated_at: Option<Timestamp>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// What was used of a provider.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ProviderUsage {
    /// How many agents use it.
    pub agent_count: u64,
    /// Calls ever.
    pub total_requests: u64,
    /// Cost ever.
    pub total_cost: Dollars,
    /// The same in millionths of a dollar.
    pub total_cost_micros: i64,
    /// Calls since 00:00 UTC.
    pub requests_today: u64,
    /// Cost since 00:00 UTC.
    pub cost_today: Dollars,
    /// The same in millionths of a dollar.
    pub cost_today_micros: i64,
}

/// Which providers to list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ProviderQuery {
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
    #[param(
        pattern = "^(openai|anthropic|local|simulated)(, ?(openai|anthropic|local|simulated))*$"
    )]
    pub r#type: Option<String>,
    /// One or several states, comma-separated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(pattern = "^(active|inactive)(, ?(active|inactive))*$")]
    pub status: Option<String>,
}

/// What happens to the agents that use it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct DeleteProvider {
    /// Whether to take it from agents that use it; true if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cascade: Option<bool>,
}

/// A deleted provider, or one that would be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ProviderDeleted {
    /// The provider.
    pub id: ProviderId,
    /// The name.
    pub name: String,
    /// Whether it was deleted.
    pub deleted: bool,
    /// The agents that use it.
    pub affected_agents: Vec<AffectedAgent>,
    /// How many there are.
    pub affected_count: u64,
}

/// An agent that loses a provider.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AffectedAgent {
    /// The agent.
    pub id: AgentId,
    /// The name.
    pub name: String,
    /// How many providers it is left with.
    pub remaining_providers: u64,
}

/// An agent that uses a provider.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ProviderAgent {
    /// The agent.
    pub id: AgentId,
    /// The name.
    pub name: String,
    /// The owner.
    pub owner_id: UserId,
    /// The project.
    pub project_id: ProjectId,
}

/// A test call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TestProvider {
    /// The model to ask; the first one that is known if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 200)]
    pub model: Option<String>,
}

/// The outcome of a test call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ProviderTested {
    /// Whether the provider answered.
    pub ok: bool,
    /// How long it took.
    pub latency_ms: u64,
    /// What went wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub message: Option<String>,
}

words! {
    /// Whether calls are sent to a provider.
    ProviderCircuit {
        /// All of them.
        Closed = "closed",
        /// None.
        Open = "open",
        /// One at a time, to see how it goes.
        HalfOpen = "half_open",
    }
}

/// How a provider has done, as the server that was asked has seen it. Other servers and routers have
/// seen other calls.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ProviderHealth {
    /// The worst circuit of its models.
    pub circuit: ProviderCircuit,
    /// Which share of the calls of the last five minutes has failed, from 0 to 1; 0 without calls.
    pub error_rate: f64,
    /// How long 95 of 100 of its last answers took at the most to begin, in milliseconds, of the
    /// slowest of its models; absent before the first answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub p95_ms: Option<u64>,
    /// For how much of the time since its first call here the circuit was closed, in percent, of the
    /// worst of its models.
    pub uptime_percentage: f64,
    /// Since when the circuit is not closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub opened_at: Option<Timestamp>,
    /// Each model that it was asked for.
    pub models: Vec<ProviderModelHealth>,
    /// When this was looked at.
    pub checked_at: Timestamp,
}

/// How a provider has done with one model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ProviderModelHealth {
    /// The model, as the provider is asked for it.
    pub model: String,
    /// Whether calls are sent to it.
    pub circuit: ProviderCircuit,
    /// How many attempts of the last five minutes have told something of it.
    pub calls: u32,
    /// How many of them have failed.
    pub failures: u32,
    /// Attempts under way.
    pub in_flight: u32,
    /// As of the provider.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub p95_ms: Option<u64>,
    /// Until when it has asked to be left alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub paused_until: Option<Timestamp>,
    /// When the open circuit lets a call through to try it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub reopens_at: Option<Timestamp>,
}
