//! Signed checkpoints: what the journal vouches for, so that others need not trust it.
//!
//! A checkpoint names the heads of the chains that have moved since the one before it (every
//! hundredth, and the first of each incarnation, names all), and the root of a Merkle tree over
//! all heads, sorted by tenant, as RFC 6962 builds it. It is numbered without gaps, carries the
//! hash of the checkpoint before it, and is signed with Ed25519. One line of the file
//! `checkpoints`:
//!
//! ```json
//! {"body":{…},"key":"<public key>","signature":"<over "iron-cage checkpoint v1\n" and the body's bytes>"}
//! ```

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use iron_primitives::{InstanceId, TenantId};
use serde::{Deserialize, Serialize};

use crate::archive::RECORDS_FOLDER;
use crate::error::At;
use crate::keys::Signer;
use crate::signed::{self, SignedLine};
use crate::{Error, Hash, Head, Position, PublicKey, canonical, segment};

/// What kind of statement is signed.
const CONTEXT: &[u8] = b"iron-cage checkpoint v1\n";
/// Each so many checkpoints names all heads.
pub(crate) const FULL_EVERY: u64 = 100;
/// The name of the file next to the segments.
pub const FILE_NAME: &str = "checkpoints";

/// The head of one tenant's chain, as a checkpoint names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TenantHead {
    /// Whose chain.
    pub tenant: TenantId,
    /// Its last record.
    #[serde(flatten)]
    pub head: Head,
}

/// What a checkpoint says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Statement {
    /// When it was made, in microseconds since 1970.
    pub at_micros: i64,
    /// Whether the incarnation ends here: it has no record beyond these heads.
    pub closes: bool,
    /// Whether `heads` names all chains, or only those that moved.
    pub full: bool,
    /// The heads, sorted by tenant.
    pub heads: Vec<TenantHead>,
    /// The incarnation that made it.
    pub incarnation: u64,
    /// The instance that made it.
    pub instance: InstanceId,
    /// Its number, counted from one over all incarnations.
    pub number: u64,
    /// All records up to here are covered.
    pub position: Position,
    /// The hash of the checkpoint before it, zero for the first.
    pub previous: Hash,
    /// The root of the tree over all heads.
    pub root: Hash,
    /// How many leaves the tree has.
    pub tree_size: u64,
    /// The version of this form.
    pub version: u32,
}

/// A statement with its signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// What it says.
    pub statement: Statement,
    /// The SHA-256 of the statement's canonical bytes.
    pub hash: Hash,
    /// The key it says it was signed with.
    pub key: PublicKey,
    line: Vec<u8>,
}

/// The bytes are not a checkpoint, or its signature is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a signed checkpoint of this instance")]
pub struct NotACheckpoint;

impl Checkpoint {
    /// Signs a statement.
    pub(crate) fn sign(
        statement: Statement,
        signer: &Signer,
    ) -> Result<Checkpoint, NotACheckpoint> {
        let body = canonical::to_vec(&statement).map_err(|_| NotACheckpoint)?;
        let line = signed::sign(CONTEXT, &body, signer).map_err(|_| NotACheckpoint)?;
        Ok(Checkpoint {
            statement,
            hash: Hash::of(&body),
            key: signer.public(),
            line,
        })
    }

    /// Reads a line and checks its signature against the key it names. Whether that key is to be
    /// trusted is for the caller to say.
    pub fn parse(line: &[u8]) -> Result<Checkpoint, NotACheckpoint> {
        let signed = SignedLine::read(line).ok_or(NotACheckpoint)?;
        if !signed.is_signed(CONTEXT) {
            return Err(NotACheckpoint);
        }
        Ok(Checkpoint {
            statement: serde_json::from_slice(signed.body()).map_err(|_| NotACheckpoint)?,
            hash: Hash::of(signed.body()),
            key: signed.key,
            line: line.to_vec(),
        })
    }

    /// The line of the `checkpoints` file, without its end.
    pub fn line(&self) -> &[u8] {
        &self.line
    }
}

