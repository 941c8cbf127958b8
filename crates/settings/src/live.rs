//! What holds now, in memory: for whatever asks at every request.

use std::collections::HashMap;
use std::time::Duration;

use iron_primitives::TenantId;

use crate::{Defaults, Document, Effective, Level};

/// What sessions, passwords and tokens of a tenant must satisfy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Security {
    /// How long a session may rest.
    pub session_idle: Duration,
    /// How long a refresh token is good.
    pub refresh_lifetime: Duration,
    /// The fewest characters of a new password.
    pub password_min_length: usize,
    /// How long a new API token may be good; none for no bound.
    pub api_token_max: Option<Duration>,
    /// How long the key of an access request works.
    pub access_key: Duration,
    /// How long an invitation can be accepted.
    pub invitation_lifetime: Duration,
}

/// How people decide about tool calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Approval {
    /// How long a call waits for its approval.
    pub timeout: Duration,
    /// How long it can be made once it is approved.
    pub grant: Duration,
    /// Whether owners may not decide about their own agents.
    pub forbid_own: bool,
}

/// When people are told that calls of an agent fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ErrorAlarm {
    /// After so many; 0 for never.
    pub count: u32,
    /// Within so long.
    pub within: Duration,
}

/// When providers that fail are left alone, and how far calls go on to others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Routing {
    /// After how many failures in a row a provider is left alone; 0 for never.
    pub breaker_failures: u32,
    /// From how many failures among a hundred on; 0 for never.
    pub breaker_error_percent: u32,
    /// Among how many calls at the least.
    pub breaker_minimum_calls: u32,
    /// In which time.
    pub breaker_window: Duration,
    /// For how long the first time.
    pub breaker_open: Duration,
    /// When no further provider is asked; none for no limit.
    pub chain: Option<Duration>,
    /// Whether another one is asked after an attempt that may be billed.
    pub fallback_after_send: bool,
}

/// How often somebody may ask; 0 for no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rates {
    /// In any 60 seconds.
    pub per_minute: u32,
    /// In any 3600 seconds.
    pub per_hour: u32,
}

/// Everything that is set for the system and for tenants, at one time.
pub(crate) struct Snapshot {
    /// The count of changes that it was read at.
    pub(crate) head: i64,
    anonymous: Rates,
    of_all: Holding,
    of_tenants: HashMap<TenantId, Holding>,
}

#[derive(Clone, Copy)]
struct Holding {
    security: Security,
    approval: Approval,
    errors: ErrorAlarm,
    routing: Routing,
    users: Rates,
}

impl Snapshot {
    pub(crate) fn new(
        head: i64,
        defaults: &Defaults,
        system: &Document,
        tenants: impl IntoIterator<Item = (TenantId, Document)>,
    ) -> Self {
        let whole = Effective::of(defaults, [(Level::System, system)]);
        let of_tenants = tenants.into_iter().map(|(tenant, own)| {
            let levels = [(Level::System, system), (Level::Tenant, &own)];
            (tenant, Holding::read(&Effective::of(defaults, levels)))
        });
        Snapshot {
            head,
            anonymous: rates(&whole, ANONYMOUS),
            of_all: Holding::read(&whole),
            of_tenants: of_tenants.collect(),
        }
    }

    pub(crate) fn security(&self, tenant: Option<TenantId>) -> Security {
        tenant
            .map_or(&self.of_all, |tenant| self.of(tenant))
            .security
    }

    pub(crate) fn approval(&self, tenant: TenantId) -> Approval {
        self.of(tenant).approval
    }

    pub(crate) fn errors(&self, tenant: TenantId) -> ErrorAlarm {
        self.of(tenant).errors
    }

    pub(crate) fn routing(&self, tenant: TenantId) -> Routing {
        self.of(tenant).routing
    }

    pub(crate) fn users(&self, tenant: TenantId) -> Rates {
        self.of(tenant).users
    }

    pub(crate) const fn anonymous(&self) -> Rates {
        self.anonymous
    }

    fn of(&self, tenant: TenantId) -> &Holding {
        self.of_tenants.get(&tenant).unwrap_or(&self.of_all)
    }
}

const USERS: [&str; 2] = ["rate_limits.user_per_minute", "rate_limits.user_per_hour"];
const ANONYMOUS: [&str; 2] = [
    "rate_limits.anonymous_per_minute",
    "rate_limits.anonymous_per_hour",
];

impl Holding {
    fn read(effective: &Effective) -> Self {
        let days = |path| Duration::from_secs(number(effective, path).saturating_mul(86_400));
        let minutes = |path| Duration::from_secs(number(effective, path).saturating_mul(60));
        let hours = |path| Duration::from_secs(number(effective, path).saturating_mul(3_600));
        let seconds = |path| Duration::from_secs(number(effective, path));
        let longest = days("security.api_token_max_days");
        let fewest = number(effective, "security.password_min_length");
        Holding {
            security: Security {
                session_idle: minutes("security.session_idle_minutes"),
                refresh_lifetime: days("security.refresh_days"),
                password_min_length: usize::try_from(fewest).unwrap_or(usize::MAX),
                api_token_max: (!longest.is_zero()).then_some(longest),
                access_key: days("security.access_key_days"),
                invitation_lifetime: hours("security.invitation_hours"),
            },
            approval: Approval {
                timeout: seconds("approval.timeout_seconds"),
                grant: seconds("approval.grant_seconds"),
                forbid_own: effective.flag("approval.forbid_own").unwrap_or_default(),
            },
            errors: ErrorAlarm {
                count: count(effective, "notifications.error_count"),
                within: minutes("notifications.error_minutes"),
            },
            routing: routing(effective),
            users: rates(effective, USERS),
        }
    }
}

fn routing(effective: &Effective) -> Routing {
    let count = |path| count(effective, path);
    let seconds = |path| Duration::from_secs(number(effective, path));
    let chain = seconds("routing.chain_seconds");
    Routing {
        breaker_failures: count("routing.breaker_failures"),
        breaker_error_percent: count("routing.breaker_error_percent"),
        breaker_minimum_calls: count("routing.breaker_minimum_calls"),
        breaker_window: seconds("routing.breaker_window_seconds"),
        breaker_open: seconds("routing.breaker_open_seconds"),
        chain: (!chain.is_zero()).then_some(chain),
        fallback_after_send: effective
            .flag("routing.fallback_after_send")
            .unwrap_or_default(),
    }
}

fn rates(effective: &Effective, [minute, hour]: [&str; 2]) -> Rates {
    Rates {
        per_minute: count(effective, minute),
        per_hour: count(effective, hour),
    }
}

fn count(effective: &Effective, path: &str) -> u32 {
    u32::try_from(number(effective, path)).unwrap_or(u32::MAX)
}

fn number(effective: &Effective, path: &str) -> u64 {
    let number = effective.number(path).unwrap_or_default();
    u64::try_from(number).unwrap_or_default()
}
