//! The real binary in a home of its own, and servers that end with the test.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Stdio};
use std::time::Duration;

use assert_cmd::Command;
use serde_json::Value;
use tempfile::TempDir;

pub(crate) const EMAIL: &str = "admin@example.com";
pub(crate) const PASSWORD: &str = "correct horse battery staple";
/// No command of any test takes this long.
const PATIENCE: Duration = Duration::from_secs(300);

/// An empty home, with an address that nobody listens on.
pub(crate) struct Home {
    folder: TempDir,
    pub(crate) address: String,
    variables: Vec<(String, String)>,
}

impl Home {
    pub(crate) fn new() -> Home {
        let address = TcpListener::bind("127.0.0.1:0")
            .and_then(|probe| probe.local_addr())
            .unwrap()
            .to_string();
        Home {
            folder: tempfile::tempdir().unwrap(),
            address,
            variables: Vec::new(),
        }
    }

    /// The same home with one more variable.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Home {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The same home with an administrator whose password is known.
    pub(crate) fn with_admin(self) -> Home {
        self.with("IRON_ADMIN_EMAIL", EMAIL)
            .with("IRON_ADMIN_PASSWORD", PASSWORD)
    }

    pub(crate) fn path(&self, below: &str) -> PathBuf {
        self.folder.path().join(below)
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    fn environment(&self) -> Vec<(String, String)> {
        let fixed = [
            ("HOME", self.folder.path().display().to_string()),
            ("IRON_DATA", self.path("data").display().to_string()),
            ("IRON_LISTEN", self.address.clone()),
            ("IRON_SERVER", self.url()),
        ];
        fixed
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .chain(self.variables.iter().cloned())
            .collect()
    }

    /// `iron` with these arguments, to be run once.
    pub(crate) fn iron(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_iron"));
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env_clear()
            .envs(self.environment())
            .timeout(PATIENCE);
        command
    }

    /// What a command prints with `--json`; it must succeed.
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let output = self.iron(&["--json"]).args(arguments).assert().success();
        serde_json::from_slice(&output.get_output().stdout).unwrap()
    }

    /// What `audit list` says with these filters, once there is something to say: an entry stands
    /// there a moment after the answer to what it tells of.
    pub(crate) fn audited(&self, filters: &[&str]) -> Value {
        for _ in 0..200 {
            let told = self.json(&[&["audit", "list"], filters].concat());
            if told.pointer("/data/0").is_some() {
                return told;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("no entry for {filters:?}");
    }

    /// The same with one more variable.
    pub(crate) fn json_with(&self, name: &str, value: &str, arguments: &[&str]) -> Value {
        let mut command = self.iron(&["--json"]);
        let output = command.env(name, value).args(arguments).assert().success();
        serde_json::from_slice(&output.get_output().stdout).unwrap()
    }

    /// `iron` with these arguments as a process that goes on.
    pub(crate) fn spawn(&self, arguments: &[&str]) -> Running {
        let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_iron"))
            .args(arguments)
            .current_dir(self.folder.path())
            .env_clear()
            .envs(self.environment())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(std::fs::File::create(self.path("stderr")).unwrap())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        Running {
            child,
            output: Some(output),
        }
    }

    /// A server that answers.
    pub(crate) fn serve(&self) -> Running {
        let running = self.spawn(&["serve"]);
        for _ in 0..900 {
            if get(&self.address, "/api/health/ready")
                .is_some_and(|answer| answer.contains("200 OK"))
            {
                return running;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("no server: {}", self.complaints());
    }

    /// Signs the administrator in.
    pub(crate) fn sign_in(&self) {
        self.iron(&["login", "--email", EMAIL, "--password-stdin"])
            .write_stdin(PASSWORD)
            .assert()
            .success();
    }

    /// What a process that goes on has said on its standard error.
    pub(crate) fn complaints(&self) -> String {
        std::fs::read_to_string(self.path("stderr")).unwrap_or_default()
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        // Whatever a test has left running in the background ends with its folder.
        let _ = self.iron(&["down"]).output();
    }
}

/// A process that ends with the test.
pub(crate) struct Running {
    child: Child,
    output: Option<BufReader<ChildStdout>>,
}

impl Running {
    /// Its next line.
    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.output.as_mut().unwrap().read_line(&mut line).unwrap();
        line
    }

    /// Nobody reads what it writes from now on.
    pub(crate) fn leave(&mut self) {
        self.output = None;
    }

    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        let process = i32::try_from(self.child.id()).unwrap();
        let process = rustix::process::Pid::from_raw(process).unwrap();
        rustix::process::kill_process(process, signal).unwrap();
    }

    /// Its exit code, once it has ended.
    pub(crate) fn code(&mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One request without a credential; none if nobody answers.
pub(crate) fn get(address: &str, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(address).ok()?;
    let head = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Some(answer)
}

/// One call of a model; gives status and body.
pub(crate) fn call(address: &str, token: &str, model: &str) -> String {
    let body = format!(r#"{{"model":"{model}","messages":[{{"role":"user","content":"hi"}}]}}"#);
    let mut stream = TcpStream::connect(address).unwrap();
    write!(
        stream,
        "POST /v1/chat/completions HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {token}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// A provider that answers each request with this status, as long as the test lives.
pub(crate) fn provider_that_says(status: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            while lines
                .next()
                .is_some_and(|line| line.is_ok_and(|line| !line.is_empty()))
            {}
            let _ = write!(
                stream,
                "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: 11\r\nconnection: close\r\n\r\n{{\"data\":[]}}"
            );
        }
    });
    format!("http://{address}/v1")
}

/// A text field of an object.
pub(crate) fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_else(|| panic!("no text at {pointer} in {object}"))
}
