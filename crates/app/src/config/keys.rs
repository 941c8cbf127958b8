//! Every setting of the product: the table that validation, `config explain` and the page in
//! `docs/` are made from.

/// What a value must look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Any text.
    Text,
    /// A folder or a file.
    Path,
    /// `host:port` to listen on.
    Address,
    /// `http://…` or `https://…`.
    Url,
    /// `postgres://…`; holds a password, so it is never shown.
    DatabaseUrl,
    /// `redis://…` or `rediss://…`; may hold a password, too.
    RedisUrl,
    /// A text that is never shown.
    Secret,
    /// A whole number.
    Number {
        /// The smallest allowed.
        least: u64,
        /// The largest allowed.
        most: u64,
    },
    /// The name of a time zone.
    TimeZone,
    /// Addresses and networks, separated by commas.
    Networks,
    /// One of these words.
    Choice(&'static [&'static str]),
}

impl Kind {
    /// Whether the value must not be printed.
    pub(crate) const fn is_secret(self) -> bool {
        matches!(self, Kind::Secret | Kind::DatabaseUrl | Kind::RedisUrl)
    }

    /// The kind in words, for documents and messages.
    pub(crate) fn describe(self) -> String {
        match self {
            Kind::Text => "text".to_owned(),
            Kind::TimeZone => "name of a time zone such as `Europe/Berlin`".to_owned(),
            Kind::Path => "path".to_owned(),
            Kind::Address => "address such as `127.0.0.1:4766`".to_owned(),
            Kind::Url => "URL beginning with `http://` or `https://`".to_owned(),
            Kind::DatabaseUrl => "URL beginning with `postgres://`".to_owned(),
            Kind::RedisUrl => "URL beginning with `redis://`, or `rediss://` for TLS".to_owned(),
            Kind::Secret => "secret text".to_owned(),
            Kind::Number {
                least,
                most: u64::MAX,
            } => format!("whole number from {least}"),
            Kind::Number { least, most } => format!("whole number from {least} to {most}"),
            Kind::Networks => {
                "addresses and networks separated by commas, such as `10.0.0.0/8,::1`".to_owned()
            }
            Kind::Choice(words) => format!("one of {}", quoted(words)),
        }
    }
}

fn quoted(words: &[&str]) -> String {
    words
        .iter()
        .map(|word| format!("`{word}`"))
        .collect::<Vec<_>>()
        .join(", ")
}

/// One setting.
#[derive(Debug)]
pub(crate) struct Key {
    /// Its name in `iron.yaml`; a dot goes one level down.
    pub(crate) name: &'static str,
    /// What a value must look like.
    pub(crate) kind: Kind,
    /// What holds when nobody says anything; none means that the setting is then absent.
    pub(crate) default: Option<&'static str>,
    /// What it does.
    pub(crate) meaning: &'static str,
}

impl Key {
    /// The environment variable that sets it.
    pub(crate) fn variable(&self) -> String {
        format!("IRON_{}", self.name.replace('.', "_").to_uppercase())
    }
}

const fn number(least: u64, most: u64) -> Kind {
    Kind::Number { least, most }
}

const ANY: Kind = number(0, u32::MAX as u64);

macro_rules! keys {
    ($($constant:ident = $name:literal, $kind:expr, $default:expr, $meaning:literal;)*) => {
        $(pub(crate) const $constant: &str = $name;)*

        /// All settings, in the order in which they are shown.
        pub(crate) const KEYS: &[Key] = &[
            $(Key { name: $name, kind: $kind, default: $default, meaning: $meaning }),*
        ];
    };
}

