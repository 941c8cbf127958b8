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

/// The pool that an agent shares, with the caps in it that the agent stands under.
///
/// Each is a budget with an id of its own: the share of the member, nested caps for priorities
/// (low, low and normal, low to high), and the pool itself. What a member may spend has room in
/// all of them. The fields stand in the order of their names, as in records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PoolPath {
    /// The cap for priorities low to high together; none above a critical member.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub high: Option<PoolId>,
    /// The cap for priority low; only above members of that priority.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub low: Option<PoolId>,
    /// The member's own share.
    pub member: PoolId,
    /// The cap for priorities low and normal together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub normal: Option<PoolId>,
    /// The pool.
    pub pool: PoolId,
}

impl PoolPath {
    /// The most scopes that a pool adds to a path.
    pub const MOST: usize = 5;

    /// Its scopes in the order of locks, by their ids.
    fn scopes(self) -> impl Iterator<Item = Scope> {
        let mut ids = [
            Some(self.member),
            self.low,
            self.normal,
            self.high,
            Some(self.pool),
        ];
        ids.sort_unstable();
        ids.into_iter().flatten().map(Scope::Pool)
    }

    /// Which part of the pool has this id.
    pub fn part(&self, id: PoolId) -> Option<PoolPart> {
        let cap = [
            (Some(self.pool), PoolCap::Whole),
            (Some(self.member), PoolCap::Share),
            (self.low, PoolCap::Low),
            (self.normal, PoolCap::Normal),
            (self.high, PoolCap::High),
        ]
        .into_iter()
        .find(|(known, _)| *known == Some(id));
        cap.map(|(_, cap)| PoolPart {
            pool: self.pool,
            cap,
        })
    }
}

/// One budget of a pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub struct PoolPart {
    /// The pool.
    pub pool: PoolId,
    /// Which of its budgets.
    pub cap: PoolCap,
}

/// Which budget of a pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PoolCap {
    /// All of it.
    Whole,
    /// What one member may have of it.
    Share,
    /// What members of priority low may have together.
    Low,
    /// What members of priorities low and normal may have together.
    Normal,
    /// What members of priorities low, normal and high may have together.
    High,
}

impl PoolCap {
    /// The word on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            PoolCap::Whole => "whole",
            PoolCap::Share => "share",
            PoolCap::Low => "low",
            PoolCap::Normal => "normal",
            PoolCap::High => "high",
        }
    }
}

/// Who acts, and everything that stands above.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ActorPath {
    /// The pool that the agent shares with others, if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pool: Option<PoolPath>,
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
        let above = [
            Some(Scope::User(self.user)),
            self.team.map(Scope::Team),
            Some(Scope::Project(self.project)),
            Some(Scope::Tenant(self.tenant)),
        ];
        std::iter::once(Scope::Agent(self.agent))
            .chain(self.pool.into_iter().flat_map(PoolPath::scopes))
            .chain(above.into_iter().flatten())
    }

    /// Which part of the agent's pool this scope is, if it is one.
    pub fn part_of_pool(&self, scope: Scope) -> Option<PoolPart> {
        match (scope, &self.pool) {
            (Scope::Pool(id), Some(pool)) => pool.part(id),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::Id as _;

    fn path(pool: Option<PoolPath>) -> ActorPath {
        ActorPath {
            pool,
            tenant: TenantId::from_uuid(Uuid::from_u128(1)),
            project: ProjectId::from_uuid(Uuid::from_u128(2)),
            team: Some(TeamId::from_uuid(Uuid::from_u128(3))),
            user: UserId::from_uuid(Uuid::from_u128(4)),
            agent: AgentId::from_uuid(Uuid::from_u128(5)),
        }
    }

    fn pool(id: u128) -> PoolId {
        PoolId::from_uuid(Uuid::from_u128(id))
    }

    #[test]
    fn scopes_stand_in_the_order_of_locks_whatever_the_ids_of_caps_are() {
        let shared = PoolPath {
            high: Some(pool(7)),
            low: Some(pool(9)),
            member: pool(8),
            normal: None,
            pool: pool(6),
        };
        let scopes: Vec<Scope> = path(Some(shared)).scopes().collect();
        let mut sorted = scopes.clone();
        sorted.sort_unstable();
        assert_eq!(scopes, sorted);
        assert_eq!(scopes.len(), 9);
        assert_eq!(
            path(Some(shared)).part_of_pool(Scope::Pool(pool(9))),
            Some(PoolPart {
                pool: pool(6),
                cap: PoolCap::Low
            })
        );
        assert_eq!(path(None).part_of_pool(Scope::Pool(pool(9))), None);
    }

    #[test]
    fn a_path_without_a_pool_is_written_and_read_as_before_there_were_pools() {
        let written = serde_json::to_string(&path(None)).expect("serialises");
        assert!(!written.contains("pool"), "{written}");
        let read: ActorPath = serde_json::from_str(&written).expect("reads back");
        assert_eq!(read, path(None));
        let shared = PoolPath {
            high: None,
            low: None,
            member: pool(8),
            normal: None,
            pool: pool(6),
        };
        let written = serde_json::to_string(&path(Some(shared))).expect("serialises");
        let read: ActorPath = serde_json::from_str(&written).expect("reads back");
        assert_eq!(read, path(Some(shared)));
    }
}
