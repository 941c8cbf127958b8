//! What a server is told, out of the configuration.

use std::net::SocketAddr;
use std::net::ToSocketAddrs as _;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result};
use iron_api::MetricsAccess;
use iron_audit::Archive;
use iron_budget::{PathTerms, Terms};
use iron_identity::Bootstrap;
use iron_journal::Durability;
use iron_net::TrustedProxies;
use iron_net::breaker::BreakerPolicy;
use iron_net::egress::AddressRules;
use iron_net::rate::Quota;
use iron_net::tls::TlsFiles;
use iron_primitives::{Money, Secret, TokenDigest};

use super::faces;
use crate::certificates;
use crate::config::{Config, keys};

/// How tools are run.
#[derive(Clone)]
pub(crate) struct ToolTerms {
    /// The hosts inside the network at which they may be.
    pub(crate) inside: Vec<String>,
    /// Where files of SQLite may be that they use; nowhere if absent.
    pub(crate) sqlite: Option<PathBuf>,
    /// The most bytes that one may give back.
    pub(crate) answer_bytes: usize,
    /// When a host that does not answer is left alone, and for how long.
    pub(crate) breaker: BreakerPolicy,
    /// How long the result of an allowed call may take.
    pub(crate) result_within: Duration,
}

impl ToolTerms {
    fn read(config: &Config) -> Self {
        let inside = config.optional(keys::TOOL_INSIDE_HOSTS).unwrap_or_default();
        let inside = inside
            .split(',')
            .map(str::trim)
            .filter(|host| !host.is_empty());
        let kilobytes = config.number(keys::TOOL_ANSWER_KILOBYTES);
        let failures = config.number(keys::TOOL_BREAKER_FAILURES);
        let open_for = Duration::from_secs(config.number(keys::TOOL_BREAKER_SECONDS));
        let minutes = config.number(keys::TOOL_RESULT_MINUTES);
        ToolTerms {
            result_within: Duration::from_secs(minutes.saturating_mul(60)),
            inside: inside.map(str::to_owned).collect(),
            sqlite: config.optional(keys::TOOL_SQLITE_FOLDER).map(PathBuf::from),
            answer_bytes: usize::try_from(kilobytes.saturating_mul(1024)).unwrap_or(usize::MAX),
            breaker: BreakerPolicy {
                failures: u32::try_from(failures).unwrap_or(u32::MAX),
                open_for,
                longest: open_for.saturating_mul(10),
                ..BreakerPolicy::default()
            },
        }
    }

    /// The same in the configuration of a runtime.
    pub(crate) fn put_into(&self, config: iron_runtime::Config) -> iron_runtime::Config {
        iron_runtime::Config {
            tool_answer_bytes: self.answer_bytes,
            tool_breaker: self.breaker,
            ..config
        }
    }
}

/// Everything that a server is told.
pub(crate) struct Settings {
    pub(crate) data: PathBuf,
    pub(crate) listen: SocketAddr,
    pub(crate) database_url: Option<Secret>,
    /// Where requests are counted together, and how long one waits for it.
    pub(crate) redis: Option<(Secret, Duration)>,
    pub(crate) master_key: Option<Secret>,
    pub(crate) first_admin: Bootstrap,
    pub(crate) durability: Durability,
    pub(crate) drain: Duration,
    /// How long the server tells that it will stop before it does.
    pub(crate) drain_notice: Duration,
    pub(crate) leases: Terms,
    /// How long leases of runtimes elsewhere live.
    pub(crate) far_leases: Duration,
    /// The largest file that an agent may store at a provider.
    pub(crate) file_limit_bytes: u64,
    /// How many days records are kept; for ever if none.
    pub(crate) retention_days: Option<u32>,
    /// Where records go before they are purged.
    pub(crate) archive: Archive,
    /// How leases of runtimes that are not ours are dealt out.
    pub(crate) path_leases: PathTerms,
    pub(crate) identity: iron_identity::Config,
    pub(crate) api: iron_api::Config,
    pub(crate) rules: AddressRules,
    pub(crate) tools: ToolTerms,
    pub(crate) proxies: TrustedProxies,
    pub(crate) tls: Option<TlsFiles>,
}

