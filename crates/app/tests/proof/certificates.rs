//! A router that its server knows by a client certificate.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use iron_net::ClientCertificate;
use iron_primitives::{RuntimeId, Secret};
use iron_sdk::Client;
use iron_sdk::client::Transport;
use iron_testkit::{CertificateAuthority, IssuedCertificate};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::http;
use crate::server::{EMAIL, PASSWORD};

/// Looks at something until it is so.
macro_rules! until {
    ($so:expr, $otherwise:expr) => {
        let mut patience = 1_200;
        while !$so {
            patience -= 1;
            assert!(patience > 0, "{}", $otherwise);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
}

const CHAT: &str = r#"{"model":"sim/chat","messages":[{"role":"user","content":"hi"}]}"#;

/// A process of the real binary.
struct Process {
    address: String,
    child: Child,
    log: PathBuf,
}

impl Process {
    fn start(folder: &Path, name: &str, verb: &str, variables: &[(&str, String)]) -> Process {
        let address = TcpListener::bind("127.0.0.1:0").and_then(|probe| probe.local_addr());
        let address = address.expect("a free port").to_string();
        let log = folder.join(format!("{name}.log"));
        let child = Command::new(env!("CARGO_BIN_EXE_iron"))
            .args([verb, "--listen", &address, "--data"])
            .arg(folder.join(name))
            .envs(variables.iter().map(|(name, value)| (*name, value)))
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(&log).expect("a log"))
            .spawn()
            .expect("it starts");
        Process {
            address,
            child,
            log,
        }
    }

    fn said(&self) -> String {
        std::fs::read_to_string(&self.log).expect("a log")
    }

    /// Whether it has ended by itself.
    fn is_over(&mut self) -> bool {
        self.child
            .try_wait()
            .expect("it can be waited for")
            .is_some()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A server with TLS, and what its admin does.
struct House {
    folder: TempDir,
    authority: CertificateAuthority,
    admin: Client,
    url: String,
    _server: Process,
}

impl House {
    async fn build() -> House {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let folder = tempfile::tempdir().expect("a folder");
        let authority = CertificateAuthority::new().expect("an authority");
        let own = authority.server().expect("a certificate");
        let at = |name: &str| folder.path().join(name).display().to_string();
        std::fs::write(at("ca.pem"), authority.pem()).expect("a file");
        write(folder.path(), "server", &own);
        let variables = [
            ("IRON_ADMIN_EMAIL", EMAIL.to_owned()),
            ("IRON_ADMIN_PASSWORD", PASSWORD.to_owned()),
            ("IRON_TLS_CERTIFICATE", at("server.pem")),
            ("IRON_TLS_KEY", at("server.key")),
            ("IRON_TLS_CLIENT_CA", at("ca.pem")),
        ];
        let server = Process::start(folder.path(), "house", "serve", &variables);
        let url = format!("https://{}", server.address);
        let transport = Transport {
            authorities: Some(authority.pem().as_bytes().to_vec()),
            identity: None,
        };
        let admin = Client::over(&url, Duration::from_secs(60), &transport).expect("a client");
        until!(admin.get_health().await.is_ok(), server.said());
        let login = read(json!({"email": EMAIL, "password": PASSWORD}));
        let session = admin.login(&login).await.expect("a session");
        let token = session.access_token.expect("a token").into_secret();
        House {
            folder,
            authority,
            admin: admin.with_credential(token),
            url,
            _server: server,
        }
    }

    async fn runtime(&self, name: &str, certificates: &[&IssuedCertificate]) -> RuntimeId {
        let made = self
            .admin
            .create_runtime(&read(json!({"name": name})))
            .await;
        let id = made.expect("a runtime").id;
        self.known_by(id, certificates).await;
        id
    }

    async fn known_by(&self, id: RuntimeId, certificates: &[&IssuedCertificate]) {
        let fingerprints = certificates.iter().map(|one| fingerprint(one));
        let body = json!({"certificates": fingerprints.collect::<Vec<_>>()});
        self.admin
            .update_runtime(id, &read(body))
            .await
            .expect("it is changed");
    }

    /// A router that shows this certificate, without a key.
    fn router(&self, name: &str, shown: &IssuedCertificate) -> Process {
        write(self.folder.path(), name, shown);
        let at = |name: String| self.folder.path().join(name).display().to_string();
        let variables = [
            ("IRON_ROUTER_CONTROL", self.url.clone()),
            ("IRON_ROUTER_CA", at("ca.pem".to_owned())),
            ("IRON_ROUTER_CLIENT_CERT", at(format!("{name}.pem"))),
            ("IRON_ROUTER_CLIENT_KEY", at(format!("{name}.key"))),
        ];
        Process::start(self.folder.path(), name, "router", &variables)
    }

    /// A new agent's token: nobody knows it yet, so the router must ask.
    async fn token(&self, name: &str) -> Secret {
        let known = self
            .admin
            .list_providers(&read(json!({})))
            .await
            .expect("a list");
        let provider = match known.data.first() {
            Some(provider) => provider.id,
            None => {
                let body = read(json!({"name": "simulated", "type": "simulated"}));
                self.admin
                    .create_provider(&body)
                    .await
                    .expect("a provider")
                    .id
            }
        };
        let body = json!({"name": name, "budget": 10, "providers": [provider],
            "create_ic_token": true});
        let made = self
            .admin
            .create_agent(&read(body))
            .await
            .expect("an agent");
        let made = made.ic_token.and_then(|made| made.token);
        made.expect("a token").into_secret()
    }
}

fn read<T: DeserializeOwned>(body: Value) -> T {
    serde_json::from_value(body).expect("a body")
}

fn write(folder: &Path, name: &str, certificate: &IssuedCertificate) {
    let file = |end: &str| folder.join(format!("{name}.{end}"));
    std::fs::write(file("pem"), &certificate.pem).expect("a file");
    std::fs::write(file("key"), &certificate.key_pem).expect("a file");
}

fn fingerprint(certificate: &IssuedCertificate) -> String {
    ClientCertificate::of(&certificate.der).fingerprint()
}

async fn status(router: &Process, token: &Secret) -> Option<u16> {
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nauthorization: Bearer {}",
        token.expose()
    );
    let answer = http::request(&router.address, &head, CHAT, None).await;
    answer.map(|answer| answer.status)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_router_is_known_by_its_certificate_which_is_replaced_without_a_gap() {
    let house = House::build().await;
    let old = house.authority.client().expect("a certificate");
    let new = house.authority.client().expect("a certificate");
    let id = house.runtime("edge", &[&old]).await;
    let mut router = house.router("edge", &old);
    let token = house.token("one").await;
    until!(status(&router, &token).await == Some(200), router.said());

    house.known_by(id, &[&old, &new]).await;
    write(house.folder.path(), "edge", &new);
    until!(
        router
            .said()
            .contains("the client certificate was read anew"),
        router.said()
    );
    house.known_by(id, &[&new]).await;
    let unheard = house.token("two").await;
    assert_eq!(
        status(&router, &unheard).await,
        Some(200),
        "{}",
        router.said()
    );
    assert!(!router.is_over(), "{}", router.said());

    let reason = read(json!({"reason": "sold"}));
    house
        .admin
        .revoke_runtime(id, &reason)
        .await
        .expect("it is revoked");
    until!(router.is_over(), router.said());
    assert!(
        router
            .said()
            .contains("the runtime of this client certificate was revoked"),
        "{}",
        router.said()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_that_are_not_good_enrol_no_router_and_it_says_why() {
    let house = House::build().await;
    let unknown = house.authority.client().expect("a certificate");
    let mut router = house.router("unknown", &unknown);
    until!(router.is_over(), router.said());
    let said = router.said();
    assert!(
        said.contains(&fingerprint(&unknown)) && said.contains("iron runtimes update"),
        "{said}"
    );

    let expired = house.authority.expired_client().expect("a certificate");
    let id = house.runtime("expired", &[&expired]).await;
    let late = house.router("expired", &expired);
    until!(late.said().contains("CertificateExpired"), late.said());

    let stranger = CertificateAuthority::new().and_then(|other| other.client());
    let stranger = stranger.expect("a certificate");
    house.runtime("stranger", &[&stranger]).await;
    let other = house.router("stranger", &stranger);
    until!(
        other.said().contains("UnknownCA") || other.said().contains("DecryptError"),
        other.said()
    );
    // A good one in the same place, and the router that has waited goes on.
    let fresh = house.authority.client().expect("a certificate");
    house.known_by(id, &[&fresh]).await;
    write(house.folder.path(), "expired", &fresh);
    let token = house.token("patient").await;
    until!(status(&late, &token).await == Some(200), late.said());
}
