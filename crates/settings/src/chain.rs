//! Levels, and what stands above each other.

use std::fmt;

use iron_primitives::{ProjectId, TeamId, TenantId, UserId};

iron_store::words! {
    /// Where a value is set, from the widest to the nearest.
    pub enum Level {
        /// For the whole installation.
        System = "system",
        /// For a tenant.
        Tenant = "tenant",
        /// For a team.
        Team = "team",
        /// For a project.
        Project = "project",
        /// For a user.
        User = "user",
    }
}

/// Whoever has settings of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Holder {
    /// The installation.
    System,
    /// A tenant.
    Tenant(TenantId),
    /// A team.
    Team(TeamId),
    /// A project.
    Project(ProjectId),
    /// A user.
    User(UserId),
}

impl Holder {
    /// Its level.
    pub const fn level(&self) -> Level {
        match self {
            Holder::System => Level::System,
            Holder::Tenant(_) => Level::Tenant,
            Holder::Team(_) => Level::Team,
            Holder::Project(_) => Level::Project,
            Holder::User(_) => Level::User,
        }
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Holder::System => f.write_str("system"),
            Holder::Tenant(id) => id.fmt(f),
            Holder::Team(id) => id.fmt(f),
            Holder::Project(id) => id.fmt(f),
            Holder::User(id) => id.fmt(f),
        }
    }
}

/// A holder with everything above it. Whoever makes one has seen that they belong together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    tenant: Option<TenantId>,
    above: Vec<Holder>,
    holder: Holder,
}

impl Chain {
    /// The installation.
    pub const fn system() -> Self {
        Chain {
            tenant: None,
            above: Vec::new(),
            holder: Holder::System,
        }
    }

    /// A tenant.
    pub fn tenant(tenant: TenantId) -> Self {
        Chain {
            tenant: Some(tenant),
            above: vec![Holder::System],
            holder: Holder::Tenant(tenant),
        }
    }

    /// A team of a tenant.
    pub fn team(tenant: TenantId, team: TeamId) -> Self {
        Chain::below(tenant, None, Holder::Team(team))
    }

    /// A project of a tenant, and of a team if it belongs to one.
    pub fn project(tenant: TenantId, team: Option<TeamId>, project: ProjectId) -> Self {
        Chain::below(tenant, team, Holder::Project(project))
    }

    /// A user. People may be in several teams, so that no team stands above them.
    pub fn user(tenant: TenantId, user: UserId) -> Self {
        Chain::below(tenant, None, Holder::User(user))
    }

    fn below(tenant: TenantId, team: Option<TeamId>, holder: Holder) -> Self {
        let mut above = vec![Holder::System, Holder::Tenant(tenant)];
        above.extend(team.map(Holder::Team));
        Chain {
            tenant: Some(tenant),
            above,
            holder,
        }
    }

    /// The tenant; none for the system.
    pub const fn tenant_id(&self) -> Option<TenantId> {
        self.tenant
    }

    /// Its end.
    pub const fn holder(&self) -> Holder {
        self.holder
    }

    /// All of it, the system first.
    pub(crate) fn holders(&self) -> Vec<Holder> {
        let mut all = self.above.clone();
        all.push(self.holder);
        all
    }

    /// What stands above, the system first.
    pub fn above(&self) -> &[Holder] {
        &self.above
    }
}
