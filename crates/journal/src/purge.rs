//! Purges: what was old enough to go, and a signed tombstone in its place.
//!
//! Only whole archived segments go, the oldest first, and only those that a signed checkpoint from
//! before the limit covers: its time proves that nothing in them is younger. Before a file goes it
//! is handed to an archive, which must have answered. Then the **tombstone** is signed and made
//! durable, one line of the file `purges`: which segments, how many records, the last record of
//! each chain that is gone (so that the first one that is kept still links to something), a hash
//! over the files, why, by whom. Then the files go. A crash in between leaves files that a tombstone
//! covers already; nobody reads them any more, and the next purge removes them.
//!
//! Tombstones are numbered by a chain of their own: each names the hash of the one before, and its
//! heads are those of everything that is gone, not of its own segments alone. So the newest one is
//! all that a check starts from, and an older one put in its place leaves a gap that nobody signed.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{Context, SHA256};
use iron_primitives::{InstanceId, TenantId};
use serde::{Deserialize, Serialize};

use crate::archive::RECORDS_FOLDER;
use crate::checkpoint::{Checkpoint, TenantHead};
use crate::error::At;
use crate::journal::Journal;
use crate::loss::{self, Loss};
use crate::signed::{self, SignedLine};
use crate::verify::Bundle;
use crate::{Damage, Error, Hash, Head, Position, PublicKey, canonical, segment};

/// What kind of statement is signed.
const CONTEXT: &[u8] = b"iron-cage purge v1\n";
/// The name of the file next to the segments.
pub const FILE_NAME: &str = "purges";

/// A tombstone: what was purged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Purge {
    /// When, in microseconds since 1970.
    pub at_micros: i64,
    /// Nothing that is gone was written at this time or later.
    pub before_micros: i64,
    /// Who had it done.
    pub by: String,
    /// The first segment that went with this purge.
    pub from: u32,
    /// The last record that is gone of each chain, by this purge or an earlier one, sorted by
    /// tenant.
    pub heads: Vec<TenantHead>,
    /// Whose journal it is.
    pub instance: InstanceId,
    /// The hash of the tombstone before it, zero for the first.
    pub previous: Hash,
    /// Why.
    pub reason: String,
    /// How many records went.
    pub records: u64,
    /// The SHA-256 over the files that went, in order.
    pub sha256: Hash,
    /// The last segment that is gone.
    pub through: u32,
    /// The version of this form.
    pub version: u32,
}

/// What may be purged.
#[derive(Debug, Clone)]
pub struct PurgeTerms {
    /// Nothing that was written at this time or later goes, in microseconds since 1970.
    pub before_micros: i64,
    /// Who has it done.
    pub by: String,
    /// Why.
    pub reason: String,
}

/// Why nothing was purged.
#[derive(Debug, thiserror::Error)]
pub enum PurgeError<E> {
    /// The journal cannot be read or written.
    #[error(transparent)]
    Journal(#[from] Error),
    /// The archive did not take a file.
    #[error("the archive did not take `{}`", .file.display())]
    Archive {
        /// The file.
        file: PathBuf,
        /// What it said.
        #[source]
        source: E,
    },
}

impl Purge {
    /// Reads a line, if it is signed with this key; with its hash.
    pub(crate) fn signed(line: &[u8], key: &PublicKey) -> Option<(Purge, Hash)> {
        let line = SignedLine::read(line)?;
        let is_true = line.key == *key && line.is_signed(CONTEXT);
        let purge = is_true.then(|| serde_json::from_slice(line.body()).ok());
        Some((purge.flatten()?, Hash::of(line.body())))
    }

    /// The last record that is gone of a chain.
    pub fn head_of(&self, tenant: TenantId) -> Option<&Head> {
        let named = self.heads.iter().find(|named| named.tenant == tenant);
        named.map(|named| &named.head)
    }

