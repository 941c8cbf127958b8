//! A real haproxy before several servers, configured as `docs/how-to/run-several-servers.md` says.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;

use crate::server::Server;

/// The page that people copy the configuration from.
const GUIDE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../docs/how-to/run-several-servers.md"
);

/// A balancer; it ends with the test.
pub(crate) struct Balancer {
    pub(crate) address: String,
    folder: TempDir,
    process: Child,
}

impl Balancer {
    /// Starts one before these servers and waits until it sends calls to all of them.
    pub(crate) async fn before(servers: &[Server]) -> Balancer {
        let folder = tempfile::tempdir().expect("a folder");
        let probe = TcpListener::bind("127.0.0.1:0").and_then(|probe| probe.local_addr());
        let address = probe.expect("a free port").to_string();
        let file = folder.path().join("haproxy.cfg");
        std::fs::write(&file, configuration(&folder, &address, servers)).expect("a file");
        let log = std::fs::File::create(folder.path().join("log")).expect("a log");
        let process = Command::new("haproxy")
            .arg("-f")
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("haproxy starts (`.ci/setup test` installs it)");
        let balancer = Balancer {
            address,
            folder,
            process,
        };
        balancer.until_up(servers.len()).await;
        balancer
    }

    /// Waits until so many servers are sent calls.
    pub(crate) async fn until_up(&self, servers: usize) {
        for _ in 0..1_200 {
            if self.up().await == Some(servers) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let log = std::fs::read_to_string(self.folder.path().join("log"));
        panic!("{:?} of {servers} are up: {log:?}", self.up().await);
    }

    async fn up(&self) -> Option<usize> {
        let socket = self.folder.path().join("admin");
        let mut socket = UnixStream::connect(socket).await.ok()?;
        socket.write_all(b"show stat\n").await.ok()?;
        let mut said = String::new();
        socket.read_to_string(&mut said).await.ok()?;
        let of_servers = said
            .lines()
            .filter(|line| line.starts_with("servers,iron-"));
        Some(of_servers.filter(|line| line.contains(",UP,")).count())
    }
}

impl Drop for Balancer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// What the guide says, with the addresses of this test.
fn configuration(folder: &TempDir, address: &str, servers: &[Server]) -> String {
    let guide = std::fs::read_to_string(GUIDE).expect("the guide");
    let (_, rest) = guide.split_once("```haproxy\n").expect("a configuration");
    let (shown, _) = rest.split_once("```").expect("its end");
    let socket = folder.path().join("admin");
    let mut lines = vec![
        "global".to_owned(),
        format!("    stats socket {}", socket.display()),
    ];
    let mut next = servers.iter();
    for line in shown.lines() {
        let mut words = line.split_whitespace();
        lines.push(match (words.next(), words.next(), words.next()) {
            (Some("bind"), ..) => format!("    bind {address}"),
            (Some("server"), Some(name), Some(shown)) => match next.next() {
                Some(server) => {
                    assert!(name.starts_with("iron-"), "{line}");
                    line.replace(shown, &server.address)
                }
                None => continue,
            },
            _ => line.to_owned(),
        });
    }
    assert!(next.next().is_none(), "the guide shows fewer servers");
    lines.push(String::new());
    lines.join("\n")
}
