//! What an agent is made of.

use iron_primitives::{
    ActorPath, AgentId, PolicyId, ProfileId, ProjectId, ProviderId, TeamId, TenantId, Timestamp,
    UserId,
};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::settings::Routing;
use crate::{RuntimeState, Settings};

/// Where an agent is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AgentEnvironment {
    /// In earnest.
    Prod,
    /// For a last look.
    Staging,
    /// For work on it.
    #[default]
    Dev,
}

impl AgentEnvironment {
    /// The word on the wire and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            AgentEnvironment::Prod => "prod",
            AgentEnvironment::Staging => "staging",
            AgentEnvironment::Dev => "dev",
        }
    }

    pub(crate) fn from_word(word: &str) -> Option<Self> {
        [
            AgentEnvironment::Prod,
            AgentEnvironment::Staging,
            AgentEnvironment::Dev,
        ]
        .into_iter()
        .find(|environment| environment.as_str() == word)
    }
}

/// An agent.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Agent {
    /// The agent.
    pub id: AgentId,
    /// Its tenant.
    pub tenant: TenantId,
    /// Its project.
    pub project: ProjectId,
    /// Its team, if it has one.
    pub team: Option<TeamId>,
    /// Whose it is.
    pub owner: UserId,
    /// The name, unique in the project.
    pub name: String,
    /// What it does.
    pub description: Option<String>,
    /// Labels, in the order in which they were given.
    pub tags: Vec<String>,
    /// Settings.
    pub settings: Settings,
    /// The providers it may call, the preferred one first.
    pub providers: Vec<ProviderId>,
    /// Whether an admin has switched it off.
    pub switched_off: bool,
    /// What it is doing.
    pub runtime_state: RuntimeState,
    /// Why it is paused, if it is; or why a server has killed it.
    pub pause_reason: Option<String>,
    /// Whether a spent budget has paused it, and not a person.
    pub paused_by_budget: bool,
    /// How often it was restarted.
    pub restarts: i64,
    /// How often it was ended and has begun anew.
    #[serde(skip)]
    pub ends: i64,
    /// When what it has under way ends, if it is stopped.
    #[serde(skip)]
    pub calls_end_at: Option<Timestamp>,
    /// Where it is used.
    pub environment: AgentEnvironment,
    /// Counts the changes, from 1.
    pub version: i64,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// A new agent.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NewAgent {
    /// The project.
    pub project: ProjectId,
    /// The team, if it has one.
    pub team: Option<TeamId>,
    /// Whose it is.
    pub owner: UserId,
    /// The name, 1 to 100 characters.
    pub name: String,
    /// What it does, at most 500 characters.
    pub description: Option<String>,
    /// Labels, at most 20 of at most 50 characters.
    pub tags: Vec<String>,
    /// Settings.
    pub settings: Map<String, Value>,
    /// Its providers, the preferred one first; the caller has made sure that they exist.
    pub providers: Vec<ProviderId>,
    /// Where it is used.
    pub environment: AgentEnvironment,
}

/// A change of an agent; what is absent stays.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct AgentChange {
    /// The name.
    pub name: Option<String>,
    /// What it does; an inner none clears it.
    pub description: Option<Option<String>>,
    /// Labels; replaces all.
    pub tags: Option<Vec<String>>,
    /// Settings, merged by top-level key.
    pub settings: Option<Map<String, Value>>,
    /// Its team, an inner none for no team; the caller has made sure that it exists.
    pub team: Option<Option<TeamId>>,
}

/// Which agents to list.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AgentFilter {
    /// Part of the name.
    pub name: Option<String>,
    /// Only those switched off, or only the others.
    pub switched_off: Option<bool>,
    /// These states.
    pub runtime_states: Vec<RuntimeState>,
    /// All of these labels.
    pub tags: Vec<String>,
    /// This project.
    pub project: Option<ProjectId>,
    /// This team.
    pub team: Option<TeamId>,
    /// This owner.
    pub owner: Option<UserId>,
    /// These agents only.
    pub among: Option<Vec<AgentId>>,
}

/// What an agent is told apart by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outline {
    /// The agent.
    pub id: AgentId,
    /// Whose it is.
    pub owner: UserId,
    /// Whether an admin has switched it off.
    pub switched_off: bool,
}

/// What a team is told of its agents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TeamAgent {
    /// The agent.
    pub id: AgentId,
    /// Its name.
    pub name: String,
    /// Whose it is.
    pub owner: UserId,
}

/// A deleted agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deleted {
    /// When.
    pub deleted_at: Timestamp,
    /// How many providers were assigned to it.
    pub assignments: u64,
}

/// What becomes of the calls that an agent has under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AgentStanding {
    /// How often the agent was ended and has begun anew: calls from before have no place any more.
    pub ends: i64,
    /// Whether they must end: it was killed or deleted, or stopped and its grace is over.
    pub over: bool,
}

/// What the governed path must know of an agent.
#[derive(Debug, Clone, PartialEq)]
pub struct CallAgent {
    /// The agent and everything above it.
    pub path: ActorPath,
    /// What people call it.
    pub name: String,
    /// Whether an admin has switched it off.
    pub switched_off: bool,
    /// What it is doing.
    pub runtime_state: RuntimeState,
    /// Whether a spent budget has paused it.
    pub paused_by_budget: bool,
    /// How often it was ended and has begun anew.
    pub ends: i64,
    /// The models it may use; none means all.
    pub allowed_models: Option<Vec<String>>,
    /// Which provider its calls ask first, and what they fall back on.
    pub routing: Routing,
    /// The guardrail profile that its settings name.
    pub guardrail_profile: Option<ProfileId>,
    /// What its settings have given it to be: `read_only`, `read_write` or `admin`; none for the
    /// second of them.
    pub role: Option<String>,
    /// The names of the tools that its settings offer it; none means all.
    pub tools: Option<Vec<String>>,
    /// The policies that its settings name.
    pub policies: Vec<PolicyId>,
    /// Its providers, the preferred one first.
    pub providers: Vec<ProviderId>,
    /// Where it is used.
    pub environment: AgentEnvironment,
}
