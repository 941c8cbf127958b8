//! The real binary as a process that can be killed and started again on the same folder.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::http;

const EMAIL: &str = "admin@example.com";
const PASSWORD: &str = "correct horse battery staple";

/// A server on a folder of its own.
pub(crate) struct Server {
    pub(crate) address: String,
    data: TempDir,
    child: Child,
}

/// An agent that may call one fake provider.
pub(crate) struct Agent {
    pub(crate) id: String,
    pub(crate) token: String,
}

impl Server {
    /// Starts on a fresh folder and waits until it is ready.
    pub(crate) async fn start() -> Server {
        let data = tempfile::tempdir().expect("a folder");
        let address = TcpListener::bind("127.0.0.1:0")
            .and_then(|probe| probe.local_addr())
            .expect("a free port")
            .to_string();
        let child = spawn(&data, &address);
        let server = Server {
            address,
            data,
            child,
        };
        server.wait_until_ready().await;
        server
    }

    /// Ends the process as a crash would and starts it again.
    pub(crate) async fn kill_and_restart(&mut self) {
        self.kill();
        self.child = spawn(&self.data, &self.address);
        self.wait_until_ready().await;
    }

    /// Ends the process as a crash would.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("it was running");
        self.child.wait().expect("it can be waited for");
    }

    async fn wait_until_ready(&self) {
        for _ in 0..600 {
            let head = "GET /api/health/ready HTTP/1.1";
            if let Some(answer) = http::request(&self.address, head, "", None).await
                && answer.status == 200
            {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("the server on {} did not become ready", self.address);
    }

    /// Signs in as the admin.
    pub(crate) async fn sign_in(&self) -> String {
        let login = json!({"email": EMAIL, "password": PASSWORD});
        let session = self.post(None, "/api/v1/auth/login", &login).await;
        text(&session, "access_token")
    }

    /// Creates a provider at this address and an agent with this budget, in dollars.
    pub(crate) async fn agent(&self, admin: &str, upstream: &str, key: &str, budget: f64) -> Agent {
        let provider = json!({
            "name": "upstream", "type": "openai", "api_key": key, "base_url": upstream,
        });
        let provider = self.post(Some(admin), "/api/v1/providers", &provider).await;
        let agent =
            json!({"name": "spender", "budget": budget, "providers": [text(&provider, "id")]});
        let agent = self.post(Some(admin), "/api/v1/agents", &agent).await;
        let id = text(&agent, "id");
        let token = self
            .post(Some(admin), "/api/v1/tokens", &json!({"agent_id": id}))
            .await;
        Agent {
            token: text(&token, "token"),
            id,
        }
    }

    /// What the budget of an agent looks like now.
    pub(crate) async fn budget(&self, admin: &str, agent: &Agent) -> Value {
        let path = format!("/api/v1/limits/agents/{}/budget", agent.id);
        http::call(&self.address, Some(admin), "GET", &path, &Value::Null).await
    }

    async fn post(&self, token: Option<&str>, path: &str, body: &Value) -> Value {
        http::call(&self.address, token, "POST", path, body).await
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(data: &TempDir, address: &str) -> Child {
    let log = std::fs::File::options()
        .create(true)
        .append(true)
        .open(data.path().join("test.log"))
        .expect("a log");
    Command::new(env!("CARGO_BIN_EXE_iron"))
        .args(["serve", "--listen", address, "--data"])
        .arg(data.path().join("data"))
        .env("IRON_ADMIN_EMAIL", EMAIL)
        .env("IRON_ADMIN_PASSWORD", PASSWORD)
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .expect("the server starts")
}

fn text(object: &Value, field: &str) -> String {
    let value = object.get(field).and_then(Value::as_str);
    value
        .unwrap_or_else(|| panic!("no `{field}` in {object}"))
        .to_owned()
}
