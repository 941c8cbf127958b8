//! Passwords within the addresses of databases and services: the finding is the password, who
//! reads the rest still knows what it opened.

use super::random::{is_stand_in, is_variable};
use crate::finding::Entity;
use crate::scan::{Rule, Seen};

/// `scheme://user:password@host`, of any database, queue, cache or other service.
const SERVICE: &str = concat!(
    "[A-Za-z][A-Za-z0-9]{1,20}(?:[+:.-][a-z0-9]{1,16}){0,3}://",
    r#"[^\s/?\#"'`<>@:]{0,64}:(?<value>[^\s/?\#"'`<>]{1,})@[A-Za-z0-9_\[$%.-]"#,
);

/// The same with a password that holds what an address should have escaped.
const SERVICE_RAW: &str = concat!(
    "[A-Za-z][A-Za-z0-9]{1,20}(?:[+:.-][a-z0-9]{1,16}){0,3}://",
    r#"[^\s/?\#"'`<>@:]{1,64}:(?<value>[^\s"'`<>@]{1,})@[a-z0-9.-]{1,80}(?::[0-9]{2,5}|/)"#,
);

/// A token without a user, as the clients of packages and repositories take them.
const TOKEN: &str = r#"https?://(?<value>[A-Za-z0-9_.=~-]{20,})@[a-z0-9.-]{3,}"#;

/// `Server=…;Password=…;` and its like.
const PAIRS: &str = concat!(
    "(?i-u:password|pwd|accountkey|sharedaccesskey|access_?key|apikey|secret)",
    r#"[ \t]{0,2}=[ \t]{0,2}["']?(?<value>[^\s;&"'<>]{3,})"#,
);

/// What stands before the password of a connection string of pairs, in lower case.
const CONNECTIONS: &[&str] = &[
    "server=",
    "data source=",
    "datasource=",
    "host=",
    "hostname=",
    "jdbc:",
    "database=",
    "dbname=",
    "initial catalog=",
    "user id=",
    "uid=",
    "accountname=",
    "endpoint=",
    "sharedaccesskeyname=",
    "driver=",
    "dsn=",
    "odbc",
    "addr=",
    "address=",
    "user=",
    "username=",
    "ssl=",
];

/// Schemes whose passwords open pages and files rather than databases.
const PAGES: &[&str] = &[
    "http", "https", "ftp", "ftps", "sftp", "ssh", "git", "ws", "wss", "svn", "dav", "davs",
    "webdav", "smb", "imap", "imaps", "smtp", "smtps", "pop3", "proxy", "socks5", "rtsp", "vnc",
];

pub(super) fn rules() -> Vec<Rule> {
    vec![
        Rule::weighed(
            "secret.service_address",
            Entity::ConnectionString,
            SERVICE,
            |seen| {
                if is_page(seen) { 0.0 } else { weigh(seen) }
            },
        ),
        Rule::weighed(
            "secret.service_address_raw",
            Entity::ConnectionString,
            SERVICE_RAW,
            |seen| {
                if is_page(seen) {
                    0.0
                } else {
                    weigh(seen) - 0.05
                }
            },
        ),
        Rule::weighed("secret.page_address", Entity::Password, SERVICE, |seen| {
            if is_page(seen) { weigh(seen) } else { 0.0 }
        }),
        Rule::weighed("secret.address_token", Entity::AccessToken, TOKEN, |seen| {
            if super::random::looks_random(seen.value) {
                weigh(seen) - 0.1
            } else {
                0.0
            }
        }),
    ]
}

/// Passwords within connection strings of pairs.
pub(super) fn pairs() -> Vec<Rule> {
    vec![
        Rule::weighed(
            "secret.connection_pairs",
            Entity::ConnectionString,
            PAIRS,
            weigh_pairs,
        )
        .at_parts(),
    ]
}

fn is_page(seen: Seen<'_>) -> bool {
    let scheme = seen.matched.split("://").next().unwrap_or_default();
    let scheme = scheme.to_ascii_lowercase();
    let first = scheme.split(['+', ':']).next().unwrap_or_default();
    PAGES.contains(&first)
}

fn weigh(seen: Seen<'_>) -> f32 {
    let value = seen.value;
    let name = value.to_ascii_lowercase();
    let meant = [
        "password", "pass", "passwd", "pwd", "pw", "secret", "token", "key", "user",
    ];
    if is_stand_in(value) || value.contains(['{', '[', '(']) && value.contains(['}', ']', ')']) {
        return 0.1;
    }
    if value.bytes().all(|byte| byte.is_ascii_digit()) && value.len() <= 5 {
        // A port, or a password that is none.
        return 0.2;
    }
    if meant.contains(&name.as_str()) || value.bytes().all(|byte| byte == b'*' || byte == b'x') {
        return 0.25;
    }
    0.95
}

fn weigh_pairs(seen: Seen<'_>) -> f32 {
    let before = seen.before.to_ascii_lowercase();
    let line = before.rsplit('\n').next().unwrap_or_default();
    if !CONNECTIONS.iter().any(|known| line.contains(known)) {
        return 0.0;
    }
    if is_variable(seen.value) {
        return 0.0;
    }
    weigh(seen)
}
