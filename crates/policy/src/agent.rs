//! Who calls.

use std::collections::BTreeMap;

use iron_primitives::{AgentId, TeamId};
use serde::{Deserialize, Serialize};

/// What policies may know of an agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agent {
    /// Its id.
    pub id: AgentId,
    /// Its name.
    pub name: String,
    /// What it has been given leave to do at most.
    pub role: Role,
    /// Its team, if it has one.
    pub team: Option<Team>,
    /// What its owner says of it: `environment`.
    pub attributes: BTreeMap<String, String>,
}

/// What policies may know of a team.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Team {
    /// Its id.
    pub id: TeamId,
    /// Its name.
    pub name: String,
}

/// What an agent has been given leave to do at most.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// To read.
    ReadOnly,
    /// To read and to change.
    #[default]
    ReadWrite,
    /// To change what others may do as well.
    Admin,
}

impl Role {
    /// The one of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let all = [Self::ReadOnly, Self::ReadWrite, Self::Admin];
        all.into_iter().find(|role| role.name() == name)
    }

    /// Its name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ReadOnly => "read_only",
            Self::ReadWrite => "read_write",
            Self::Admin => "admin",
        }
    }
}
