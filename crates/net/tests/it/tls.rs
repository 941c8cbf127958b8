//! TLS at the door, and who is known by his certificate.

use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use axum::extract::Extension;
use axum::routing::get;
use iron_net::tls::TlsFiles;
use iron_net::{ClientCertificate, ServerConfig, ServerTls, serve};
use iron_testkit::{CertificateAuthority, IssuedCertificate};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;

/// A server with TLS that says whose certificate it sees.
struct House {
    authority: CertificateAuthority,
    tls: ServerTls,
    address: String,
    folder: TempDir,
}

async fn who(certificate: Option<Extension<ClientCertificate>>) -> String {
    certificate.map_or("nobody".to_owned(), |Extension(shown)| shown.fingerprint())
}

impl House {
    async fn build() -> House {
        let authority = CertificateAuthority::new().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| -> PathBuf {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let own = authority.server().unwrap();
        let tls = ServerTls::read(TlsFiles {
            certificate: file("server.pem", &own.pem),
            key: file("server.key", &own.key_pem),
            client_authority: Some(file("clients.pem", authority.pem())),
        })
        .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let config = ServerConfig {
            tls: Some(tls.clone()),
            ..ServerConfig::default()
        };
        let router = Router::new().route("/", get(who));
        tokio::spawn(serve(listener, router, config, std::future::pending()));
        House {
            authority,
            tls,
            address,
            folder,
        }
    }

    /// What the server says to a client with this certificate; an error is what the client sees.
    async fn ask(&self, shown: Option<&IssuedCertificate>) -> Result<String, String> {
        let connection = self
            .connect(shown)
            .await
            .map_err(|error| error.to_string())?;
        said(connection).await
    }

    async fn connect(
        &self,
        shown: Option<&IssuedCertificate>,
    ) -> std::io::Result<tokio_rustls::client::TlsStream<TcpStream>> {
        let config = client(self.authority.pem(), shown);
        let stream = TcpStream::connect(&self.address).await?;
        let name = ServerName::try_from("localhost").unwrap();
        TlsConnector::from(Arc::new(config))
            .connect(name, stream)
            .await
    }
}

fn client(authority: &str, shown: Option<&IssuedCertificate>) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_slice(authority.as_bytes()).unwrap())
        .unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    match shown {
        None => builder.with_no_client_auth(),
        Some(shown) => {
            let key = PrivateKeyDer::from_pem_slice(shown.key_pem.as_bytes()).unwrap();
            let chain = vec![CertificateDer::from(shown.der.clone())];
            builder.with_client_auth_cert(chain, key).unwrap()
        }
    }
}

/// The body of one answer.
async fn said(
    mut connection: tokio_rustls::client::TlsStream<TcpStream>,
) -> Result<String, String> {
    let request = b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    connection
        .write_all(request)
        .await
        .map_err(|error| error.to_string())?;
    let mut answer = String::new();
    let read = connection.read_to_string(&mut answer).await;
    read.map_err(|error| error.to_string())?;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    Ok(answer.rsplit("\r\n").next().unwrap().to_owned())
}

#[tokio::test]
async fn a_client_is_known_by_its_certificate_and_need_not_have_one() {
    let house = House::build().await;
    assert_eq!(house.ask(None).await.unwrap(), "nobody");
    let mine = house.authority.client().unwrap();
    let fingerprint = ClientCertificate::of(&mine.der).fingerprint();
    assert_eq!(house.ask(Some(&mine)).await.unwrap(), fingerprint);
    let path = house.folder.path().join("mine.pem");
    std::fs::write(&path, &mine.pem).unwrap();
    assert_eq!(
        ClientCertificate::in_file(&path).unwrap().fingerprint(),
        fingerprint
    );
}

#[tokio::test]
async fn certificates_that_are_not_good_make_no_connection_and_the_client_learns_why() {
    let house = House::build().await;
    let expired = house.authority.expired_client().unwrap();
    let error = house.ask(Some(&expired)).await.unwrap_err();
    assert!(error.contains("CertificateExpired"), "{error}");
    let stranger = CertificateAuthority::new().unwrap().client().unwrap();
    let error = house.ask(Some(&stranger)).await.unwrap_err();
    assert!(
        error.contains("UnknownCA") || error.contains("DecryptError"),
        "{error}"
    );
    // That of a server says nothing about a client.
    let wrong = house.authority.server().unwrap();
    assert!(house.ask(Some(&wrong)).await.is_err());
    assert_eq!(house.ask(None).await.unwrap(), "nobody");
}

#[tokio::test]
async fn what_does_not_speak_tls_gets_no_answer() {
    let house = House::build().await;
    let mut plain = TcpStream::connect(&house.address).await.unwrap();
    plain
        .write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n")
        .await
        .unwrap();
    let mut answer = Vec::new();
    // Closed, or reset: the server does not read what it cannot understand.
    let _ = plain.read_to_end(&mut answer).await;
    assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
}

#[tokio::test]
async fn new_files_hold_for_new_connections_and_bad_ones_not_at_all() {
    let house = House::build().await;
    let shown = |connection: &tokio_rustls::client::TlsStream<TcpStream>| {
        let (_, session) = connection.get_ref();
        session
            .peer_certificates()
            .unwrap()
            .first()
            .unwrap()
            .to_vec()
    };
    let open = house.connect(None).await.unwrap();
    let fresh = house.authority.server().unwrap();
    let path = |name: &str| house.folder.path().join(name);
    std::fs::write(path("server.pem"), &fresh.pem).unwrap();
    // The certificate is new, the key is not.
    house.tls.read_again().unwrap_err();
    assert_eq!(shown(&house.connect(None).await.unwrap()), shown(&open));
    std::fs::write(path("server.key"), &fresh.key_pem).unwrap();
    house.tls.read_again().unwrap();
    assert_eq!(shown(&house.connect(None).await.unwrap()), fresh.der);
    assert_eq!(said(open).await.unwrap(), "nobody", "a connection goes on");
}
