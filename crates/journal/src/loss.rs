//! Acknowledged losses: what was damaged and is given up, so that the rest can go on.
//!
//! A journal with damage does not open, since nobody can say what is missing. An operator may
//! decide that it is lost ([`Journal::repair`](crate::Journal::repair)): then the place of the
//! damage and the records of every chain on both sides of it are signed and kept in the file
//! `losses`, one line each, in the form of a checkpoint's line. Reading skips such a place, a
//! check tells as a loss exactly the gap from that record to the first one behind it, which is
//! signed, too; any other gap stays a removal.
//!
//! Giving up touches no byte of a segment. The bytes stay where they are until the segment is
//! retired: then only the records that can be read are archived, and its file goes.

use std::io;
use std::path::Path;
use std::sync::Arc;

use iron_primitives::{InstanceId, TenantId};
use serde::{Deserialize, Serialize};

use crate::checkpoint::TenantHead;
use crate::error::At;
use crate::keys::Signer;
use crate::signed::{self, SignedLine};
use crate::{Error, Head, Position, PublicKey, canonical};

/// What kind of statement is signed.
const CONTEXT: &[u8] = b"iron-cage loss v1\n";
/// The name of the file next to the segments.
pub const FILE_NAME: &str = "losses";

/// What was given up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loss {
    /// When it was acknowledged, in microseconds since 1970.
    pub at_micros: i64,
    /// What was wrong there.
    pub damage: String,
    /// Where the damage begins.
    pub from: Position,
    /// The last known record of each chain before it, sorted by tenant.
    pub heads: Vec<TenantHead>,
    /// Whose journal it is.
    pub instance: InstanceId,
    /// The first record of each chain that can be read behind it, sorted by tenant. A chain that
    /// is not named had none when this was signed.
    #[serde(default)]
    pub next: Vec<TenantHead>,
    /// Where the journal can be read again.
    pub to: Position,
    /// The version of this form.
    pub version: u32,
}

impl Loss {
    /// Reads a line, if it is signed with this key.
    pub(crate) fn signed(line: &[u8], key: &PublicKey) -> Option<Loss> {
        let line = SignedLine::read(line)?;
        let is_true = line.key == *key && line.is_signed(CONTEXT);
        is_true
            .then(|| serde_json::from_slice(line.body()).ok())
            .flatten()
    }

    /// The last record of a chain before the place, none if it had none.
    pub(crate) fn head_of(&self, tenant: TenantId) -> Option<&Head> {
        named(&self.heads, tenant)
    }

    /// The first record of a chain behind the place, none if it had none.
    pub(crate) fn next_of(&self, tenant: TenantId) -> Option<&Head> {
        named(&self.next, tenant)
    }

    /// Whether a record that ends here was given up.
    pub(crate) fn hides(&self, end: Position) -> bool {
        self.from < end && end <= self.to
    }

    /// Signs the loss and makes it durable. A line that was torn by the end of a process is cut
    /// off before: what it was to say was never acted upon.
    pub(crate) fn append(&self, folder: &Path, signer: &Signer) -> Result<(), Error> {
        let path = folder.join(FILE_NAME);
        let body = canonical::to_vec(self).map_err(io::Error::other);
        let body = body.at("sign a line of", &path)?;
        signed::append(&path, CONTEXT, &body, signer)?;
        crate::segment::sync_folder(folder)
    }
}

fn named(heads: &[TenantHead], tenant: TenantId) -> Option<&Head> {
    let named = heads.iter().find(|named| named.tenant == tenant);
    named.map(|named| &named.head)
}

/// The lines of the file in a folder; none if nothing was ever lost.
pub(crate) fn lines(folder: &Path) -> Result<Vec<Vec<u8>>, Error> {
    signed::lines(&folder.join(FILE_NAME))
}

/// The places that reading skips.
#[derive(Debug, Clone, Default)]
pub(crate) struct Holes(Arc<[(Position, Position)]>);

impl Holes {
    /// What this instance has given up. A journal with a line that the instance did not sign is
    /// not read: whoever wrote it may hide with it what was removed.
    pub(crate) fn signed(
        folder: &Path,
        key: &PublicKey,
        instance: InstanceId,
    ) -> Result<Holes, Error> {
        let mut holes = Vec::new();
        for (index, line) in lines(folder)?.iter().enumerate() {
            let loss = Loss::signed(line, key).filter(|loss| loss.instance == instance);
            let loss = loss.ok_or(Error::BadLoss { line: index + 1 })?;
            holes.push((loss.from, loss.to));
        }
        Ok(Holes(holes.into()))
    }

    /// What is said to be given up, by whomever: enough for a check, which reads the signatures
    /// itself and finds what is missing.
    pub(crate) fn claimed(folder: &Path) -> Result<Holes, Error> {
        let mut holes = Vec::new();
        for line in lines(folder)? {
            let line = SignedLine::read(&line);
            let loss = line.and_then(|line| serde_json::from_slice::<Loss>(line.body()).ok());
            holes.extend(loss.map(|loss| (loss.from, loss.to)));
        }
        Ok(Holes(holes.into()))
    }

    /// Whether the begin of a segment, and so all of it, was given up.
    pub(crate) fn take(&self, ordinal: u32) -> bool {
        self.end_of(Position::at(ordinal, 0)).is_some()
    }

    /// The number of the last segment that a hole reaches to, zero if there is no hole.
    pub(crate) fn reach(&self) -> u32 {
        let reached = self.0.iter().map(|(_, to)| to.ordinal());
        reached.max().unwrap_or(0)
    }

    /// Where reading goes on behind a damage at this place.
    pub(crate) fn end_of(&self, at: Position) -> Option<Position> {
        let holes = self.0.iter().filter(|(from, to)| *from <= at && at < *to);
        holes.map(|(_, to)| *to).max()
    }

    /// Whether the frame that ends here was given up.
    pub(crate) fn hide(&self, end: Position) -> bool {
        self.0.iter().any(|(from, to)| *from < end && end <= *to)
    }

    /// Whether a hole begins between two places.
    pub(crate) fn any_between(&self, from: Position, to: Position) -> bool {
        self.0
            .iter()
            .any(|(begin, _)| from <= *begin && *begin < to)
    }

    /// Whether a hole reaches behind this place.
    pub(crate) fn any_behind(&self, place: Position) -> bool {
        self.0.iter().any(|(_, to)| *to > place)
    }

    /// Whether a hole takes the end of this segment.
    pub(crate) fn takes_end_of(&self, ordinal: u32) -> bool {
        let mut holes = self.0.iter();
        holes.any(|(from, to)| from.ordinal() <= ordinal && to.ordinal() > ordinal)
    }
}
