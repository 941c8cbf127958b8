//! What the tests share: a folder, keys, and journals in it.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use iron_journal::{Journal, JournalKeys, Options, Recovered, canonical};
use iron_primitives::{Environment, Id, InstanceId, TenantId};
use iron_testkit::{ManualClock, SeededEntropy};
use tempfile::TempDir;

/// A folder with the keys of the instance it belongs to.
pub(crate) struct Place {
    pub(crate) folder: TempDir,
    pub(crate) options: Options,
    pub(crate) environment: Environment,
}

pub(crate) fn keys() -> JournalKeys {
    JournalKeys::new([1; 32], [2; 32], [3; 32])
}

pub(crate) fn instance() -> InstanceId {
    InstanceId::from_uuid(uuid::Uuid::from_u128(7))
}

pub(crate) fn tenant(number: u128) -> TenantId {
    TenantId::from_uuid(uuid::Uuid::from_u128(number))
}

pub(crate) fn environment(seed: u64) -> Environment {
    Environment::new(
        Arc::new(ManualClock::default()),
        Arc::new(SeededEntropy::new(seed)),
    )
}

pub(crate) fn body(number: u64) -> canonical::Object {
    canonical::to_vec(&serde_json::json!({ "number": number, "what": "call" })).expect("canonical")
}

impl Place {
    pub(crate) fn new() -> Place {
        let mut options = Options::new(instance(), 1, keys());
        // Checkpoints come when the test asks for them.
        options.checkpoint_interval = Duration::from_secs(3600);
        // Memory where there is such a folder: no test here asks what the disk itself does.
        let memory = Path::new("/dev/shm");
        let folder = if memory.is_dir() {
            tempfile::tempdir_in(memory)
        } else {
            tempfile::tempdir()
        };
        let folder = folder.expect("a folder");
        Place {
            folder,
            options,
            environment: environment(1),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Waits, where the present segment is half full, until the next one is there: it is made
    /// beside the writing, and on a busy machine a test would be done before.
    pub(crate) async fn next_segment(&self, journal: &Journal) {
        let end = journal.position().to_u64();
        let (ordinal, offset) = (end >> 32, end & u64::from(u32::MAX));
        if offset <= u64::from(self.options.segment_bytes / 2) {
            return;
        }
        let next = self.path().join(format!("{:010}.segment", ordinal + 1));
        for _ in 0..10_000 {
            if next.exists() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    pub(crate) fn open(&self) -> (Journal, Recovered) {
        self.try_open().expect("the journal opens")
    }

    pub(crate) fn try_open(&self) -> Result<(Journal, Recovered), iron_journal::Error> {
        Journal::open(self.path(), self.options.clone(), self.environment.clone())
    }
}
