//! The data folder: one process at a time, one identity for ever.
//!
//! ```text
//! master.key   what everything is sealed under (0600)
//! instance     the id of this folder's instance
//! lock         held by the process that serves
//! up.lock      held by an `iron up` that makes the demo
//! server.json  where that process listens
//! iron.db      the embedded database, where no other is named
//! journal/     records and money, sealed
//! ```

use std::fs::{self, File};
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use iron_primitives::{Environment, InstanceId};
use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};

use crate::keychain::write_private;

/// A data folder that this process may read.
#[derive(Debug, Clone)]
pub(crate) struct Folder {
    path: PathBuf,
}

/// The right to serve from a folder, for as long as it is kept.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
    note: PathBuf,
}

impl Drop for Lock {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.note);
    }
}

/// Which process serves from a folder, and where.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Running {
    /// Its process id.
    pub(crate) process: u32,
    /// Where it listens.
    pub(crate) listen: SocketAddr,
}

impl Running {
    /// The base URL for clients on this machine.
    pub(crate) fn url(&self) -> String {
        let mut address = self.listen;
        if address.ip().is_unspecified() {
            address.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
        }
        format!("http://{address}")
    }
}

impl Folder {
    /// The folder at a path, whether it exists or not.
    pub(crate) const fn at(path: PathBuf) -> Self {
        Folder { path }
    }

    /// Makes the folder, readable by nobody else, and takes the right to serve from it.
    pub(crate) fn lock(&self) -> Result<Lock> {
        let file = self.lockable("lock")?;
        if flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
            bail!(
                "another server is in use of the data folder `{}`, stop it or choose another",
                self.path.display()
            );
        }
        let note = self.note();
        let _ = fs::remove_file(&note);
        Ok(Lock { _file: file, note })
    }

    /// Takes the right to make a demo in this folder, for as long as the file is kept. Whoever
    /// comes second says so and waits.
    pub(crate) fn lock_demo(&self, wait: impl FnOnce()) -> Result<File> {
        let file = self.lockable("up.lock")?;
        if flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
            wait();
            flock(&file, FlockOperation::LockExclusive).context("cannot wait for the other")?;
        }
        Ok(file)
    }

    /// A file to be locked, in the folder, which is made if it is not there.
    fn lockable(&self, name: &str) -> Result<File> {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.path)
            .with_context(|| format!("cannot make the data folder `{}`", self.path.display()))?;
        let opened = File::options()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(self.path.join(name));
        opened.with_context(|| format!("cannot write to the data folder `{}`", self.path.display()))
    }

    /// The instance of this folder; drawn when it is first asked for.
    pub(crate) fn instance(&self, environment: &Environment) -> Result<InstanceId> {
        let path = self.path.join("instance");
        match fs::read_to_string(&path) {
            Ok(text) => text
                .trim()
                .parse()
                .with_context(|| format!("`{}` does not hold an instance id", path.display())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let id: InstanceId = environment.new_id();
                write(&path, &format!("{id}\n"))?;
                Ok(id)
            }
            Err(error) => Err(error).with_context(|| format!("cannot read `{}`", path.display())),
        }
    }

    /// The instance, if the folder has served before.
    pub(crate) fn known_instance(&self) -> Option<InstanceId> {
        fs::read_to_string(self.path.join("instance"))
            .ok()?
            .trim()
            .parse()
            .ok()
    }

    /// The file of the master key.
    pub(crate) fn master_key(&self) -> PathBuf {
        self.path.join("master.key")
    }

    /// The file of the embedded database.
    pub(crate) fn database(&self) -> PathBuf {
        self.path.join("iron.db")
    }

    /// The folder of the journal.
    pub(crate) fn journal(&self) -> PathBuf {
        self.path.join("journal")
    }

    /// The log of a server in the background.
    pub(crate) fn log(&self) -> PathBuf {
        self.path.join("server.log")
    }

    /// What `iron up` remembers of its demo.
    pub(crate) fn demo(&self) -> PathBuf {
        self.path.join("demo.json")
    }

    /// The folder itself.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    fn note(&self) -> PathBuf {
        self.path.join("server.json")
    }

    /// Tells other processes where this one listens.
    pub(crate) fn announce(&self, listen: SocketAddr) -> Result<()> {
        let running = Running {
            process: std::process::id(),
            listen,
        };
        write(&self.note(), &serde_json::to_string(&running)?)
    }

    /// The process that serves from this folder now, if there is one.
    pub(crate) fn running(&self) -> Option<Running> {
        let file = File::open(self.path.join("lock")).ok()?;
        // Whoever serves holds the lock: if it can be had, nobody does.
        flock(&file, FlockOperation::NonBlockingLockShared).err()?;
        serde_json::from_str(&fs::read_to_string(self.note()).ok()?).ok()
    }
}

fn write(path: &Path, text: &str) -> Result<()> {
    write_private(path, text).map_err(|failure| anyhow::anyhow!("{}: {failure}", path.display()))
}

/// Names this boot of the machine.
pub(crate) fn boot_id() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id")
        .map(|text| text.trim().to_owned())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use iron_testkit::TestEnvironment;

    use super::*;

    #[test]
    fn a_folder_serves_one_process_and_says_which() {
        let temporary = tempfile::tempdir().unwrap();
        let folder = Folder::at(temporary.path().join("data"));
        assert!(folder.running().is_none());
        let lock = folder.lock().unwrap();
        folder.announce("0.0.0.0:4766".parse().unwrap()).unwrap();
        let refused = folder.lock().unwrap_err().to_string();
        assert!(refused.contains("another server is in use"), "{refused}");
        assert_eq!(folder.running().unwrap().url(), "http://127.0.0.1:4766");
        drop(lock);
        assert!(folder.running().is_none());
        assert!(folder.lock().is_ok());
    }

    #[test]
    fn an_instance_is_drawn_once() {
        let temporary = tempfile::tempdir().unwrap();
        let folder = Folder::at(temporary.path().to_owned());
        let world = TestEnvironment::new();
        assert_eq!(folder.known_instance(), None);
        let first = folder.instance(&world.environment).unwrap();
        assert_eq!(folder.instance(&world.environment).unwrap(), first);
        assert_eq!(folder.known_instance(), Some(first));
    }
}
