//! The disk of a node: it takes what is written when the simulation lets it, and forgets the rest
//! when the power goes.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use iron_journal::{Fsync, Journal, Position};

use crate::dice::Dice;

/// Shut, and nothing reaches the disk.
#[derive(Default)]
pub(super) struct Gate {
    state: Mutex<State>,
    opened: Condvar,
}

#[derive(Default)]
struct State {
    stalled: bool,
    /// How often the power has gone.
    cuts: u64,
}

impl Gate {
    pub(super) fn stall(&self, stalled: bool) {
        self.state.lock().expect("unpoisoned").stalled = stalled;
        self.opened.notify_all();
    }

    pub(super) fn is_stalled(&self) -> bool {
        self.state.lock().expect("unpoisoned").stalled
    }

    /// Nothing of what a journal has written until now reaches the disk any more, and it is told so:
    /// a checkpoint that it signed now would vouch for what is lost.
    pub(super) fn cut_power(&self) {
        self.state.lock().expect("unpoisoned").cuts += 1;
        self.stall(false);
    }

    /// What a journal calls in place of `fsync`. The bytes stand in the page cache, which survives
    /// everything but [`Gate::cut_power`].
    pub(super) fn fsync(self: &Arc<Self>) -> Fsync {
        let gate = self.clone();
        let cuts = gate.state.lock().expect("unpoisoned").cuts;
        Fsync::simulated(move |_| {
            let state = gate.state.lock().expect("unpoisoned");
            let open = gate.opened.wait_while(state, |state| state.stalled);
            match open.expect("unpoisoned").cuts == cuts {
                true => Ok(()),
                false => Err(std::io::Error::other("the power is gone")),
            }
        })
    }
}

/// Waits until the disk has what was written; simulated time stands still meanwhile.
pub(super) fn settle(journal: &Journal) {
    while journal.durable_position() < journal.position() {
        std::thread::sleep(Duration::from_micros(20));
    }
}

/// The bytes that a power cut takes from a journal.
pub(super) struct Lost {
    folder: PathBuf,
    from: Position,
}

impl Lost {
    /// Some place behind all that was confirmed. To be asked while the journal still runs.
    pub(super) fn of(journal: &Journal, folder: &Path, dice: &mut Dice) -> Lost {
        let (durable, end) = (journal.durable_position(), journal.position());
        assert_eq!(durable.ordinal(), end.ordinal(), "one segment is enough");
        let unconfirmed = u64::from(end.offset() - durable.offset());
        Lost {
            folder: folder.to_owned(),
            from: Position::from_u64(durable.to_u64() + dice.roll(unconfirmed + 1)),
        }
    }

    /// Whether what ends at this place is left.
    pub(super) fn spares(&self, position: Position) -> bool {
        position <= self.from
    }

    /// Takes them, after the process has gone: they read as zeros or as anything.
    pub(super) fn take(self, dice: &mut Dice) {
        let entries = std::fs::read_dir(&self.folder).expect("the folder is there");
        let newest = entries
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.extension().is_some_and(|word| word == "segment"))
            .max()
            .expect("a segment");
        let file = File::options().write(true).open(newest).expect("opens");
        let length = file.metadata().expect("has a size").len();
        let from = u64::from(self.from.offset());
        let rest = usize::try_from(length.saturating_sub(from)).expect("fits");
        let mut bytes = vec![0; rest];
        if dice.roll(2) == 0 {
            bytes
                .iter_mut()
                .take(64)
                .for_each(|byte| *byte = dice.roll(256) as u8);
        }
        file.write_all_at(&bytes, from).expect("is written");
    }
}
