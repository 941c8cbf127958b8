//! The product under test, set up through its own API: everything on, strict mode.

use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::load::Target;
use crate::process::{Core, Process};
use crate::wire::{Connection, post};

pub(crate) const EMAIL: &str = "bench@example.com";
pub(crate) const PASSWORD: &str = "correct horse battery staple";

/// A running server with one agent per upstream.
pub(crate) struct Governed {
    pub(crate) process: Process,
    pub(crate) data: tempfile::TempDir,
    tokens: Vec<String>,
}

impl Governed {
    /// From now on nothing is looked for in the texts of calls. Without this all is looked for that
    /// a new tenant has.
    pub(crate) async fn without_guardrails(self) -> Governed {
        let api = Api {
            address: self.process.address(),
            token: Some(sign_in(&self.process.address()).await),
        };
        let nothing = json!({
            "name": "nothing",
            "is_default": true,
            "max_input_chars": 0,
            "injection": {"low": "ignore", "medium": "ignore", "high": "ignore"},
            "pii": {"action": "ignore"},
            "secrets": {"action": "ignore"},
        });
        api.post("/api/v1/guardrail-profiles", nothing).await;
        self
    }

    pub(crate) fn targets(&self) -> Vec<Target> {
        self.tokens
            .iter()
            .map(|token| Target {
                token: Some(token.clone()),
                ..Target::plain(self.process.address())
            })
            .collect()
    }
}

/// Starts `iron serve` on a fresh folder and creates a provider, an agent and a token for
/// each upstream.
pub(crate) async fn start(iron: &str, durability: &str, upstreams: &[&str]) -> Governed {
    start_under(&[], iron, durability, upstreams).await
}

/// As [`start`], with the server run by another program (its name and arguments).
pub(crate) async fn start_under(
    runner: &[&str],
    iron: &str,
    durability: &str,
    upstreams: &[&str],
) -> Governed {
    let (process, data) = serve(runner, iron, durability, &[]).await;
    Governed {
        tokens: settle_in(&process.address(), upstreams).await,
        process,
        data,
    }
}

/// Runs `iron serve` on a fresh folder until it is ready, with these settings besides.
pub(crate) async fn serve(
    runner: &[&str],
    iron: &str,
    durability: &str,
    settings: &[(&str, &str)],
) -> (Process, tempfile::TempDir) {
    let data = tempfile::tempdir().expect("a folder");
    let address = {
        let probe = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        probe.local_addr().expect("an address").to_string()
    };
    let child = Command::new("taskset")
        .args(["-c", Core::Gateway.list()])
        .args(runner)
        .args([iron, "serve", "--listen", &address, "--data"])
        .arg(data.path())
        .env("IRON_ADMIN_EMAIL", EMAIL)
        .env("IRON_ADMIN_PASSWORD", PASSWORD)
        .env("IRON_DURABILITY", durability)
        .envs(settings.iter().copied())
        .stdout(Stdio::null())
        .spawn()
        .expect("the server starts");
    wait_until_ready(&address).await;
    (Process::adopt(child, address), data)
}

/// Creates a provider and an agent for each upstream; gives the agents' tokens.
pub(crate) async fn settle_in(address: &str, upstreams: &[&str]) -> Vec<String> {
    let api = Api {
        address: address.to_owned(),
        token: Some(sign_in(address).await),
    };
    let mut tokens = Vec::new();
    for (index, upstream) in upstreams.iter().enumerate() {
        let provider = api
            .post(
                "/api/v1/providers",
                json!({
                    "name": format!("upstream-{index}"),
                    "type": "openai",
                    "api_key": "sk-bench-000000000000000000000000",
                    "base_url": format!("http://{}/v1", upstream),
                }),
            )
            .await;
        let agent = api
            .post(
                "/api/v1/agents",
                json!({
                    "name": format!("bench-{index}"),
                    "budget": 999_999.99,
                    "providers": [text(&provider, "id")],
                }),
            )
            .await;
        let token = api
            .post("/api/v1/tokens", json!({"agent_id": text(&agent, "id")}))
            .await;
        tokens.push(text(&token, "token"));
    }
    tokens
}

/// The access token of the admin.
pub(crate) async fn sign_in(address: &str) -> String {
    let api = Api {
        address: address.to_owned(),
        token: None,
    };
    let body = json!({"email": EMAIL, "password": PASSWORD});
    text(&api.post("/api/v1/auth/login", body).await, "access_token")
}

fn text(object: &Value, field: &str) -> String {
    match object.get(field).and_then(Value::as_str) {
        Some(text) => text.to_owned(),
        None => panic!("no `{field}` in {object}"),
    }
}

async fn wait_until_ready(address: &str) {
    for _ in 0..2_400 {
        if tokio::net::TcpStream::connect(address).await.is_ok() {
            let mut connection = Connection::open(address).await;
            connection
                .send(b"GET /api/health HTTP/1.1\r\nhost: bench\r\n\r\n")
                .await;
            if connection
                .head()
                .await
                .is_some_and(|head| head.status == 200)
            {
                return;
            }
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the server did not become ready at {address}");
}

struct Api {
    address: String,
    token: Option<String>,
}

impl Api {
    async fn post(&self, path: &str, body: Value) -> Value {
        let mut connection = Connection::open(&self.address).await;
        connection
            .send(&post(path, self.token.as_deref(), &body.to_string()))
            .await;
        let head = connection.head().await.expect("an answer");
        let body = connection.body(&head.framing, true).await.expect("a body");
        let body = String::from_utf8_lossy(&body).into_owned();
        assert!(head.status < 300, "{path}: {} {body}", head.status);
        serde_json::from_str(&body).expect("JSON")
    }
}
