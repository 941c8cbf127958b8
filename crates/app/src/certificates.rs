//! Certificates in files that change while everything runs.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use iron_net::ServerTls;
use iron_net::tls::TlsFiles;
use iron_sdk::Client;
use iron_sdk::client::Transport;
use tokio::task::JoinHandle;

use crate::config::{Config, keys};

/// How often the files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// What looks after files, for as long as this is there.
pub(crate) struct Following(pub(crate) Vec<JoinHandle<()>>);

impl Drop for Following {
    fn drop(&mut self) {
        self.0.iter().for_each(JoinHandle::abort);
    }
}

/// The files of a client certificate.
#[derive(Debug, Clone)]
pub(crate) struct ClientFiles {
    certificate: PathBuf,
    key: PathBuf,
}

impl ClientFiles {
    /// Those of the router, if it has any.
    pub(crate) fn read(config: &Config) -> Result<Option<Self>> {
        let path = |name| config.optional(name).map(PathBuf::from);
        match (path(keys::CLIENT_CERT), path(keys::CLIENT_KEY)) {
            (Some(certificate), Some(key)) => Ok(Some(ClientFiles { certificate, key })),
            (None, None) => Ok(None),
            _ => bail!("`router.client_cert` and `router.client_key` need each other"),
        }
    }

    /// Certificate and key, one after the other.
    pub(crate) fn contents(&self) -> Result<Vec<u8>> {
        let mut pem = contents(&self.certificate)?;
        pem.push(b'\n');
        pem.extend(contents(&self.key)?);
        Ok(pem)
    }
}

/// The files of a server's certificate, if it has one.
pub(crate) fn of_server(config: &Config) -> Result<Option<TlsFiles>> {
    let path = |name| config.optional(name).map(PathBuf::from);
    let client_authority = path(keys::TLS_CLIENT_CA);
    match (path(keys::TLS_CERTIFICATE), path(keys::TLS_KEY)) {
        (Some(certificate), Some(key)) => Ok(Some(TlsFiles {
            certificate,
            key,
            client_authority,
        })),
        (None, None) if client_authority.is_none() => Ok(None),
        (None, None) => bail!("`tls.client_ca` needs `tls.certificate` and `tls.key`"),
        _ => bail!("`tls.certificate` and `tls.key` need each other"),
    }
}

/// What is in a file.
pub(crate) fn contents(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("`{}` cannot be read", path.display()))
}

/// Reads the certificates of a server again whenever they have changed, for ever.
pub(crate) async fn follow_own(tls: ServerTls) {
    let files = tls.files().clone();
    let mut paths = vec![files.certificate, files.key];
    paths.extend(files.client_authority);
    let read = || {
        paths
            .iter()
            .map(|path| contents(path).ok())
            .collect::<Vec<_>>()
    };
    let mut known = read();
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let present = read();
        if present == known {
            continue;
        }
        // Half of them may have been replaced: the other half is seen the next time.
        known = present;
        match tls.read_again() {
            Ok(()) => tracing::info!("the certificates of this server were read anew"),
            Err(error) => {
                tracing::warn!(%error, "the certificates cannot be used; those before hold on");
            }
        }
    }
}

/// Lets a client use what is read whenever it is something else, for ever.
pub(crate) async fn follow_of_client(client: Client, read: impl Fn() -> Result<Transport>) {
    let mut known = read().ok();
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let Ok(present) = read() else {
            continue;
        };
        if known.as_ref() == Some(&present) {
            continue;
        }
        match client.set_transport(&present) {
            Ok(()) => tracing::info!("the client certificate was read anew"),
            Err(error) => {
                tracing::warn!(%error, "the client certificate cannot be used; the one before holds on");
            }
        }
        known = Some(present);
    }
}
