//! The database: reachable, encrypted on the way, with the same clock.

use std::time::Duration;

use iron_primitives::Timestamp;
use iron_store::{Db, Vitals};

use super::finding::Finding;
use crate::config::{Config, keys};
use crate::environment;
use crate::server::folder::Folder;

/// How long it may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// How far its clock may be from ours: leases and sessions end by it.
const MOST_SKEW: Duration = Duration::from_secs(2);

pub(super) async fn examine(config: &Config, folder: &Folder) -> Vec<Finding> {
    match config.secret(keys::DATABASE_URL) {
        Some(url) => server(url.expose()).await,
        None => vec![embedded(folder)],
    }
}

/// Looked at from outside: opening it beside a server is the server's own business.
fn embedded(folder: &Folder) -> Finding {
    let file = folder.database();
    match std::fs::metadata(&file) {
        Ok(found) => Finding::ok(
            "database",
            format!("embedded, {}, {} KiB", file.display(), found.len() >> 10),
        ),
        Err(_) if folder.known_instance().is_some() => Finding::warning(
            "database",
            format!(
                "{} is not there, though the folder has served",
                file.display()
            ),
            "if it used PostgreSQL, set database_url here too; else put the file back",
        ),
        Err(_) => Finding::ok("database", "embedded, will be made at the first start"),
    }
}

async fn server(url: &str) -> Vec<Finding> {
    let environment = environment::system();
    let asked = async {
        let db = Db::connect_postgres(url).await?;
        let before = environment.now();
        let vitals = db.vitals().await;
        let after = environment.now();
        let bound = db.is_bound_by_row_security().await;
        db.close().await;
        let vitals = vitals?;
        Ok::<_, iron_store::Error>((skew(before, after, vitals.clock), vitals, bound?))
    };
    match tokio::time::timeout(PATIENCE, asked).await {
        Err(_) => vec![Finding::problem(
            "database",
            format!("PostgreSQL does not answer within {} s", PATIENCE.as_secs()),
            "check the host and the port in database_url, and the firewall between",
        )],
        Ok(Err(error)) => vec![Finding::problem(
            "database",
            format!("PostgreSQL cannot be used: {}", reasons(&error)),
            "check the host, the name, the password and sslmode in database_url",
        )],
        Ok(Ok((skew, vitals, bound))) => vec![reached(url, &vitals), clock(skew), net(bound)],
    }
}

/// How far a clock is off that was read between two readings of ours.
fn skew(before: Timestamp, after: Timestamp, theirs: Timestamp) -> Duration {
    before.since(theirs).max(theirs.since(after))
}

fn reached(url: &str, vitals: &Vitals) -> Finding {
    let version = &vitals.version;
    match &vitals.tls {
        Some(tls) => Finding::ok("database", format!("PostgreSQL {version}, over {tls}")),
        None if is_near(url) => {
            Finding::ok("database", format!("PostgreSQL {version} on this machine"))
        }
        None => Finding::warning(
            "database",
            format!("PostgreSQL {version}, not encrypted on the way"),
            "add sslmode=verify-full and sslrootcert=FILE to database_url",
        ),
    }
}

/// Whether the second net between tenants holds.
fn net(bound: bool) -> Finding {
    match bound {
        true => Finding::ok("row security", "holds for the role in database_url"),
        false => Finding::warning(
            "row security",
            "does not hold for the role in database_url: a superuser, or one with BYPASSRLS",
            "use a plain role, see docs/how-to/keep-tenants-apart.md",
        ),
    }
}

/// Whether the address names this machine. The parameters `host` and `hostaddr` take the place
/// of the host before them.
fn is_near(url: &str) -> bool {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let (address, query) = rest.split_once('?').unwrap_or((rest, ""));
    let given: Vec<_> = query
        .split('&')
        .filter_map(|parameter| parameter.split_once('='))
        .filter(|(name, _)| matches!(*name, "host" | "hostaddr"))
        .map(|(_, value)| value)
        .collect();
    if !given.is_empty() {
        return given.into_iter().all(is_this_machine);
    }
    let host = address.split('/').next().unwrap_or_default();
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    host.is_empty() || is_this_machine(host)
}

/// A name of this machine, or the folder of a socket.
fn is_this_machine(host: &str) -> bool {
    let host = host.replace("%2F", "/").replace("%2f", "/");
    host.starts_with('/')
        || ["localhost", "127.0.0.1", "[::1]", "::1"]
            .iter()
            .any(|name| host == *name || host.starts_with(&format!("{name}:")))
}

fn clock(skew: Duration) -> Finding {
    let shown = format!("{} ms apart from this machine's", skew.as_millis());
    match skew > MOST_SKEW {
        true => Finding::problem(
            "database clock",
            shown,
            "set both clocks by NTP: periods and leases end by them",
        ),
        false => Finding::ok("database clock", shown),
    }
}

/// The error and what is behind it, on one line.
fn reasons(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_is_off_by_what_lies_outside_our_own_two_readings() {
        let at = Timestamp::from_seconds;
        assert_eq!(skew(at(10), at(12), at(11)), Duration::ZERO);
        assert_eq!(skew(at(10), at(12), at(7)), Duration::from_secs(3));
        assert_eq!(skew(at(10), at(12), at(20)), Duration::from_secs(8));
    }

    #[test]
    fn an_address_on_this_machine_needs_no_encryption() {
        for near in [
            "postgres://iron:p@localhost/iron",
            "postgres://127.0.0.1:5432/iron",
            "postgres://iron@[::1]:5432/iron?sslmode=disable",
            "postgres:///iron?host=/run/postgresql",
            "postgres://db.example.com/iron?host=%2Frun%2Fpostgresql",
            "postgres://%2frun%2fpostgresql/iron",
            "postgres:///iron?hostaddr=::1",
            "postgres:///iron",
        ] {
            assert!(is_near(near), "{near}");
        }
        for far in [
            "postgres://iron@db.example.com/iron",
            "postgres://localhost@db/iron",
            "postgres://localhost.example.com/iron",
            "postgres:///iron?host=db.example.com",
            "postgres://localhost/iron?sslmode=disable&hostaddr=10.0.0.7",
            "postgres://localhost/iron?host=run/postgresql",
            "postgres://localhost/iron?host=/run/postgresql&hostaddr=10.0.0.7",
        ] {
            assert!(!is_near(far), "{far}");
        }
    }
}
