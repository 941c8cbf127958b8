//! A real `iron router` as a process that can be killed and started again on the same folder.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::http;
use crate::server::{Server, Variables, call_records};

/// A router on a folder of its own.
pub(crate) struct Router {
    pub(crate) id: String,
    pub(crate) address: String,
    control: String,
    key: String,
    data: TempDir,
    child: Child,
}

impl Router {
    /// Is allowed by the admin of a server, starts, and waits until calls are taken.
    pub(crate) async fn start(server: &Server, admin: &str, name: &str) -> Router {
        Router::start_by(server, &server.address, admin, name).await
    }

    /// As [`Router::start`]; it reaches its server by this address.
    pub(crate) async fn start_by(server: &Server, by: &str, admin: &str, name: &str) -> Router {
        let made = server
            .post(Some(admin), "/api/v1/runtimes", &json!({"name": name}))
            .await;
        let text = |field: &str| made[field].as_str().expect("a text").to_owned();
        let data = tempfile::tempdir().expect("a folder");
        let address = TcpListener::bind("127.0.0.1:0")
            .and_then(|probe| probe.local_addr())
            .expect("a free port")
            .to_string();
        let control = format!("http://{by}");
        let (id, key) = (text("id"), text("key"));
        let child = spawn(&data, &address, &control, &key);
        let router = Router {
            id,
            address,
            control,
            key,
            data,
            child,
        };
        router.wait_until_ready().await;
        router
    }

    /// Ends the process as a crash would.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("it was running");
        self.child.wait().expect("it can be waited for");
    }

    /// Starts the process again after it has ended, and waits until calls are taken.
    pub(crate) async fn restart(&mut self) {
        self.child = spawn(&self.data, &self.address, &self.control, &self.key);
        self.wait_until_ready().await;
    }

    /// Asks the process to end in good order; whether it did, within a minute.
    pub(crate) async fn ends_in_order(&mut self) -> bool {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").arg("-TERM").arg(pid).status();
        assert!(sent.is_ok_and(|status| status.success()), "SIGTERM");
        self.ended().await == Some(true)
    }

    /// Waits until the process has ended by itself: whether it ended well, if it did at all
    /// within a minute.
    pub(crate) async fn ended(&mut self) -> Option<bool> {
        for _ in 0..1_200 {
            if let Some(status) = self.child.try_wait().expect("it can be waited for") {
                return Some(status.success());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        None
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
        panic!("the router on {} did not become ready", self.address);
    }

    /// Checks the router's own journal with the real command: whether every record is as it was
    /// written, and what was said.
    pub(crate) fn verified(&self) -> (bool, String) {
        verified(&self.data.path().join("data"), &Variables::new())
    }

    /// The bodies of the records of calls that the router has written so far.
    pub(crate) fn call_records(&self) -> Vec<Value> {
        call_records(&self.data.path().join("data"), &Variables::new())
    }

    /// Everything that was logged.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.data.path().join("test.log")).expect("a log")
    }

    /// How it says it is.
    pub(crate) async fn health(&self) -> Value {
        let answer = http::request(&self.address, "GET /api/health HTTP/1.1", "", None).await;
        let body = answer.expect("the router answers").body;
        serde_json::from_str(&body).expect("JSON")
    }
}

/// Runs `iron audit verify` on a data folder.
pub(crate) fn verified(data: &std::path::Path, variables: &Variables) -> (bool, String) {
    let done = Command::new(env!("CARGO_BIN_EXE_iron"))
        .args(["audit", "verify", "--data"])
        .arg(data)
        .envs(variables.iter().map(|(name, value)| (*name, value)))
        .output()
        .expect("the command runs");
    let said = [done.stdout, done.stderr].concat();
    (
        done.status.success(),
        String::from_utf8_lossy(&said).into_owned(),
    )
}

impl Drop for Router {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(data: &TempDir, address: &str, control: &str, key: &str) -> Child {
    let log = std::fs::File::options()
        .create(true)
        .append(true)
        .open(data.path().join("test.log"))
        .expect("a log");
    Command::new(env!("CARGO_BIN_EXE_iron"))
        .args(["router", "--listen", address, "--control", control])
        .arg("--data")
        .arg(data.path().join("data"))
        .env("IRON_ROUTER_KEY", key)
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .expect("the router starts")
}
