//! Evidence that somebody may do what is about to be done.

use std::ops::Deref;

use iron_primitives::{
    ApiTokenId, ApprovalId, ChannelId, RequestId, SessionId, TeamId, TenantId, UserId,
};
use serde::{Deserialize, Serialize};

/// What a user is in the tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// May do everything in the tenant.
    Admin,
    /// Builds agents and owns them.
    Developer,
    /// Runs agents.
    Operator,
    /// Looks.
    Viewer,
    /// Reads the audit log.
    Auditor,
}

impl Role {
    /// All roles.
    pub const ALL: [Role; 5] = [
        Role::Admin,
        Role::Developer,
        Role::Operator,
        Role::Viewer,
        Role::Auditor,
    ];

    /// The word on the wire and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Role::Admin => "admin",
            Role::Developer => "developer",
            Role::Operator => "operator",
            Role::Viewer => "viewer",
            Role::Auditor => "auditor",
        }
    }
}

/// Not one of the roles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected one of admin, developer, operator, viewer, auditor")]
pub struct UnknownRole;

impl std::str::FromStr for Role {
    type Err = UnknownRole;
    fn from_str(text: &str) -> Result<Self, UnknownRole> {
        Role::ALL
            .into_iter()
            .find(|role| role.as_str() == text)
            .ok_or(UnknownRole)
    }
}

/// What the user has shown to prove who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Credential {
    /// A session, by its access token.
    Session(SessionId),
    /// An API token.
    ApiToken(ApiTokenId),
    /// An answer that the other end of a notification channel has signed.
    Channel(ChannelId),
    /// The link in a letter about an approval.
    Letter(ApprovalId),
}

impl std::fmt::Display for Credential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Credential::Session(id) => id.fmt(f),
            Credential::ApiToken(id) => id.fmt(f),
            Credential::Channel(id) => id.fmt(f),
            Credential::Letter(id) => id.fmt(f),
        }
    }
}

/// How far the permission that was asked for reaches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reach {
    /// Everything in the tenant.
    Tenant,
    /// What belongs to these teams.
    Teams(Vec<TeamId>),
    /// What this user owns.
    Own(UserId),
}

/// Facts about the request, for the entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestFacts {
    /// The request.
    pub request_id: RequestId,
    /// The HTTP method.
    pub method: String,
    /// The route, without its query.
    pub endpoint: String,
    /// Where it came from. Personal.
    pub ip: Option<String>,
    /// With which program. Personal.
    pub user_agent: Option<String>,
    /// The W3C trace id, if one came.
    pub trace_id: Option<String>,
}

/// What an authorisation is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grounds {
    /// In which tenant.
    pub tenant: TenantId,
    /// Who acts.
    pub user: UserId,
    /// Their role, as it is now.
    pub role: Role,
    /// What they have shown.
    pub credential: Credential,
    /// How far the permission reaches.
    pub reach: Reach,
    /// Whether they may act on other tenants and on the platform's settings.
    pub platform_admin: bool,
    /// The request.
    pub request: RequestFacts,
}

/// Evidence of an authorised action.
///
/// Every method of a feature, reading or writing, demands one, so that a check cannot be
/// forgotten. Only `identity` makes one, after it has read the caller's status and role; what it
/// says cannot be changed afterwards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authorised(Grounds);

impl Authorised {
    /// Attests that the permission was checked. For `identity` alone, and for tests.
    pub const fn attest(grounds: Grounds) -> Self {
        Authorised(grounds)
    }

    /// Whether what belongs to this owner and this team is within reach.
    pub fn reaches(&self, owner: UserId, team: Option<TeamId>) -> bool {
        match &self.0.reach {
            Reach::Tenant => true,
            Reach::Teams(teams) => team.is_some_and(|team| teams.contains(&team)),
            Reach::Own(user) => *user == owner,
        }
    }
}

impl Deref for Authorised {
    type Target = Grounds;
    fn deref(&self) -> &Grounds {
        &self.0
    }
}
