//! How connections are made.

use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Certificate, Identity};

use super::Error;

/// Certificates beyond what the platform trusts; none are needed for a server with a public one.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Transport {
    /// Authorities whose servers are trusted, too (PEM).
    pub authorities: Option<Vec<u8>>,
    /// The certificate that is shown to the server, those between it and its authority, and its
    /// private key (PEM, one after the other).
    pub identity: Option<Vec<u8>>,
}

impl std::fmt::Debug for Transport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Transport").finish_non_exhaustive()
    }
}

impl Transport {
    pub(super) fn client(&self, patience: Duration) -> Result<reqwest::Client, Error> {
        let mut builder = reqwest::Client::builder()
            .connect_timeout(patience.min(Duration::from_secs(5)))
            .timeout(patience)
            .redirect(Policy::none())
            .user_agent(concat!("iron-sdk/", env!("CARGO_PKG_VERSION")));
        if let Some(authorities) = &self.authorities {
            let authorities = Certificate::from_pem_bundle(authorities).map_err(Error::Setup)?;
            builder = builder.tls_certs_merge(authorities);
        }
        if let Some(identity) = &self.identity {
            let identity = Identity::from_pem(identity).map_err(Error::Setup)?;
            builder = builder.identity(identity);
        }
        builder.build().map_err(Error::Setup)
    }
}