/// The root of the tree over these heads.
pub(crate) fn root(heads: &BTreeMap<TenantId, Head>) -> Hash {
    let leaves: Vec<Hash> = heads
        .iter()
        .map(|(tenant, head)| {
            let leaf = format!(
                r#"{{"hash":"{}","incarnation":{},"sequence":{},"tenant":"{tenant}"}}"#,
                head.hash, head.incarnation, head.sequence,
            );
            Hash::of_parts(&[&[0], leaf.as_bytes()])
        })
        .collect();
    subtree(&leaves)
}

fn subtree(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => Hash::of(&[]),
        [leaf] => *leaf,
        _ => {
            // The left side is the largest power of two below the number of leaves.
            let left = leaves.len().next_power_of_two() / 2;
            let (left, right) = leaves.split_at(left);
            let (left, right) = (subtree(left), subtree(right));
            Hash::of_parts(&[&[1], left.as_bytes(), right.as_bytes()])
        }
    }
}

/// The state that a row of checkpoints leads to.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ledger {
    /// The number of the last checkpoint, zero if there is none.
    pub(crate) number: u64,
    /// Its hash.
    pub(crate) hash: Option<Hash>,
    /// All heads it covers, each with the checkpoint that named it last.
    pub(crate) heads: BTreeMap<TenantId, Head>,
    /// The highest incarnation seen.
    pub(crate) incarnation: u64,
    /// All records before are covered.
    pub(crate) position: Position,
}

impl Ledger {
    pub(crate) fn apply(&mut self, checkpoint: &Checkpoint) {
        let statement = &checkpoint.statement;
        if statement.full {
            self.heads.clear();
        }
        for TenantHead { tenant, head } in &statement.heads {
            self.heads.insert(*tenant, *head);
        }
        self.number = statement.number;
        self.hash = Some(checkpoint.hash);
        self.incarnation = self.incarnation.max(statement.incarnation);
        self.position = statement.position;
    }
}

/// The file `checkpoints` of a journal that is being written.
pub(crate) struct CheckpointFile {
    path: PathBuf,
    file: File,
    bytes: u64,
}

/// The files that hold older checkpoints, in order.
pub(crate) fn archived(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let records = folder.join(RECORDS_FOLDER);
    let entries = match std::fs::read_dir(&records) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error).at("list", &records),
    };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.at("list", &records)?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        if name.is_some_and(|name| name.starts_with(ARCHIVED_PREFIX)) {
            files.push(path);
        }
    }
    files.sort_unstable();
    Ok(files)
}

/// Begins the name of a file of older checkpoints; the number of its last one follows.
const ARCHIVED_PREFIX: &str = "checkpoints-";

impl CheckpointFile {
    /// Opens the file and reads as much of its end as is needed to know all heads.
    ///
    /// An incomplete last line is a torn write: it is cut off. Any other line must be a
    /// checkpoint signed with `key`.
    pub(crate) fn open(folder: &Path, key: &PublicKey) -> Result<(CheckpointFile, Ledger), Error> {
        let path = folder.join(FILE_NAME);
        let mut file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .mode(0o600)
            .open(&path)
            .at("open", &path)?;
        let metadata = file.metadata().at("read", &path)?;
        let length = metadata.len();
        for archived in archived(folder)? {
            // It was to be archived when the end came: it goes on to be written.
            if std::fs::metadata(&archived).at("read", &archived)?.ino() == metadata.ino() {
                std::fs::remove_file(&archived).at("remove", &archived)?;
            }
        }
        let mut tail_bytes: u64 = 1 << 20;
        loop {
            let from = length.saturating_sub(tail_bytes);
            let mut tail = Vec::new();
            file.seek(SeekFrom::Start(from)).at("read", &path)?;
            file.read_to_end(&mut tail).at("read", &path)?;
            if let Some((ledger, complete)) = read_tail(&tail, from == 0, key)? {
                let end = from + complete as u64;
                if end < length {
                    file.set_len(end).at("cut", &path)?;
                    file.sync_all().at("sync", &path)?;
                }
                let bytes = end;
                return Ok((CheckpointFile { path, file, bytes }, ledger));
            }
            tail_bytes = tail_bytes.saturating_mul(8);
        }
    }

