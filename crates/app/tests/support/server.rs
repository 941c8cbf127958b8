//! The real binary as a process that can be killed and started again on the same folder.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::http;

pub(crate) const EMAIL: &str = "admin@example.com";
pub(crate) const PASSWORD: &str = "correct horse battery staple";

/// A server on a folder of its own.
pub(crate) struct Server {
    pub(crate) address: String,
    data: TempDir,
    variables: Variables,
    child: Child,
}

/// Settings of a server beyond those of every test: environment variables.
pub(crate) type Variables = Vec<(&'static str, String)>;

/// A provider as it is told to the server.
pub(crate) struct Provider<'a> {
    pub(crate) kind: &'a str,
    pub(crate) base_url: &'a str,
    pub(crate) key: &'a str,
    /// The longest that a call may take; the server's own default if there is none.
    pub(crate) timeout_seconds: Option<u32>,
}

/// An agent that may call one fake provider.
pub(crate) struct Agent {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) token_id: String,
    pub(crate) token: String,
}

/// A token of an agent.
struct Token {
    id: String,
    value: String,
}

impl Server {
    /// Starts on a fresh folder and waits until it is ready.
    pub(crate) async fn start() -> Server {
        Server::start_with(Variables::new()).await
    }

    /// Starts on a fresh folder, with these settings.
    pub(crate) async fn start_with(variables: Variables) -> Server {
        let data = tempfile::tempdir().expect("a folder");
        let address = TcpListener::bind("127.0.0.1:0")
            .and_then(|probe| probe.local_addr())
            .expect("a free port")
            .to_string();
        let child = spawn(&data, &address, &variables);
        let server = Server {
            address,
            data,
            variables,
            child,
        };
        server.wait_until_ready().await;
        server
    }

    /// Ends the process as a crash would and starts it again.
    pub(crate) async fn kill_and_restart(&mut self) {
        self.kill();
        self.restart().await;
    }

    /// Starts the process again after it has ended.
    pub(crate) async fn restart(&mut self) {
        self.child = spawn(&self.data, &self.address, &self.variables);
        self.wait_until_ready().await;
    }

    /// Starts the process again although it should not come up; whether it failed by itself.
    pub(crate) fn fails_to_restart(&mut self) -> bool {
        self.child = spawn(&self.data, &self.address, &self.variables);
        self.child.wait().is_ok_and(|status| !status.success())
    }

