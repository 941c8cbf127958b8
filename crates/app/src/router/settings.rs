//! What a router is told, out of the configuration.

use std::net::{SocketAddr, ToSocketAddrs as _};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use iron_api::MetricsAccess;
use iron_journal::Durability;
use iron_net::TrustedProxies;
use iron_net::egress::AddressRules;
use iron_primitives::{Secret, TokenKind, TokenValue};
use iron_sdk::Client;

use crate::config::{Config, keys};
use crate::server;

/// A server that takes longer for an answer counts as away.
const PATIENCE: Duration = Duration::from_secs(5);

/// Everything that a router is told.
pub(crate) struct Settings {
    pub(super) data: PathBuf,
    pub(super) listen: SocketAddr,
    pub(super) master_key: Option<Secret>,
    pub(super) durability: Durability,
    pub(super) drain: Duration,
    pub(super) rules: AddressRules,
    pub(super) proxies: TrustedProxies,
    pub(super) metrics: MetricsAccess,
    control: String,
    key: Secret,
}

impl Settings {
    /// Reads them; everything was checked when the configuration was loaded.
    pub(crate) fn read(config: &Config) -> Result<Self> {
        let control = config.optional(keys::CONTROL);
        let control = control.context("which server? give `--control URL`")?;
        let key = config.secret(keys::ROUTER_KEY);
        let key = key.context(
            "no key; set IRON_ROUTER_KEY (or `router.key` in a file) to that of `iron runtimes create`",
        )?;
        let kind = TokenValue::parse(key.expose()).map(|key| key.kind());
        if kind != Ok(TokenKind::Runtime) {
            bail!("`router.key` is not the key of a runtime (`rk_…`)");
        }
        if !is_private(&control) {
            bail!(
                "`{control}` would send keys over unencrypted HTTP; use https beyond this machine"
            );
        }
        // What is about the database and people is not looked at.
        let common = server::Settings::read(config)?;
        Ok(Settings {
            data: common.data,
            listen: common.listen,
            master_key: common.master_key,
            durability: common.durability,
            drain: common.drain,
            rules: common.rules,
            proxies: common.proxies,
            metrics: common.api.metrics,
            control,
            key,
        })
    }

    /// How the server is spoken to.
    pub(super) fn client(&self) -> Result<Client> {
        let client = Client::with_patience(&self.control, PATIENCE)?;
        Ok(client.with_credential(self.key.clone()))
    }
}

/// Whether nobody on the way can read what is sent there.
fn is_private(control: &str) -> bool {
    let Some(rest) = control.strip_prefix("http://") else {
        return control.starts_with("https://");
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.contains('@') {
        return false;
    }
    let with_port = |authority: &str| authority.to_socket_addrs().ok();
    let addresses = with_port(authority).or_else(|| with_port(&format!("{authority}:80")));
    addresses.is_some_and(|mut found| found.all(|address| address.ip().is_loopback()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_sent_in_clear_on_this_machine_alone() {
        for private in [
            "https://iron.example.com",
            "http://127.0.0.1:4766",
            "http://127.0.0.1",
            "http://[::1]:4766/",
            "http://localhost:4766",
        ] {
            assert!(is_private(private), "{private}");
        }
        for open in [
            "http://192.0.2.1:4766",
            "http://127.0.0.1@192.0.2.1:80",
            "http://no-such-host.invalid:80",
            "http://",
            "ftp://127.0.0.1",
        ] {
            assert!(!is_private(open), "{open}");
        }
    }
}
