//! Whom a budget, a rule or a record is about.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{AgentId, InvalidId, PoolId, ProjectId, TeamId, TenantId, UserId};

/// The level of a scope. The order is the order of locks: leaves first, tenant last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScopeKind {
    /// One agent.
    Agent,
    /// A pool that agents share.
    Pool,
    /// The user who owns the agent.
    User,
    /// The agent's team.
    Team,
    /// The agent's project.
    Project,
    /// The whole tenant.
    Tenant,
}

impl ScopeKind {
    /// The word on the wire and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            ScopeKind::Agent => "agent",
            ScopeKind::Pool => "pool",
            ScopeKind::User => "user",
            ScopeKind::Team => "team",
            ScopeKind::Project => "project",
            ScopeKind::Tenant => "tenant",
        }
    }
}

/// One thing that can have a budget. Prints as its typed id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// One agent.
    Agent(AgentId),
    /// A pool that agents share.
    Pool(PoolId),
    /// A user.
    User(UserId),
    /// A team.
    Team(TeamId),
    /// A project.
    Project(ProjectId),
    /// A tenant.
    Tenant(TenantId),
}

impl Scope {
    /// The level of this scope.
    pub const fn kind(self) -> ScopeKind {
        match self {
            Scope::Agent(_) => ScopeKind::Agent,
            Scope::Pool(_) => ScopeKind::Pool,
            Scope::User(_) => ScopeKind::User,
            Scope::Team(_) => ScopeKind::Team,
            Scope::Project(_) => ScopeKind::Project,
            Scope::Tenant(_) => ScopeKind::Tenant,
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Scope::Agent(id) => id.fmt(f),
            Scope::Pool(id) => id.fmt(f),
            Scope::User(id) => id.fmt(f),
            Scope::Team(id) => id.fmt(f),
            Scope::Project(id) => id.fmt(f),
            Scope::Tenant(id) => id.fmt(f),
        }
    }
}

impl FromStr for Scope {
    type Err = InvalidId;
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        match text.split('_').next() {
            Some("agent") => text.parse().map(Scope::Agent),
            Some("pool") => text.parse().map(Scope::Pool),
            Some("user") => text.parse().map(Scope::User),
            Some("team") => text.parse().map(Scope::Team),
            Some("proj") => text.parse().map(Scope::Project),
            _ => text.parse().map(Scope::Tenant),
        }
    }
}

impl Serialize for Scope {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Scope {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// What a budget counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Nano-dollars.
    Usd,
    /// Tokens, all buckets together.
    Tokens,
    /// Milliseconds of execution.
    ExecutionTime,
}

impl Unit {
    /// The word on the wire and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Unit::Usd => "usd",
            Unit::Tokens => "tokens",
            Unit::ExecutionTime => "execution_time",
        }
    }
}

/// Who acts, and everything that stands above.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ActorPath {
    /// The tenant.
    pub tenant: TenantId,
    /// The project the agent belongs to.
    pub project: ProjectId,
    /// The team, if the agent has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub team: Option<TeamId>,
    /// The user who owns the agent.
    pub user: UserId,
    /// The agent.
    pub agent: AgentId,
}

impl ActorPath {
    /// The scopes on the path, leaf first, in the order of locks.
    pub fn scopes(&self) -> impl Iterator<Item = Scope> + use<> {
        [
            Some(Scope::Agent(self.agent)),
            Some(Scope::User(self.user)),
            self.team.map(Scope::Team),
            Some(Scope::Project(self.project)),
            Some(Scope::Tenant(self.tenant)),
        ]
        .into_iter()
        .flatten()
    }
}
