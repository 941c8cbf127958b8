//! TLS at the door: the certificate of the server, and those of clients who have one.
//!
//! A client need not show a certificate. One that does must have it from the authority that the
//! operator names, within its time, or there is no connection. Who the client is then depends on
//! its [`ClientCertificate`], an extension of each request that comes over the connection.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use aws_lc_rs::digest::{SHA256, digest};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{
    NoClientAuth, NoServerSessionStorage, VerifierBuilderError, WebPkiClientVerifier, danger,
};
use rustls::{RootCertStore, ServerConfig};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// Which certificate the client of a connection has shown: the SHA-256 of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ClientCertificate([u8; 32]);

impl ClientCertificate {
    /// The certificate with these bytes (DER).
    pub fn of(certificate: &[u8]) -> Self {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest(&SHA256, certificate).as_ref());
        ClientCertificate(bytes)
    }

    /// The first certificate in a PEM file.
    ///
    /// # Errors
    /// If the file cannot be read, or holds none.
    pub fn in_file(path: &Path) -> Result<Self, TlsError> {
        let certificate = CertificateDer::from_pem_file(path).map_err(unreadable(path))?;
        Ok(ClientCertificate::of(&certificate))
    }

    /// As it is written: 64 hexadecimal digits in lower case.
    pub fn fingerprint(&self) -> String {
        hex::encode(self.0)
    }
}

/// Where the files are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate of the server, and those between it and its authority (PEM).
    pub certificate: PathBuf,
    /// Its private key (PEM).
    pub key: PathBuf,
    /// The authority of client certificates (PEM); none if clients show none.
    pub client_authority: Option<PathBuf>,
}

/// Why there is no TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("`{}` cannot be read: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: pem::Error,
    },
    /// An authority that is none.
    #[error("`{}` holds no authority for client certificates: {source}", path.display())]
    Authority {
        /// The file.
        path: PathBuf,
        /// Why.
        source: VerifierBuilderError,
    },
    /// What was read does not do.
    #[error("the certificate cannot be used with its key: {0}")]
    Unusable(#[from] rustls::Error),
}

/// TLS 1.3 for a server, from files that are read anew when they have changed.
#[derive(Debug, Clone)]
pub struct ServerTls(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    files: TlsFiles,
    config: RwLock<Arc<ServerConfig>>,
}

impl ServerTls {
    /// Reads the files.
    ///
    /// # Errors
    /// [`TlsError`], if they are not what they should be.
    pub fn read(files: TlsFiles) -> Result<Self, TlsError> {
        let config = RwLock::new(configuration(&files)?);
        Ok(ServerTls(Arc::new(Inner { files, config })))
    }

    /// Reads the files again: connections from now on go by what they hold.
    ///
    /// # Errors
    /// [`TlsError`]; then what was read before holds on.
    pub fn read_again(&self) -> Result<(), TlsError> {
        let config = configuration(&self.0.files)?;
        let mut held = self
            .0
            .config
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        *held = config;
        Ok(())
    }

    /// The files.
    pub fn files(&self) -> &TlsFiles {
        &self.0.files
    }

    /// Greets a client; tells which certificate it has, if any.
    pub(crate) async fn accept(
        &self,
        stream: TcpStream,
    ) -> std::io::Result<(TlsStream<TcpStream>, Option<ClientCertificate>)> {
        let config = self
            .0
            .config
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let stream = TlsAcceptor::from(config).accept(stream).await?;
        let (_, connection) = stream.get_ref();
        let shown = connection.peer_certificates().and_then(<[_]>::first);
        let certificate = shown.map(|certificate| ClientCertificate::of(certificate));
        Ok((stream, certificate))
    }
}

fn configuration(files: &TlsFiles) -> Result<Arc<ServerConfig>, TlsError> {
    let provider = Arc::new(default_provider());
    let verifier: Arc<dyn danger::ClientCertVerifier> = match &files.client_authority {
        None => Arc::new(NoClientAuth),
        Some(path) => {
            let mut roots = RootCertStore::empty();
            for authority in certificates(path)? {
                roots.add(authority)?;
            }
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone())
                .allow_unauthenticated()
                .build()
                .map_err(|source| TlsError::Authority {
                    path: path.clone(),
                    source,
                })?
        }
    };
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(unreadable(&files.key))?;
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_client_cert_verifier(verifier)
        .with_single_cert(certificates(&files.certificate)?, key)?;
    if files.client_authority.is_some() {
        // Who takes up a connection again would not show his certificate again.
        config.send_tls13_tickets = 0;
        config.session_storage = Arc::new(NoServerSessionStorage {});
    }
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let all = CertificateDer::pem_file_iter(path).map_err(unreadable(path))?;
    all.collect::<Result<Vec<_>, _>>().map_err(unreadable(path))
}

fn unreadable(path: &Path) -> impl FnOnce(pem::Error) -> TlsError {
    let path = path.to_owned();
    move |source| TlsError::Unreadable { path, source }
}
