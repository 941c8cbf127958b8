//! Who acts: tenants, projects, people, sessions and tokens, and the evidence of what they may
//! do.
//!
//! Words:
//! - a **caller** is whoever has shown a good credential; [`Identity::authenticate`] reads his
//!   user, role, status and tenant anew at each request, so that a change acts at once;
//! - a [`Permission`] is one thing that a role may allow, and how far: [`Permission::extent`] is
//!   the whole table;
//! - [`Identity::authorise`] turns caller and permission into [`iron_audit::Authorised`], the
//!   evidence that every method of every feature demands. No other crate makes one;
//! - an **IC token** is an agent's credential on the data plane, an **API token** a user's for
//!   programs. Both are known to us by their SHA-256 alone.
//!
//! Invariants:
//! - **A login tells nothing**: an unknown address takes as long as a wrong password, answers
//!   alike and locks alike. An attempt counts as failed before its password is looked at, so
//!   that a thousand attempts made at once are no more than ten.
//! - **A refresh token is good once**: whoever shows a spent one ends the session for everybody.
//! - **Nobody lifts himself**: no own role, no own suspension, no hand on a platform admin by
//!   who is none; the last active admin of a tenant stays.
//! - **An invitation is good once**, and what is wrong with one is not told.
//! - **Tenants do not see each other**: every query begins with `tenant_id`, what belongs to
//!   another tenant is not found.
//! - **A change and its audit entry are one transaction.**
//!
//! Methods that change something take the transaction from the caller, because a plane may
//! compose them with other features; the few that must commit whatever happens next (login,
//! refresh, logout) make their own.
//!
//! ```
//! use iron_audit::Role;
//! use iron_identity::{Extent, Permission};
//!
//! assert_eq!(Permission::AgentCreate.extent(Role::Developer), Extent::Own);
//! assert_eq!(Permission::AgentCreate.extent(Role::Auditor), Extent::Nothing);
//! ```

mod access_token;
mod api_tokens;
mod bootstrap;
mod caller;
mod calls;
mod config;
mod error;
mod ic_tokens;
mod identity;
mod inspect;
mod invitations;
mod login;
mod model;
mod password;
mod permission;
mod projects;
mod quotas;
mod sessions;
mod store;
mod teams;
mod tenants;
mod users;

pub use api_tokens::{ApiTokenFilter, NewApiToken};
pub use bootstrap::{Bootstrap, FirstAdmin, PreparedBootstrap};
pub use caller::{Caller, Presented};
pub use calls::{BookedCalls, CallBlock, TenantStanding};
pub use config::{Config, PasswordCost, Terms, TermsOf};
pub use error::Error;
pub use ic_tokens::{
    Bearer, IcTokenFilter, NewIcToken, Rotated, StaleTokens, TokenIs, TokenStanding,
};
pub use identity::{Identity, PasswordHash};
pub use inspect::{Inspection, InvalidReason};
pub use invitations::{Acceptance, Invitation};
pub use login::Login;
pub use model::{
    ApiToken, ApiTokenStatus, IcToken, IcTokenStatus, Plan, Project, Session, SignedIn, Tenant,
    TenantStatus, User, UserStatus,
};
pub use permission::{Extent, Permission};
pub use projects::{NewProject, ProjectChanges};
pub use quotas::{Population, Quota, Quotas};
pub use teams::{
    NewTeam, PrivacyLevel, Team, TeamChanges, TeamMember, TeamName, TeamPolicy, TeamRole,
};
pub use tenants::{NewTenant, TenantChanges, TenantCreated, TenantFilter};
pub use users::{NewUser, Sought, UserChanges, UserDeleted, UserFilter};

pub use iron_audit::Role;

/// The tables of this feature.
pub const MIGRATIONS: iron_store::Migrations = iron_store::migrations!(
    "identity",
    "0001_identity",
    "0002_teams",
    "0003_invitations",
    "0004_quotas",
    "0005_row_security",
    "0006_call_days"
);
