//! What a router is told, out of the configuration.

use std::net::{SocketAddr, ToSocketAddrs as _};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use iron_api::MetricsAccess;
use iron_journal::Durability;
use iron_net::TrustedProxies;
use iron_net::egress::AddressRules;
use iron_net::tls::TlsFiles;
use iron_primitives::{Secret, TokenKind, TokenValue};
use iron_sdk::Client;
use iron_sdk::client::Transport;

use crate::certificates::{self, ClientFiles};
use crate::config::{Config, keys};
use crate::server;
use crate::server::ToolTerms;

/// A server that takes longer for an answer counts as away.
const PATIENCE: Duration = Duration::from_secs(5);

/// Everything that a router is told.
#[derive(Clone)]
pub(crate) struct Settings {
    pub(super) data: PathBuf,
    pub(super) listen: SocketAddr,
    pub(super) master_key: Option<Secret>,
    pub(super) durability: Durability,
    pub(super) drain: Duration,
    pub(super) rules: AddressRules,
    pub(super) tools: ToolTerms,
    pub(super) proxies: TrustedProxies,
    pub(super) metrics: MetricsAccess,
    pub(super) tls: Option<TlsFiles>,
    identity: Option<ClientFiles>,
    authorities: Option<PathBuf>,
    control: String,
    key: Option<Secret>,
}

impl Settings {
    /// Reads them; everything was checked when the configuration was loaded.
    pub(crate) fn read(config: &Config) -> Result<Self> {
        let control = config.optional(keys::CONTROL);
        let control = control.context("which server? give `--control URL`")?;
        let key = config.secret(keys::ROUTER_KEY);
        let identity = ClientFiles::read(config)?;
        if key.is_none() && identity.is_none() {
            bail!(
                "no key; set IRON_ROUTER_KEY (or `router.key` in a file) to that of `iron runtimes create`, or give `--client-cert` and `--client-key`"
            );
        }
        let is_of_runtime = |key: &Secret| {
            let kind = TokenValue::parse(key.expose()).map(|key| key.kind());
            kind == Ok(TokenKind::Runtime)
        };
        if !key.as_ref().is_none_or(is_of_runtime) {
            bail!("`router.key` is not the key of a runtime (`rk_…`)");
        }
        if identity.is_some() && !control.starts_with("https://") {
            bail!("`{control}` sees no client certificate; use https, or `router.key`");
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
            tools: common.tools,
            proxies: common.proxies,
            metrics: common.api.metrics,
            tls: common.tls,
            identity,
            authorities: config.optional(keys::CONTROL_CA).map(PathBuf::from),
            control,
            key,
        })
    }

    /// How the server is spoken to.
    pub(super) fn client(&self) -> Result<Client> {
        let client = Client::over(&self.control, PATIENCE, &self.transport()?)?;
        Ok(match &self.key {
            Some(key) => client.with_credential(key.clone()),
            None => client,
        })
    }

    /// With which certificates.
    pub(super) fn transport(&self) -> Result<Transport> {
        let authorities = self.authorities.as_deref().map(certificates::contents);
        let identity = self.identity.as_ref().map(ClientFiles::contents);
        Ok(Transport {
            authorities: authorities.transpose()?,
            identity: identity.transpose()?,
        })
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
