//! A real Redis that belongs to one test.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

/// A Redis on a port and a folder of its own; it ends with the test.
#[derive(Debug)]
pub struct RedisServer {
    address: SocketAddr,
    folder: TempDir,
    process: Child,
}

impl RedisServer {
    /// Starts one and waits until it answers.
    ///
    /// # Errors
    /// If there is no `redis-server` on this machine (`.ci/setup test` installs it), or it does
    /// not come up.
    pub fn start() -> std::io::Result<Self> {
        let folder = tempfile::tempdir()?;
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let process = spawn(address, &folder)?;
        let server = RedisServer {
            address,
            folder,
            process,
        };
        server.wait()?;
        Ok(server)
    }

    /// Where it is.
    pub fn url(&self) -> String {
        format!("redis://{}/0", self.address)
    }

    /// Ends it as a crash would.
    ///
    /// # Errors
    /// If it cannot be ended.
    pub fn kill(&mut self) -> std::io::Result<()> {
        self.process.kill()?;
        self.process.wait().map(drop)
    }

    /// Starts it again, empty, on the same port.
    ///
    /// # Errors
    /// If it does not come up.
    pub fn restart(&mut self) -> std::io::Result<()> {
        self.process = spawn(self.address, &self.folder)?;
        self.wait()
    }

    /// Says a command to it and gives the first bytes of what it answers.
    ///
    /// # Errors
    /// If it cannot be reached.
    pub fn say(&self, command: &str) -> std::io::Result<String> {
        let mut stream = TcpStream::connect_timeout(&self.address, Duration::from_secs(1))?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        stream.write_all(format!("{command}\r\n").as_bytes())?;
        let mut answer = [0; 1024];
        let read = stream.read(&mut answer)?;
        let answer = answer.get(..read).unwrap_or_default();
        Ok(String::from_utf8_lossy(answer).trim_end().to_owned())
    }

    fn wait(&self) -> std::io::Result<()> {
        for _ in 0..600 {
            if self.say("PING").is_ok_and(|answer| answer == "+PONG") {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Err(std::io::ErrorKind::TimedOut.into())
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        let _ = self.kill();
    }
}

fn spawn(address: SocketAddr, folder: &TempDir) -> std::io::Result<Child> {
    let port = address.port().to_string();
    Command::new("redis-server")
        .args(["--bind", "127.0.0.1", "--port", &port])
        .args(["--save", "", "--appendonly", "no"])
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
}