    /// Whether a record of a chain is gone.
    pub(crate) fn took(&self, tenant: TenantId, incarnation: u64, sequence: u64) -> bool {
        self.head_of(tenant)
            .is_some_and(|head| (incarnation, sequence) <= (head.incarnation, head.sequence))
    }
}

/// The lines of the file in a folder.
pub(crate) fn lines(folder: &Path) -> Result<Vec<Vec<u8>>, Error> {
    signed::lines(&folder.join(FILE_NAME))
}

/// The last segment that is said to be gone, by whomever: enough for reading, which skips what was
/// left of it. A check reads the signatures itself and finds what is missing.
pub(crate) fn claimed(folder: &Path) -> Result<Option<u32>, Error> {
    let lines = lines(folder)?;
    let claims = lines.iter().filter_map(|line| {
        let line = SignedLine::read(line)?;
        let purge = serde_json::from_slice::<Purge>(line.body()).ok()?;
        Some(purge.through)
    });
    Ok(claims.max())
}

/// All tombstones of an instance, which must follow one another.
pub(crate) fn all(
    lines: &[Vec<u8>],
    key: &PublicKey,
    instance: Option<InstanceId>,
) -> Result<Vec<Purge>, u64> {
    let (mut all, mut last) = (Vec::<Purge>::new(), Hash::ZERO);
    for (number, line) in (1_u64..).zip(lines) {
        let (purge, hash) = Purge::signed(line, key).ok_or(number)?;
        let follows = purge.previous == last
            && instance.is_none_or(|instance| instance == purge.instance)
            && all.last().is_none_or(|before| before.through < purge.from)
            && purge.from <= purge.through;
        if !follows {
            return Err(number);
        }
        last = hash;
        all.push(purge);
    }
    Ok(all)
}

impl Journal {
    /// Purges the archived segments all of whose records were written before a time, after each
    /// of their files was taken by `archive`; gives the tombstone, if anything went. Blocks.
    ///
    /// # Errors
    /// If the archive does not take a file or the journal cannot be read or written: then nothing
    /// has gone that no tombstone names.
    pub fn purge<E>(
        &self,
        terms: &PurgeTerms,
        mut archive: impl FnMut(&Path) -> Result<(), E>,
    ) -> Result<Option<Purge>, PurgeError<E>> {
        let shared = &**self.shared();
        let (folder, instance) = (&shared.folder, shared.options.instance);
        let lines = lines(folder)?;
        let before = all(&lines, &shared.signer.public(), Some(instance));
        let before = before.map_err(|line| Error::BadPurge { line })?;
        let last = before.last();
        let gone = last.map(|last| last.through);
        remove(folder, |ordinal| gone.is_some_and(|gone| ordinal <= gone))?;
        let limit = covered_before(folder, &shared.signer.public(), terms.before_micros)?;
        let due: Vec<u32> = archived(folder)?
            .into_iter()
            .filter(|ordinal| *ordinal < limit)
            .collect();
        let (Some(from), Some(through)) = (due.first().copied(), due.last().copied()) else {
            return Ok(None);
        };
        for ordinal in &due {
            let file = path(folder, *ordinal);
            archive(&file).map_err(|source| PurgeError::Archive { file, source })?;
        }
        let read = read(folder, &due, last, &shared.signer.public())?;
        let previous = lines.last().and_then(|line| SignedLine::read(line));
        let purge = Purge {
            at_micros: shared.environment.now().micros(),
            before_micros: terms.before_micros,
            by: terms.by.clone(),
            from,
            heads: read.heads,
            instance,
            previous: previous.map_or(Hash::ZERO, |line| Hash::of(line.body())),
            reason: terms.reason.clone(),
            records: read.records,
            sha256: read.sha256,
            through,
            version: 1,
        };
        let tombstones = folder.join(FILE_NAME);
        let body = canonical::to_vec(&purge).map_err(io::Error::other);
        let body = body.at("sign a line of", &tombstones)?;
        signed::append(&tombstones, CONTEXT, &body, &shared.signer)?;
        segment::sync_folder(folder)?;
        remove(folder, |ordinal| ordinal <= through)?;
        Ok(Some(purge))
    }

