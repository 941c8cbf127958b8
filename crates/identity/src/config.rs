//! What an operator may set about users and sessions.

use std::sync::Arc;
use std::time::Duration;

use iron_primitives::TenantId;

/// The settings of this feature.
#[derive(Debug, Clone)]
pub struct Config {
    /// How dear it is to check a password.
    pub password_cost: PasswordCost,
    /// The fewest characters of a password.
    pub password_min_length: usize,
    /// How many failed logins in a row lock an address.
    pub lock_after_failures: u32,
    /// How long the lock lasts.
    pub lock_for: Duration,
    /// How many failed logins one client address has in [`Config::address_window`].
    pub address_failures: u32,
    /// See [`Config::address_failures`].
    pub address_window: Duration,
    /// How long an access token is good.
    pub access_lifetime: Duration,
    /// How long a refresh token is good.
    pub refresh_lifetime: Duration,
    /// How long a session may rest.
    pub idle_limit: Duration,
    /// How long an invitation is good.
    pub invitation_lifetime: Duration,
    /// How many calls the plan `free` allows on a day; 0 for no limit.
    pub free_calls_per_day: u32,
    /// How many calls the plan `pro` allows on a day; 0 for no limit.
    pub pro_calls_per_day: u32,
}

/// What sessions, passwords and tokens of a tenant must satisfy now: the part of the settings that
/// may change while everything runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// How long a session may rest.
    pub idle_limit: Duration,
    /// How long a refresh token is good.
    pub refresh_lifetime: Duration,
    /// The fewest characters of a new password.
    pub password_min_length: usize,
    /// How long a new API token may be good; none for no bound.
    pub api_token_max: Option<Duration>,
    /// How long an invitation is good.
    pub invitation_lifetime: Duration,
}

/// The terms of a tenant; none for whoever belongs to none yet. Asked at every request.
pub type TermsOf = Arc<dyn Fn(Option<TenantId>) -> Terms + Send + Sync>;

impl Config {
    /// The terms that hold while nobody says otherwise.
    pub fn terms(&self) -> Terms {
        Terms {
            idle_limit: self.idle_limit,
            refresh_lifetime: self.refresh_lifetime,
            password_min_length: self.password_min_length,
            api_token_max: None,
            invitation_lifetime: self.invitation_lifetime,
        }
    }
}

/// How dear it is to check a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PasswordCost {
    /// Memory of one check in KiB.
    pub memory_kib: u32,
    /// How often the memory is gone through.
    pub passes: u32,
    /// How many checks run at once.
    pub at_once: usize,
}

impl PasswordCost {
    /// What OWASP's password storage cheat sheet asks of Argon2id at least.
    pub const RECOMMENDED: PasswordCost = PasswordCost {
        memory_kib: 19_456,
        passes: 2,
        at_once: 2,
    };
    /// The least that Argon2 accepts; for tests.
    pub const LOWEST: PasswordCost = PasswordCost {
        memory_kib: 8,
        passes: 1,
        at_once: 4,
    };
}

impl Default for Config {
    fn default() -> Self {
        const MINUTE: u64 = 60;
        Config {
            password_cost: PasswordCost::RECOMMENDED,
            password_min_length: 8,
            lock_after_failures: 10,
            lock_for: Duration::from_secs(15 * MINUTE),
            address_failures: 5,
            address_window: Duration::from_secs(5 * MINUTE),
            access_lifetime: Duration::from_secs(60 * MINUTE),
            refresh_lifetime: Duration::from_secs(30 * 24 * 60 * MINUTE),
            idle_limit: Duration::from_secs(30 * MINUTE),
            invitation_lifetime: Duration::from_secs(3 * 24 * 60 * MINUTE),
            free_calls_per_day: 100,
            pro_calls_per_day: 10_000,
        }
    }
}
