//! How records leave the journal: plain files, one for each retired segment.
//!
//! A segment is retired when the projector has passed it, a durable checkpoint covers it, and
//! recovery no longer begins in it. Before its file goes, its records are written to
//! `records/<ordinal>.ndjson`, in the order they were appended, one line each:
//!
//! ```json
//! {"hash":"…","mac":"…","record":{…}}
//! ```
//!
//! `record` is the canonical envelope, byte for byte; `hash` its SHA-256; `mac` the HMAC of the
//! hash. These files, the file `checkpoints` and the public key are all that an offline check
//! needs. The file is complete before it has its name, so a crash at any moment leaves either
//! the segment or the file, or both with the same content.

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use crate::content::{self, Content};
use crate::error::At;
use crate::journal::Journal;
use crate::record::Record;
use crate::segment::{self, NoHeader, SegmentReader, Step};
use crate::sync::lock;
use crate::writer::Shared;
use crate::{Cursor, Error, Position};

/// The folder of the archived records, in the folder of the journal.
pub const RECORDS_FOLDER: &str = "records";

impl Journal {
    /// Archives and removes the segments that nobody needs any more: all of whose frames stand
    /// before `projected`, before the newest durable checkpoint, and before the newest durable
    /// lease snapshot. Gives their number. Blocks.
    pub fn retire(&self, projected: Cursor) -> Result<usize, Error> {
        let shared = &**self.shared();
        let durable = shared.progress.durable();
        let covered = lock(&shared.checkpoints).covered;
        let needed = {
            let writer = lock(&shared.writer);
            let snapshot = writer.snapshots.iter().rfind(|(_, end)| *end <= durable);
            snapshot.map_or(Position::START, |(since, _)| *since)
        };
        let limit = projected.min(covered).min(needed);
        let ended: Vec<u32> = lock(&shared.complete)
            .iter()
            // Nothing at all stands behind the limit in a segment that ends there.
            .take_while(|(_, end)| **end <= limit)
            .map(|(ordinal, _)| *ordinal)
            .collect();
        for ordinal in &ended {
            archive(shared, *ordinal)?;
            lock(&shared.complete).remove(ordinal);
            let path = segment::path(&shared.folder, *ordinal);
            std::fs::remove_file(&path).at("remove", &path)?;
            segment::sync_folder(&shared.folder)?;
        }
        Ok(ended.len())
    }
}

/// Writes the records of a segment to their file.
fn archive(shared: &Shared, ordinal: u32) -> Result<(), Error> {
    let folder = shared.folder.join(RECORDS_FOLDER);
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&folder)
        .at("create", &folder)?;
    let unfinished = folder.join(format!("{ordinal:010}.unfinished"));
    let path = folder.join(format!("{ordinal:010}.ndjson"));
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&unfinished)
        .at("create", &unfinished)?;
    let mut out = BufWriter::new(file);
    write_records(shared, ordinal, &mut out, &unfinished)?;
    let file: File = out
        .into_inner()
        .map_err(std::io::IntoInnerError::into_error)
        .at("write", &unfinished)?;
    file.sync_all().at("sync", &unfinished)?;
    std::fs::rename(&unfinished, &path).at("rename", &unfinished)?;
    segment::sync_folder(&folder)
}

fn write_records(
    shared: &Shared,
    ordinal: u32,
    out: &mut impl Write,
    path: &Path,
) -> Result<(), Error> {
    let mut reader =
        match SegmentReader::open(&shared.folder, ordinal, &shared.wrapping, &shared.holes) {
            Ok(reader) => reader,
            Err(error) if error.is_lost() && shared.holes.take(ordinal) => return Ok(()),
            Err(NoHeader::Bad(error)) => return Err(error),
            Err(NoHeader::Unused) => return Ok(()),
        };
    loop {
        match reader.next(u32::MAX)? {
            Step::End => return Ok(()),
            Step::Broken(damage) => {
                let position = Position::at(ordinal, reader.offset());
                return Err(Error::Damaged { position, damage });
            }
            Step::Frame(raw) => {
                if let Content::Record(record) = content::parse(raw)?.frame.content {
                    write_line(&record, out).at("write", path)?;
                }
            }
        }
    }
}

/// Writes one line of a file of records.
pub(crate) fn write_line(record: &Record, out: &mut impl Write) -> std::io::Result<()> {
    write!(
        out,
        r#"{{"hash":"{}","mac":"{}","record":"#,
        record.hash, record.mac
    )?;
    out.write_all(record.envelope())?;
    out.write_all(b"}\n")
}
