//! Addresses of databases, as tools have them.
//!
//! An address says where, as whom and how well hidden, and nothing else: what clients of databases
//! take from an address besides (files of keys, sockets, options) would reach into the machine that
//! runs them.

use std::fmt;
use std::path::{Component, PathBuf};

use iron_net::egress::AddressRules;
use iron_primitives::Secret;
use percent_encoding::percent_decode_str;
use url::Url;

const EXPECTED: UnusableAddress =
    UnusableAddress("expected the address of a database, such as `postgres://…` or `sqlite:…`");
const PORT: u16 = 5_432;

/// Where a database is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DatabaseAddress {
    /// A server of PostgreSQL.
    Postgres(ServerAddress),
    /// A file of SQLite: parts of a path below the folder of the tenant.
    Sqlite(PathBuf),
}

/// A server of PostgreSQL, and who asks it.
#[derive(Clone, PartialEq, Eq)]
pub struct ServerAddress {
    /// The name or the literal address, without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
    /// Who asks.
    pub user: String,
    /// The password; empty if there is none.
    pub password: Secret,
    /// The database.
    pub database: String,
    tls: Option<Tls>,
}

/// How a connection to a server is hidden, as `sslmode` says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tls {
    /// Not.
    Disable,
    /// If the server can.
    Prefer,
    /// From those who only listen.
    Require,
    /// And the server's certificate is looked at.
    VerifyCa,
    /// And the name in it.
    VerifyFull,
}

/// What is wrong with an address, without anything of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct UnusableAddress(pub(super) &'static str);

impl UnusableAddress {
    /// A host that no operator has named.
    pub const ON_THIS_MACHINE: UnusableAddress = UnusableAddress(
        "is on this machine; an operator can allow its host by the setting `tools.inside_hosts`",
    );
}

impl DatabaseAddress {
    /// Reads an address: `postgres://user:password@host:port/database?sslmode=verify-full`, or
    /// `sqlite:folder/file`.
    ///
    /// # Errors
    /// If it is none, or says more than that.
    pub fn parse(text: &str) -> Result<Self, UnusableAddress> {
        if let Some(path) = text.strip_prefix("sqlite:") {
            return file(path).map(DatabaseAddress::Sqlite);
        }
        let url = Url::parse(text).map_err(|_| EXPECTED)?;
        match url.scheme() {
            "postgres" | "postgresql" => server(&url).map(DatabaseAddress::Postgres),
            _ => Err(EXPECTED),
        }
    }
}

impl ServerAddress {
    /// `postgres://host:port`, by which it is looked up where tools may be.
    pub fn origin(&self) -> String {
        match self.host.contains(':') {
            true => format!("postgres://[{}]:{}", self.host, self.port),
            false => format!("postgres://{}:{}", self.host, self.port),
        }
    }

    /// How the connection is hidden where these rules hold: beyond the network of the operator it is
    /// encrypted, and the server shows who it is unless the address says otherwise.
    ///
    /// # Errors
    /// If the address asks for less.
    pub fn tls_under(&self, rules: AddressRules) -> Result<Tls, UnusableAddress> {
        match (self.tls, rules.plain_http) {
            (None, true) => Ok(Tls::Prefer),
            (None, false) => Ok(Tls::VerifyFull),
            (Some(Tls::Disable | Tls::Prefer), false) => Err(UnusableAddress(
                "a connection that leaves the network is encrypted; use `sslmode=verify-full` or `require`",
            )),
            (Some(tls), _) => Ok(tls),
        }
    }
}

impl fmt::Debug for ServerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerAddress").finish_non_exhaustive()
    }
}