impl Settings {
    /// Reads them; everything was checked when the configuration was loaded.
    pub(crate) fn read(config: &Config) -> Result<Self> {
        let listen = config.text(keys::LISTEN);
        let listen = listen
            .to_socket_addrs()
            .ok()
            .and_then(|mut addresses| addresses.next())
            .with_context(|| format!("`{listen}` is not an address to listen on"))?;
        let tls = certificates::of_server(config)?;
        let calls = |key| u32::try_from(config.number(key)).unwrap_or(u32::MAX);
        let identity = iron_identity::Config {
            free_calls_per_day: calls(keys::FREE_CALLS_PER_DAY),
            pro_calls_per_day: calls(keys::PRO_CALLS_PER_DAY),
            ..iron_identity::Config::default()
        };
        let api = iron_api::Config {
            authenticated: quota(config, keys::USER_PER_MINUTE, keys::USER_PER_HOUR),
            unauthenticated: quota(config, keys::ANONYMOUS_PER_MINUTE, keys::ANONYMOUS_PER_HOUR),
            secure_cookies: !listen.ip().is_loopback(),
            metrics: match config.secret(keys::METRICS_TOKEN) {
                Some(token) => MetricsAccess::Bearer(TokenDigest::of(token.expose())),
                None => MetricsAccess::PrivateNetworks,
            },
            public_url: match config.optional(keys::PUBLIC_URL) {
                Some(url) => url.trim_end_matches('/').to_owned(),
                None => faces::url(listen, tls.is_some()),
            },
            access_key_days: u32::try_from(config.number(keys::ACCESS_KEY_DAYS)).unwrap_or(90),
            ..iron_api::Config::default()
        };
        Ok(Settings {
            data: config.data(),
            listen,
            database_url: config.secret(keys::DATABASE_URL),
            redis: config.secret(keys::REDIS_URL).map(|url| {
                let patience = config.number(keys::REDIS_TIMEOUT_MS);
                (url, Duration::from_millis(patience))
            }),
            master_key: config.secret(keys::MASTER_KEY),
            first_admin: Bootstrap {
                email: config.text(keys::ADMIN_EMAIL),
                password: config.secret(keys::ADMIN_PASSWORD),
            },
            durability: match config.text(keys::DURABILITY).as_str() {
                "relaxed" => Durability::Relaxed,
                _ => Durability::Strict,
            },
            drain: Duration::from_secs(config.number(keys::DRAIN_SECONDS)),
            drain_notice: Duration::from_secs(config.number(keys::DRAIN_NOTICE_SECONDS)),
            leases: leases(config),
            far_leases: Duration::from_secs(config.number(keys::FAR_LEASE_SECONDS)),
            path_leases: PathTerms {
                ttl: Duration::from_secs(config.number(keys::PATH_LEASE_SECONDS)),
                ..PathTerms::default()
            },
            tls,
            identity,
            api,
            rules: AddressRules {
                plain_http: config.flag(keys::PLAIN_HTTP),
                private_networks: config.flag(keys::PRIVATE_NETWORKS),
            },
            tools: ToolTerms::read(config),
            file_limit_bytes: config
                .number(keys::MAX_FILE_MEGABYTES)
                .saturating_mul(1 << 20),
            retention_days: config
                .optional(keys::RETENTION_DAYS)
                .and_then(|days| days.parse().ok()),
            archive: archive(config),
            proxies: match config.optional(keys::TRUSTED_PROXIES) {
                Some(networks) => networks.parse()?,
                None => TrustedProxies::default(),
            },
        })
    }
}

fn archive(config: &Config) -> Archive {
    match (
        config.optional(keys::ARCHIVE_COMMAND),
        config.optional(keys::ARCHIVE_FOLDER),
    ) {
        (Some(program), _) => Archive::Command(program.into()),
        (None, Some(folder)) => Archive::Folder(folder.into()),
        (None, None) => Archive::Nowhere,
    }
}

fn leases(config: &Config) -> Terms {
    let share = config.number(keys::LEASE_SHARE_PERCENT);
    let dollars = i64::try_from(config.number(keys::SPEND_PER_MINUTE)).unwrap_or(0);
    let most = Money::from_nanos(dollars.saturating_mul(1_000_000_000));
    Terms {
        ttl: Duration::from_secs(config.number(keys::LEASE_SECONDS)),
        grace: Duration::from_secs(config.number(keys::LEASE_GRACE_SECONDS)),
        share_percent: i64::try_from(share).unwrap_or(100),
        most_per_minute: (dollars > 0).then_some(most),
        ..Terms::default()
    }
}

fn quota(config: &Config, minute: &str, hour: &str) -> Quota {
    let number = |name| u32::try_from(config.number(name)).unwrap_or(u32::MAX);
    Quota {
        per_minute: number(minute),
        per_hour: number(hour),
        ..Quota::AUTHENTICATED
    }
}