    /// Appends a checkpoint and makes it durable.
    pub(crate) fn append(&mut self, checkpoint: &Checkpoint) -> Result<(), Error> {
        let line = [checkpoint.line(), b"\n"].concat();
        self.file.write_all(&line).at("write", &self.path)?;
        self.bytes = self.bytes.saturating_add(line.len() as u64);
        self.file.sync_data().at("sync", &self.path)
    }

    /// Reserves room for so many more bytes.
    pub(crate) fn reserve(&self, bytes: u64) -> std::io::Result<()> {
        segment::reserve(&self.file, self.bytes, bytes)
    }

    /// How large the file is.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Puts the file among the archived ones and begins a new one with a checkpoint that names
    /// all heads. At every moment a file stands in the place; a crash in between leaves the old
    /// one there, under two names. If there is no room for a new file, the old one goes on.
    pub(crate) fn turn(&mut self, last: u64, first: &Checkpoint) -> Result<(), Error> {
        let folder = self.path.parent().unwrap_or(Path::new(".")).to_owned();
        let archived = folder
            .join(RECORDS_FOLDER)
            .join(format!("{ARCHIVED_PREFIX}{last:020}"));
        let unfinished = folder.join(format!("{FILE_NAME}.unfinished"));
        let line = [first.line(), b"\n"].concat();
        match self.replace(&line, &unfinished, &archived) {
            Ok(file) => {
                self.file = file;
                self.bytes = line.len() as u64;
                segment::sync_folder(&folder)
            }
            Err(error) => {
                tracing::warn!(%error, "no new file of checkpoints could be begun");
                // What cannot be removed now is removed when the journal is opened next.
                let _ = std::fs::remove_file(&unfinished);
                let inode =
                    |path: &Path| std::fs::metadata(path).map(|metadata| metadata.ino()).ok();
                if inode(&archived) == inode(&self.path) {
                    let _ = std::fs::remove_file(&archived);
                }
                self.append(first)
            }
        }
    }

    /// Puts a new file with one line in the place of the present one, which keeps another name.
    fn replace(&self, line: &[u8], unfinished: &Path, archived: &Path) -> Result<File, Error> {
        let records = archived.parent().unwrap_or(Path::new("."));
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(records)
            .at("create", records)?;
        std::fs::remove_file(unfinished).or_else(|error| match error.kind() {
            std::io::ErrorKind::NotFound => Ok(()),
            _ => Err(error).at("remove", unfinished),
        })?;
        let mut file = OpenOptions::new()
            .read(true)
            .append(true)
            .create_new(true)
            .mode(0o600)
            .open(unfinished)
            .at("create", unfinished)?;
        file.write_all(line).at("write", unfinished)?;
        file.sync_all().at("sync", unfinished)?;
        std::fs::hard_link(&self.path, archived).at("link", archived)?;
        segment::sync_folder(records)?;
        std::fs::rename(unfinished, &self.path).at("rename", unfinished)?;
        Ok(file)
    }
}

/// Reads the lines of a tail. `None` if the tail does not hold a full checkpoint, so that more is
/// needed; else the state and the number of bytes that are complete lines.
fn read_tail(tail: &[u8], whole: bool, key: &PublicKey) -> Result<Option<(Ledger, usize)>, Error> {
    let complete = tail
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |at| at + 1);
    let lines = tail.get(..complete).unwrap_or_default();
    // The first line of a partial tail is itself partial.
    let skip = if whole {
        0
    } else {
        lines
            .iter()
            .position(|b| *b == b'\n')
            .map_or(0, |at| at + 1)
    };
    let lines = lines.get(skip..).unwrap_or_default();
    let mut ledger = Ledger::default();
    let mut begun = whole;
    for (index, line) in lines.split(|byte| *byte == b'\n').enumerate() {
        if line.is_empty() {
            continue;
        }
        let checkpoint = Checkpoint::parse(line)
            .ok()
            .filter(|checkpoint| checkpoint.key == *key);
        let checkpoint = checkpoint.ok_or(Error::BadCheckpoint { line: index + 1 })?;
        begun |= checkpoint.statement.full;
        if begun {
            ledger.apply(&checkpoint);
        }
    }
    Ok(begun.then_some((ledger, complete)))
}