fn server(url: &Url) -> Result<ServerAddress, UnusableAddress> {
    let decoded = |text: &str| match percent_decode_str(text).decode_utf8() {
        Ok(text) if !text.contains('\0') => Ok(text.into_owned()),
        _ => Err(EXPECTED),
    };
    let host = url.host_str().unwrap_or_default();
    let host = decoded(host.trim_start_matches('[').trim_end_matches(']'))?;
    let user = decoded(url.username())?;
    // A host with a slash in it would be a socket of this machine.
    let plain = |symbol: char| symbol.is_ascii_alphanumeric() || ".-_:".contains(symbol);
    if host.is_empty() || !host.chars().all(plain) || user.is_empty() {
        return Err(UnusableAddress(
            "an address names a host and a user, such as `postgres://reader:password@db.example.com/crm`",
        ));
    }
    let database = decoded(url.path().trim_start_matches('/'))?;
    let mut tls = None;
    for (name, value) in url.query_pairs() {
        tls = Some(match (&*name, &*value) {
            ("sslmode", "disable") => Tls::Disable,
            ("sslmode", "prefer") => Tls::Prefer,
            ("sslmode", "require") => Tls::Require,
            ("sslmode", "verify-ca") => Tls::VerifyCa,
            ("sslmode", "verify-full") => Tls::VerifyFull,
            _ => {
                return Err(UnusableAddress(
                    "an address may say `sslmode` (`disable`, `prefer`, `require`, `verify-ca`, \
                     `verify-full`) and nothing else; leave the rest out",
                ));
            }
        });
    }
    Ok(ServerAddress {
        host,
        port: url.port().unwrap_or(PORT),
        database: match database.is_empty() {
            true => user.clone(),
            false => database,
        },
        password: Secret::new(decoded(url.password().unwrap_or_default())?),
        user,
        tls,
    })
}

fn file(path: &str) -> Result<PathBuf, UnusableAddress> {
    let path = PathBuf::from(path);
    let inside = |part: Component<'_>| matches!(part, Component::Normal(_));
    let odd = path
        .to_str()
        .is_none_or(|text| text.contains(['\0', '?', '%', '#', '\\']));
    match !odd && path.components().count() > 0 && path.components().all(inside) {
        true => Ok(path),
        false => Err(UnusableAddress(
            "a file of SQLite is named by its path below the folder of the tenant, such as \
             `sqlite:crm.db`: no `..`, no slash at the beginning",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server_of(text: &str) -> ServerAddress {
        match DatabaseAddress::parse(text) {
            Ok(DatabaseAddress::Postgres(server)) => server,
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn an_address_says_where_and_as_whom() {
        let server = server_of("postgres://re%40der:p%2Fw@DB.example.com:6432/crm?sslmode=require");
        assert_eq!(
            (server.host.as_str(), server.port),
            ("DB.example.com", 6432)
        );
        assert_eq!(
            (server.user.as_str(), server.password.expose()),
            ("re@der", "p/w")
        );
        assert_eq!(server.database, "crm");
        let server = server_of("postgresql://ada@[::1]");
        assert_eq!(
            (server.origin().as_str(), server.database.as_str()),
            ("postgres://[::1]:5432", "ada")
        );
        assert_eq!(
            DatabaseAddress::parse("sqlite:a/b.db"),
            Ok(DatabaseAddress::Sqlite("a/b.db".into()))
        );
    }

    #[test]
    fn an_address_reaches_into_no_machine() {
        for hostile in [
            "postgres://a@%2Fvar%2Frun%2Fpostgresql/b",
            "postgres:///b?host=/var/run/postgresql",
            "postgres://a@host/b?host=/tmp",
            "postgres://a@host/b?sslcert=/etc/shadow",
            "postgres://a@host/b?options=-c%20x",
            "postgres://a@host/b?sslmode=no",
            "postgres://host/b",
            "mysql://a@host/b",
            "sqlite:/etc/passwd",
            "sqlite://a.db",
            "sqlite:../a.db",
            "sqlite:a/../../b.db",
            "sqlite::memory:?x",
            "sqlite:a.db?mode=rwc",
            "sqlite:",
            "nonsense",
        ] {
            assert!(DatabaseAddress::parse(hostile).is_err(), "{hostile}");
        }
    }

    #[test]
    fn a_connection_that_leaves_the_network_is_encrypted() {
        let inside = AddressRules {
            plain_http: true,
            private_networks: true,
        };
        let outside = AddressRules::default();
        let plain = server_of("postgres://a@host/b?sslmode=disable");
        assert!(plain.tls_under(outside).is_err());
        assert_eq!(plain.tls_under(inside), Ok(Tls::Disable));
        let silent = server_of("postgres://a@host/b");
        assert_eq!(silent.tls_under(outside), Ok(Tls::VerifyFull));
        assert_eq!(silent.tls_under(inside), Ok(Tls::Prefer));
    }
}