    /// The newest tombstone, if anything was ever purged.
    ///
    /// # Errors
    /// [`Error::BadPurge`] if this instance did not sign them all.
    pub fn last_purge(&self) -> Result<Option<Purge>, Error> {
        let shared = &**self.shared();
        let key = shared.signer.public();
        let all = all(&lines(&shared.folder)?, &key, Some(shared.options.instance));
        Ok(all.map_err(|line| Error::BadPurge { line })?.pop())
    }
}

fn path(folder: &Path, ordinal: u32) -> PathBuf {
    folder
        .join(RECORDS_FOLDER)
        .join(format!("{ordinal:010}.ndjson"))
}

/// The segments that are archived, in order.
fn archived(folder: &Path) -> Result<Vec<u32>, Error> {
    let records = folder.join(RECORDS_FOLDER);
    let entries = match std::fs::read_dir(&records) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.at("list", &records)?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.at("list", &records)?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "ndjson")
        {
            let stem = path.file_stem().and_then(|stem| stem.to_str());
            found.extend(stem.and_then(|stem| stem.parse::<u32>().ok()));
        }
    }
    found.sort_unstable();
    Ok(found)
}

/// Removes archived files.
fn remove(folder: &Path, goes: impl Fn(u32) -> bool) -> Result<(), Error> {
    let due: Vec<u32> = archived(folder)?
        .into_iter()
        .filter(|one| goes(*one))
        .collect();
    for ordinal in &due {
        let file = path(folder, *ordinal);
        std::fs::remove_file(&file).at("remove", &file)?;
    }
    match due.is_empty() {
        true => Ok(()),
        false => segment::sync_folder(&folder.join(RECORDS_FOLDER)),
    }
}

/// The first segment that a checkpoint from before a time does not cover to its end.
fn covered_before(folder: &Path, key: &PublicKey, before_micros: i64) -> Result<u32, Error> {
    let mut limit = 0;
    for line in Bundle::files(folder).checkpoint_lines()? {
        let Ok(checkpoint) = Checkpoint::parse(&line) else {
            continue;
        };
        let statement = &checkpoint.statement;
        if checkpoint.key == *key && statement.at_micros < before_micros {
            limit = limit.max(statement.position.ordinal());
        }
    }
    Ok(limit)
}

/// What stands in some archived files.
struct Read {
    heads: Vec<TenantHead>,
    records: u64,
    sha256: Hash,
}

fn losses(folder: &Path, key: &PublicKey) -> Result<Vec<Loss>, Error> {
    let lines = loss::lines(folder)?;
    Ok(lines
        .iter()
        .filter_map(|line| Loss::signed(line, key))
        .collect())
}

fn read(
    folder: &Path,
    due: &[u32],
    before: Option<&Purge>,
    key: &PublicKey,
) -> Result<Read, Error> {
    let mut heads: BTreeMap<TenantId, Head> = before
        .into_iter()
        .flat_map(|before| &before.heads)
        .map(|named| (named.tenant, named.head))
        .collect();
    let (mut records, mut sha256) = (0, Context::new(&SHA256));
    let (bundle, losses) = (Bundle::files(folder), losses(folder, key)?);
    let mut torn = None;
    for ordinal in due {
        let file = path(folder, *ordinal);
        sha256.update(&std::fs::read(&file).at("read", &file)?);
        bundle.each_archived(*ordinal, |record| {
            records += 1;
            let tenant = record.stream.tenant;
            let last = heads.get(&tenant).map_or(Hash::ZERO, |head| head.hash);
            let mut given_up = losses.iter().filter_map(|loss| loss.next_of(tenant));
            if record.previous != last && !given_up.any(|next| next.hash == record.hash) {
                torn.get_or_insert(Position::at(*ordinal, 0));
            }
            let head = Head {
                hash: record.hash,
                incarnation: record.stream.incarnation,
                position: Position::at(ordinal.saturating_add(1), 0),
                sequence: record.sequence,
            };
            heads.insert(tenant, head);
        })?;
    }
    // A purge must not hide that somebody was there before.
    if let Some(position) = torn {
        let damage = Damage::BrokenChain;
        return Err(Error::Damaged { position, damage });
    }
    let heads = heads.into_iter();
    Ok(Read {
        heads: heads
            .map(|(tenant, head)| TenantHead { tenant, head })
            .collect(),
        records,
        sha256: Hash::copied_from(sha256.finish().as_ref()),
    })
}