    /// Stops the process where it stands, or lets it go on: `STOP` or `CONT`.
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill")
            .arg(format!("-{name}"))
            .arg(pid)
            .status();
        assert!(sent.is_ok_and(|status| status.success()), "SIG{name}");
    }

    /// Ends the process as a crash would.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("it was running");
        self.child.wait().expect("it can be waited for");
    }

    /// Waits until the process has ended by itself; whether it says that all is well.
    pub(crate) async fn ended_in_order(&mut self) -> bool {
        for _ in 0..1_200 {
            if let Some(status) = self.child.try_wait().expect("it can be waited for") {
                return status.success();
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        false
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
        let provider = Provider {
            kind: "openai",
            base_url: upstream,
            key,
            timeout_seconds: None,
        };
        self.agent_of(admin, &provider, budget).await
    }

    /// Creates a provider and an agent that may call it and nothing else.
    pub(crate) async fn agent_of(
        &self,
        admin: &str,
        provider: &Provider<'_>,
        budget: f64,
    ) -> Agent {
        let unique = provider
            .base_url
            .replace(|c: char| !c.is_ascii_alphanumeric(), "-");
        let name = format!("{} {unique}", provider.kind);
        self.agent_named(admin, &name, provider, budget).await
    }

    /// As [`Server::agent_of`]; agent and provider bear this name.
    pub(crate) async fn agent_named(
        &self,
        admin: &str,
        name: &str,
        provider: &Provider<'_>,
        budget: f64,
    ) -> Agent {
        let told = json!({
            "name": name, "type": provider.kind, "api_key": provider.key,
            "base_url": provider.base_url, "timeout_seconds": provider.timeout_seconds,
        });
        let told = self.post(Some(admin), "/api/v1/providers", &told).await;
        let agent = json!({"name": name, "budget": budget, "providers": [text(&told, "id")]});
        let agent = self.post(Some(admin), "/api/v1/agents", &agent).await;
        let id = text(&agent, "id");
        let token = self.token(admin, &id, None).await;
        Agent {
            id,
            name: name.to_owned(),
            token: token.value,
            token_id: token.id,
        }
    }

    /// An agent that calls the built-in provider, with a token that lives so long, or for ever.
    pub(crate) async fn simulated_agent(
        &self,
        admin: &str,
        name: &str,
        lives: Option<Duration>,
    ) -> Agent {
        let providers = http::call(
            &self.address,
            Some(admin),
            "GET",
            "/api/v1/providers",
            &Value::Null,
        )
        .await;
        let known = providers["data"].as_array().into_iter().flatten();
        let mut known = known.filter(|provider| provider["type"] == "simulated");
        let provider = match known.next() {
            Some(provider) => text(provider, "id"),
            None => {
                let told = json!({"name": "simulated", "type": "simulated"});
                text(
                    &self.post(Some(admin), "/api/v1/providers", &told).await,
                    "id",
                )
            }
        };
        let agent = json!({"name": name, "budget": 1_000, "providers": [provider]});
        let agent = self.post(Some(admin), "/api/v1/agents", &agent).await;
        let id = text(&agent, "id");
        let token = self.token(admin, &id, lives).await;
        Agent {
            id,
            name: name.to_owned(),
            token: token.value,
            token_id: token.id,
        }
    }

    async fn token(&self, admin: &str, agent: &str, lives: Option<Duration>) -> Token {
        let mut told = json!({"agent_id": agent});
        if let Some(lives) = lives {
            #[expect(
                clippy::disallowed_methods,
                reason = "the server under test goes by the real clock"
            )]
            let now = std::time::SystemTime::now();
            let since = (now + lives)
                .duration_since(std::time::UNIX_EPOCH)
                .expect("after 1970");
            let micros = i64::try_from(since.as_micros()).expect("before 292 000");
            told["expires_at"] = json!(iron_primitives::Timestamp::from_micros(micros));
        }
        let told = self.post(Some(admin), "/api/v1/tokens", &told).await;
        Token {
            id: text(&told, "id"),
            value: text(&told, "token"),
        }
    }

    /// Deletes something.
    pub(crate) async fn delete(&self, admin: &str, path: &str) {
        let head = format!("DELETE {path} HTTP/1.1\r\nauthorization: Bearer {admin}");
        let answer = http::request(&self.address, &head, "", None).await;
        let status = answer.map(|answer| answer.status);
        assert!(
            status.is_some_and(|status| status < 300),
            "{path}: {status:?}"
        );
    }

    /// Lets every provider be asked however often it fails, for tests of what its failures do.
    pub(crate) async fn break_no_circuits(&self, admin: &str) {
        let never = json!({"routing": {"breaker_failures": 0, "breaker_error_percent": 0}});
        let path = "/api/v1/settings/tenant";
        http::call(&self.address, Some(admin), "PATCH", path, &never).await;
    }

    /// What Prometheus would read.
    pub(crate) async fn metrics(&self) -> String {
        let head = "GET /metrics HTTP/1.1";
        let answer = http::request(&self.address, head, "", None).await;
        answer.expect("the server answers").body
    }

    /// Where the server keeps its data.
    pub(crate) fn data_folder(&self) -> std::path::PathBuf {
        self.data.path().join("data")
    }

    /// The bodies of the records of calls that the server has written so far, read from its files.
    pub(crate) fn call_records(&self) -> Vec<Value> {
        call_records(&self.data_folder(), &self.variables)
    }

    /// A line of what the kernel says about the process, in KiB.
    pub(crate) fn memory_kib(&self, line: &str) -> u64 {
        let path = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(path).expect("the process lives");
        let found = status.lines().find_map(|text| text.strip_prefix(line));
        let number = found.and_then(|text| text.split_whitespace().next());
        number
            .and_then(|text| text.parse().ok())
            .expect("a number of KiB")
    }

    /// What the budget of an agent looks like now.
    pub(crate) async fn budget(&self, admin: &str, agent: &Agent) -> Value {
        let path = format!("/api/v1/limits/agents/{}/budget", agent.id);
        http::call(&self.address, Some(admin), "GET", &path, &Value::Null).await
    }

    /// Creates something and gives what the server says of it.
    pub(crate) async fn post(&self, token: Option<&str>, path: &str, body: &Value) -> Value {
        http::call(&self.address, token, "POST", path, body).await
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(data: &TempDir, address: &str, variables: &Variables) -> Child {
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
        .env("IRON_RATE_LIMITS_USER_PER_MINUTE", "0")
        .env("IRON_RATE_LIMITS_USER_PER_HOUR", "0")
        .env("IRON_RATE_LIMITS_ANONYMOUS_PER_MINUTE", "0")
        .env("IRON_RATE_LIMITS_ANONYMOUS_PER_HOUR", "0")
        .envs(variables.iter().map(|(name, value)| (*name, value)))
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .expect("the server starts")
}

/// The bodies of the records of calls in a data folder.
pub(crate) fn call_records(data: &std::path::Path, variables: &Variables) -> Vec<Value> {
    let folder = tempfile::tempdir().expect("a folder");
    let bundle = folder.path().join("bundle");
    let done = Command::new(env!("CARGO_BIN_EXE_iron"))
        .args(["audit", "export", "--data"])
        .arg(data)
        .arg(&bundle)
        .envs(variables.iter().map(|(name, value)| (*name, value)))
        .output()
        .expect("the command runs");
    assert!(
        done.status.success(),
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
    let mut files: Vec<_> = std::fs::read_dir(bundle.join("records"))
        .expect("records")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    files.sort();
    let lines = files
        .iter()
        .map(|file| std::fs::read_to_string(file).expect("readable"))
        .collect::<String>();
    lines
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("JSON"))
        .map(|line| line["record"]["body"].clone())
        .filter(|body| body["kind"] == "call")
        .collect()
}

fn text(object: &Value, field: &str) -> String {
    let value = object.get(field).and_then(Value::as_str);
    value
        .unwrap_or_else(|| panic!("no `{field}` in {object}"))
        .to_owned()
}