keys! {
    LISTEN = "listen", Kind::Address, Some("127.0.0.1:4766"),
        "Where `iron serve` and `iron up` listen. Port 0 lets the system choose.";
    DATA = "data", Kind::Path, None,
        "The data folder: keys, journal, and the embedded database. By default `iron` in the user's data folder (`$XDG_DATA_HOME`, else `~/.local/share`).";
    DATABASE_URL = "database_url", Kind::DatabaseUrl, None,
        "A PostgreSQL to use instead of the embedded SQLite in the data folder.";
    REDIS_URL = "redis_url", Kind::RedisUrl, None,
        "A Redis (7 or newer, or Valkey) in which servers that share a database count together: the requests of the control plane, so that `rate_limits` hold for all of them, and the calls of teams whose policy limits them. While it does not answer each counts by itself. Without it each always does.";
    REDIS_TIMEOUT_MS = "redis_timeout_ms", number(1, 1_000), Some("5"),
        "How long a request waits for Redis before this server counts it by itself.";
    MASTER_KEY = "master_key", Kind::Secret, None,
        "The master key, 64 hexadecimal digits, instead of the file `master.key` in the data folder. Servers that share a database must share it.";
    SERVER = "server", Kind::Url, Some("http://127.0.0.1:4766"),
        "The server that the commands talk to.";
    TOKEN = "token", Kind::Secret, None,
        "An API token (`at_…`) for the commands, instead of a login.";
    CONTROL = "router.control", Kind::Url, None,
        "The server that `iron router` belongs to. Over unencrypted HTTP only on this machine.";
    ROUTER_KEY = "router.key", Kind::Secret, None,
        "The key of the router (`rk_…`), from `iron runtimes create`. Not needed with a client certificate.";
    CLIENT_CERT = "router.client_cert", Kind::Path, None,
        "The client certificate that the router shows its server (PEM, with those between it and its authority). Read again when it has changed.";
    CLIENT_KEY = "router.client_key", Kind::Path, None,
        "The private key of `router.client_cert` (PEM).";
    CONTROL_CA = "router.ca", Kind::Path, None,
        "Authorities (PEM) of the server's certificate, beside those that the system trusts.";
    TLS_CERTIFICATE = "tls.certificate", Kind::Path, None,
        "The certificate of the server (PEM, with those between it and its authority). With it `iron serve` and `iron router` speak TLS 1.3 and nothing else. Read again when it has changed.";
    TLS_KEY = "tls.key", Kind::Path, None,
        "The private key of `tls.certificate` (PEM).";
    TLS_CLIENT_CA = "tls.client_ca", Kind::Path, None,
        "Authorities (PEM) of client certificates, by which runtimes can be known. Whoever shows one must have it from them; nobody need show any.";
    KEYCHAIN = "keychain", Kind::Choice(&["auto", "system", "file"]), Some("auto"),
        "Where the commands keep the session of `iron login`. `system`: the keychain of the desktop (Secret Service). `file`: `sessions.json` in the user's configuration folder, readable by its owner alone. `auto`: the keychain where one answers, else the file.";
    TIMEZONE = "display.timezone", Kind::TimeZone, Some("UTC"),
        "The time zone in which the commands show instants in tables. JSON is always in UTC.";
    ADMIN_EMAIL = "admin_email", Kind::Text, Some("admin@localhost.local"),
        "The address of the first administrator, used only when the database is empty.";
    ADMIN_PASSWORD = "admin_password", Kind::Secret, None,
        "The first administrator's password. Without it one is drawn, printed once, and must be changed at the first login.";
    DURABILITY = "durability", Kind::Choice(&["strict", "relaxed"]), Some("strict"),
        "`strict`: the first byte of an answer waits until the record of its money is on the disk. `relaxed`: it is written at once and on the disk within 5 ms; a killed process loses nothing either way.";
    DRAIN_SECONDS = "drain_seconds", number(0, 3_600), Some("30"),
        "How long calls under way may go on after SIGTERM before they are settled at their bound.";
    DRAIN_NOTICE_SECONDS = "drain_notice_seconds", number(0, 600), Some("0"),
        "How long after SIGTERM the server goes on as before, but says at `/api/health/ready` that it will stop, and ends connections with their next answer. Behind a load balancer: longer than that takes to notice.";
    LEASE_SECONDS = "leases.seconds", number(2, 86_400), Some("30"),
        "How long a server may spend what it holds of a budget without hearing from the database. Longer rides out longer outages; a server that dies keeps its money from the others until `leases.grace_seconds` later.";
    FAR_LEASE_SECONDS = "leases.router_seconds", number(2, 86_400), Some("900"),
        "The same for routers (`iron router`): how long one may go on with what it holds of a budget while this server is away.";
    PATH_LEASE_SECONDS = "leases.protocol_seconds", number(2, 86_400), Some("3600"),
        "How long a lease of the budget protocol lives without a refresh of its runtime.";
    LEASE_GRACE_SECONDS = "leases.grace_seconds", number(0, 86_400), Some("60"),
        "How long after that the money of a silent server becomes suspense: it counts as spent until the server is back, or an administrator releases it.";
    LEASE_SHARE_PERCENT = "leases.share_percent", number(1, 100), Some("50"),
        "The most of a limit that one server may hold at hand, in percent: so much can a server that vanishes freeze.";
    SPEND_PER_MINUTE = "budgets.max_spend_per_minute", number(0, 1_000_000), Some("0"),
        "An agent that spends more dollars than this within a minute is killed, unless its own limits say otherwise; 0 lifts the bound.";
    PUBLIC_URL = "public_url", Kind::Url, None,
        "The address by which people and agents reach this server, told with keys; the address it listens on, if absent.";
    ACCESS_KEY_DAYS = "access.key_days", number(1, 365), Some("90"),
        "How many days a key works that somebody has claimed for himself (`iron access claim`).";
    MAX_FILE_MEGABYTES = "gateway.max_file_megabytes", number(1, 10_240), Some("512"),
        "The largest file, in MiB, that an agent may store at a provider or read there. Files pass through piece by piece, so this is no memory of the server.";
    RETENTION_DAYS = "audit.retention_days", number(90, 36_500), None,
        "How many days records are kept; for ever, if absent. What is older is purged by whole segments of the journal, each purge with a signed tombstone.";
    ARCHIVE_FOLDER = "audit.archive_folder", Kind::Path, None,
        "The folder that files of records are copied to before they are purged.";
    ARCHIVE_COMMAND = "audit.archive_command", Kind::Path, None,
        "A program that takes the path of each file of records before it is purged, instead of a folder. Nothing is purged before it has ended with success.";
    PLAIN_HTTP = "providers.plain_http", Kind::Choice(&["yes", "no"]), Some("no"),
        "Whether providers may be called over unencrypted HTTP beyond this machine.";
    PRIVATE_NETWORKS = "providers.private_networks", Kind::Choice(&["yes", "no"]), Some("no"),
        "Whether providers may have addresses in private networks.";
    TOOL_INSIDE_HOSTS = "tools.inside_hosts", Kind::Text, None,
        "Hosts inside the network that tools may be run at, as `host` or `host:port`, separated by commas; they may be called over unencrypted HTTP. Link-local addresses, where clouds keep keys, are never called.";
    TOOL_SQLITE_FOLDER = "tools.sqlite_folder", Kind::Path, None,
        "The folder below which tools may use files of SQLite, for each tenant those in the folder that is called by its id. Without it no tool may.";
    TOOL_ANSWER_KILOBYTES = "tools.max_answer_kilobytes", number(1, 65_536), Some("1024"),
        "The most, in KiB, that a tool may give back that the server runs.";
    TOOL_BREAKER_FAILURES = "tools.breaker_failures", number(1, 1_000), Some("5"),
        "After how many failures in a row the host of a tool is left alone: no connection, no answer in time, a status from 500.";
    TOOL_BREAKER_SECONDS = "tools.breaker_seconds", number(1, 3_600), Some("30"),
        "For how long, the first time; each further failure doubles that, up to ten times as much.";
    TOOL_RESULT_MINUTES = "tools.result_minutes", number(1, 1_440), Some("60"),
        "How long the result of an allowed call may take before its record says `abandoned`. One that comes later, within a day, counts all the same.";
    LOG_LEVEL = "log.level", Kind::Choice(&["error", "warn", "info", "debug", "trace"]), Some("info"),
        "How much is logged.";
    LOG_FORMAT = "log.format", Kind::Choice(&["text", "json"]), Some("text"),
        "How log lines look.";
    METRICS_TOKEN = "metrics_token", Kind::Secret, None,
        "When set, `/metrics` asks for this bearer token.";
    TRUSTED_PROXIES = "trusted_proxies", Kind::Networks, None,
        "The proxies whose `X-Forwarded-For` is believed. Without any, a client is known by the address it connects from.";
    USER_PER_MINUTE = "rate_limits.user_per_minute", ANY, Some("100"),
        "Control-plane requests of one user per minute; 0 lifts the limit.";
    USER_PER_HOUR = "rate_limits.user_per_hour", ANY, Some("1000"),
        "Control-plane requests of one user per hour; 0 lifts the limit.";
    ANONYMOUS_PER_MINUTE = "rate_limits.anonymous_per_minute", ANY, Some("20"),
        "Requests without a credential from one address per minute; 0 lifts the limit.";
    FREE_CALLS_PER_DAY = "rate_limits.free_calls_per_day", ANY, Some("100"),
        "Calls of agents that a tenant with the plan `free` may make on a day (UTC); 0 lifts the limit. The plan `enterprise` has none.";
    PRO_CALLS_PER_DAY = "rate_limits.pro_calls_per_day", ANY, Some("10000"),
        "The same with the plan `pro`.";
    ANONYMOUS_PER_HOUR = "rate_limits.anonymous_per_hour", ANY, Some("100"),
        "Requests without a credential from one address per hour; 0 lifts the limit.";
}
