//! The way to PostgreSQL under TLS, on a server of its own with a certificate of its own.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use iron_store::{Db, Error};

/// A PostgreSQL for one test, made by the script that makes the one for all tests.
struct Server {
    process: Child,
    /// Such as `postgres://postgres@127.0.0.1:5432/postgres`.
    url: String,
    /// The authority that signed its certificate, which is for `localhost`.
    authority: PathBuf,
}

impl Server {
    fn start() -> Server {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.ci/with-postgres");
        let mut process = Command::new(script)
            .args(["sh", "-c"])
            // Lives until the test closes its end.
            .arg("echo \"$IRON_TEST_POSTGRES_URL $IRON_TEST_POSTGRES_CA\"; cat")
            .env_remove("IRON_TEST_POSTGRES_URL")
            .env("IRON_TEST_POSTGRES_TLS", "yes")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect(".ci/with-postgres runs");
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let (url, authority) = line
            .trim()
            .split_once(' ')
            .expect(".ci/with-postgres needs PostgreSQL and openssl, and says what is missing");
        Server {
            url: url.to_owned(),
            authority: authority.into(),
            process,
        }
    }

    /// The TLS version of a connection with these parameters.
    async fn tls(&self, host: &str, parameters: &str) -> Result<Option<String>, Error> {
        let url = self.url.replace("127.0.0.1", host);
        let db = Db::connect_postgres(&format!("{url}?{parameters}")).await?;
        let vitals = db.vitals().await;
        db.close().await;
        Ok(vitals?.tls)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}

#[tokio::test]
async fn postgres_is_reached_over_tls_as_far_as_the_address_demands() {
    let server = Server::start();
    let authority = server.authority.display();

    assert_eq!(
        server.tls("localhost", "sslmode=disable").await.unwrap(),
        None
    );
    for mode in ["prefer", "require"] {
        let tls = server.tls("localhost", &format!("sslmode={mode}")).await;
        assert_eq!(tls.unwrap().as_deref(), Some("TLSv1.3"), "{mode}");
    }
    let full = format!("sslmode=verify-full&sslrootcert={authority}");
    let tls = server.tls("localhost", &full).await.unwrap();
    assert_eq!(tls.as_deref(), Some("TLSv1.3"));

    // Signed by an authority that nobody has named.
    let unknown = server.tls("localhost", "sslmode=verify-full").await;
    assert!(matches!(unknown, Err(Error::Unavailable(_))), "{unknown:?}");
    // The certificate is for `localhost`, not for the address.
    let elsewhere = server.tls("127.0.0.1", &full).await;
    assert!(
        matches!(elsewhere, Err(Error::Unavailable(_))),
        "{elsewhere:?}"
    );
    let signed = format!("sslmode=verify-ca&sslrootcert={authority}");
    let tls = server.tls("127.0.0.1", &signed).await.unwrap();
    assert_eq!(tls.as_deref(), Some("TLSv1.3"));
}
