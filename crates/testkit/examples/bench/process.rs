//! Child processes on a core of their own, and what the kernel says of them.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Which core a process is pinned to.
#[derive(Clone, Copy)]
pub(crate) enum Core {
    Gateway,
    Load,
}

impl Core {
    pub(crate) fn list(self) -> &'static str {
        match self {
            Core::Gateway => "0",
            Core::Load => "1",
        }
    }
}

/// A child that is ended when it is dropped.
pub(crate) struct Process {
    child: Child,
    address: String,
}

/// Pins this process to a core.
pub(crate) fn pin_self(core: Core) {
    let pid = std::process::id().to_string();
    let done = Command::new("taskset")
        .args(["-a", "-p", "-c", core.list(), &pid])
        .stdout(Stdio::null())
        .status();
    if !done.is_ok_and(|status| status.success()) {
        eprintln!("taskset is missing or refused: the cores are shared");
    }
}

impl Process {
    /// Starts this program in another role and reads the address it prints.
    pub(crate) fn role(role: &str, core: Core, arguments: &[&str]) -> Process {
        let program = std::env::current_exe().expect("a path");
        let mut command = Command::new("taskset");
        command.args(["-c", core.list()]).arg(program).arg(role);
        command
            .args(["--listen", "127.0.0.1:0"])
            .args(arguments)
            .stdout(Stdio::piped());
        let mut child = command.spawn().expect("the role starts");
        let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let address = lines.next().expect("an address").expect("readable");
        Process { child, address }
    }

    /// Takes over a child that listens at this address.
    pub(crate) fn adopt(child: Child, address: String) -> Process {
        Process { child, address }
    }

    /// Asks the child to end and waits until it has.
    pub(crate) fn end(&mut self) {
        let pid = self.child.id().to_string();
        let asked = Command::new("kill").args(["-TERM", &pid]).status();
        assert!(
            asked.is_ok_and(|status| status.success()),
            "the child could not be asked to end"
        );
        self.child.wait().expect("it can be waited for");
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn address(&self) -> String {
        self.address.clone()
    }

    /// User and system time used so far. The kernel counts it in ticks of 10 ms.
    pub(crate) fn cpu(&self) -> Duration {
        let pid = self.child.id();
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("readable");
        let fields: Vec<u64> = stat
            .rsplit(')')
            .next()
            .unwrap()
            .split_whitespace()
            .map(|field| field.parse().unwrap_or(0))
            .collect();
        Duration::from_millis((fields[11] + fields[12]) * 10)
    }

    /// Resident memory now and at its highest, in KiB.
    pub(crate) fn memory_kib(&self) -> (u64, u64) {
        let pid = self.child.id();
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("readable");
        let read = |name: &str| {
            let line = status
                .lines()
                .find(|line| line.starts_with(name))
                .unwrap_or_default();
            line.split_whitespace()
                .nth(1)
                .and_then(|kib| kib.parse().ok())
                .unwrap_or(0)
        };
        (read("VmRSS:"), read("VmHWM:"))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
