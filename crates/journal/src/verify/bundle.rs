//! Where records and checkpoints are read from.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::archive::{RECORDS_FOLDER, write_line};
use crate::checkpoint::{self, FILE_NAME};
use crate::content::{self, Content};
use crate::error::At;
use crate::keys::SealingKey;
use crate::loss::{self, Holes};
use crate::purge;
use crate::record::Record;
use crate::segment::{self, NoHeader, SegmentReader, Step};
use crate::{Damage, Error, Hash, Position};

/// The longest line that is taken for one.
const MOST_LINE_BYTES: usize = 64 << 20;

/// Records and checkpoints to be checked.
pub struct Bundle {
    folder: PathBuf,
    /// Opens segments that have not been archived yet.
    wrapping: Option<Arc<SealingKey>>,
}

/// What stands at one place of a bundle.
pub(super) enum Line {
    /// A record, and the hash that is stated beside it.
    Record(Box<Record>, Hash),
    Unreadable {
        file: PathBuf,
        line: u64,
    },
    Damaged(Position, Damage),
}

/// The records of one segment, archived or not.
pub(super) struct Source<'a> {
    bundle: &'a Bundle,
    ordinal: Option<u32>,
    file: PathBuf,
    last: bool,
}

type Lines<'a> = Box<dyn Iterator<Item = Result<Line, Error>> + 'a>;

impl Bundle {
    /// The plain files in a folder: `checkpoints` and `records/*.ndjson`, in the order of their
    /// names.
    pub fn files(folder: &Path) -> Bundle {
        Bundle {
            folder: folder.to_owned(),
            wrapping: None,
        }
    }

    /// The folder of a journal, with the segments that are not archived yet. The server may be
    /// writing it.
    ///
    /// # Errors
    /// [`Error::InvalidKey`].
    pub fn journal(folder: &Path, encryption: &[u8; 32]) -> Result<Bundle, Error> {
        let wrapping = Some(Arc::new(SealingKey::new(encryption)?));
        Ok(Bundle {
            folder: folder.to_owned(),
            wrapping,
        })
    }

    /// Writes everything to another folder as plain files, for those who have no key. Records
    /// that cannot be read are left out: the check will miss them.
    ///
    /// # Errors
    /// If this bundle cannot be read, or the folder cannot be written.
    pub fn export(&self, to: &Path) -> Result<(), Error> {
        let records = to.join(RECORDS_FOLDER);
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&records)
            .at("create", &records)?;
        let path = to.join(FILE_NAME);
        let mut out = BufWriter::new(File::create(&path).at("create", &path)?);
        for line in self.checkpoint_lines()? {
            out.write_all(&line)
                .and_then(|()| out.write_all(b"\n"))
                .at("write", &path)?;
        }
        out.flush().at("write", &path)?;
        let losses = self.loss_lines()?;
        if !losses.is_empty() {
            let path = to.join(loss::FILE_NAME);
            let lines = losses.iter().flat_map(|line| [line.as_slice(), b"\n"]);
            let lines: Vec<u8> = lines.flatten().copied().collect();
            std::fs::write(&path, lines).at("write", &path)?;
        }
        let purges = self.purge_lines()?;
        if !purges.is_empty() {
            let path = to.join(purge::FILE_NAME);
            let lines = purges.iter().flat_map(|line| [line.as_slice(), b"\n"]);
            let lines: Vec<u8> = lines.flatten().copied().collect();
            std::fs::write(&path, lines).at("write", &path)?;
        }
        for (index, source) in self.sources()?.iter().enumerate() {
            let path = records.join(format!(
                "{:010}.ndjson",
                source.ordinal.map_or(index as u64, u64::from)
            ));
            let mut out = BufWriter::new(File::create(&path).at("create", &path)?);
            for line in source.lines()? {
                if let Line::Record(record, _) = line? {
                    write_line(&record, &mut out).at("write", &path)?;
                }
            }
            out.flush().at("write", &path)?;
        }
        Ok(())
    }

    /// Reads the records of all segments before one, archived or not, as far as they go.
    pub(crate) fn each_record_before(
        &self,
        ordinal: u32,
        mut each: impl FnMut(&Record),
    ) -> Result<(), Error> {
        let before = |source: &&Source<'_>| source.ordinal.is_some_and(|own| own < ordinal);
        for source in self.sources()?.iter().filter(before) {
            for line in source.lines()? {
                if let Line::Record(record, _) = line? {
                    each(&record);
                }
            }
        }
        Ok(())
    }

    /// Reads the records of one archived segment; all of its lines must be records.
    pub(crate) fn each_archived(
        &self,
        ordinal: u32,
        mut each: impl FnMut(&Record),
    ) -> Result<(), Error> {
        let file = self
            .folder
            .join(RECORDS_FOLDER)
            .join(format!("{ordinal:010}.ndjson"));
        let opened = File::open(&file).at("read", &file)?;
        for line in FileLines::new(file, opened) {
            match line? {
                Line::Record(record, stated) if record.hash == stated => each(&record),
                _ => {
                    let position = Position::at(ordinal, 0);
                    let damage = Damage::NotAuthentic;
                    return Err(Error::Damaged { position, damage });
                }
            }
        }
        Ok(())
    }

    /// The tombstones.
    pub(super) fn purge_lines(&self) -> Result<Vec<Vec<u8>>, Error> {
        purge::lines(&self.folder)
    }

    /// The lines about what was given up.
    pub(super) fn loss_lines(&self) -> Result<Vec<Vec<u8>>, Error> {
        loss::lines(&self.folder)
    }

    /// The complete lines of the file of checkpoints.
    pub(crate) fn checkpoint_lines(&self) -> Result<Vec<Vec<u8>>, Error> {
        let path = self.folder.join(FILE_NAME);
        let newest = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            Err(source) => {
                return Err(Error::Io {
                    action: "read",
                    path,
                    source,
                });
            }
        };
        // The newest file first: if it is archived meanwhile, it is read twice and not missed.
        let mut bytes = Vec::new();
        for archived in checkpoint::archived(&self.folder)? {
            let older = std::fs::read(&archived).at("read", &archived)?;
            if !newest.starts_with(&older) {
                bytes.extend_from_slice(&older);
            }
        }
        bytes.extend_from_slice(&newest);
        // A live server may be in the middle of the last line.
        let complete = bytes.iter().rposition(|byte| *byte == b'\n').unwrap_or(0);
        let lines = bytes
            .get(..complete)
            .unwrap_or_default()
            .split(|byte| *byte == b'\n');
        Ok(lines
            .filter(|line| !line.is_empty())
            .map(<[u8]>::to_vec)
            .collect())
    }

    /// The sources of records, in order.
    pub(super) fn sources(&self) -> Result<Vec<Source<'_>>, Error> {
        // Segments first: one that is archived meanwhile is then found among the files.
        let live = match self.wrapping {
            Some(_) => segment::list(&self.folder)?,
            None => Vec::new(),
        };
        let records = self.folder.join(RECORDS_FOLDER);
        let mut files = Vec::new();
        match std::fs::read_dir(&records) {
            Ok(entries) => {
                for entry in entries {
                    let path = entry.at("list", &records)?.path();
                    if path
                        .extension()
                        .is_some_and(|extension| extension == "ndjson")
                    {
                        files.push(path);
                    }
                }
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(source) => {
                return Err(Error::Io {
                    action: "list",
                    path: records,
                    source,
                });
            }
        }
        files.sort_unstable();
        // What a crash left of a purge is gone already.
        let gone = purge::claimed(&self.folder)?;
        files.retain(|file| gone.is_none_or(|gone| ordinal_of(file).is_none_or(|own| own > gone)));
        let archived: BTreeSet<u32> = files.iter().filter_map(|file| ordinal_of(file)).collect();
        let mut sources: Vec<Source<'_>> = files
            .into_iter()
            .map(|file| Source {
                bundle: self,
                ordinal: ordinal_of(&file),
                file,
                last: false,
            })
            .collect();
        for ordinal in live
            .into_iter()
            .filter(|ordinal| !archived.contains(ordinal))
        {
            let file = records.join(format!("{ordinal:010}.ndjson"));
            sources.push(Source {
                bundle: self,
                ordinal: Some(ordinal),
                file,
                last: false,
            });
        }
        if let Some(last) = sources.last_mut() {
            last.last = true;
        }
        Ok(sources)
    }
}

fn ordinal_of(file: &Path) -> Option<u32> {
    file.file_stem()?.to_str()?.parse().ok()
}

impl<'a> Source<'a> {
    /// The records in order.
    pub(super) fn lines(&self) -> Result<Lines<'a>, Error> {
        match File::open(&self.file) {
            Ok(file) => return Ok(Box::new(FileLines::new(self.file.clone(), file))),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(source) => {
                return Err(Error::Io {
                    action: "read",
                    path: self.file.clone(),
                    source,
                });
            }
        }
        let (Some(ordinal), Some(wrapping)) = (self.ordinal, &self.bundle.wrapping) else {
            return Ok(Box::new(std::iter::empty()));
        };
        let holes = Holes::claimed(&self.bundle.folder)?;
        match SegmentReader::open(&self.bundle.folder, ordinal, wrapping, &holes) {
            Ok(reader) => Ok(Box::new(SegmentLines {
                reader,
                last: self.last,
                done: false,
            })),
            Err(NoHeader::Unused) => Ok(Box::new(std::iter::empty())),
            // Archived between the two looks.
            Err(NoHeader::Bad(Error::Io { .. })) if self.file.exists() => self.lines(),
            Err(NoHeader::Bad(Error::Damaged { position, .. }))
                if holes.end_of(position).is_some() =>
            {
                Ok(Box::new(std::iter::empty()))
            }
            Err(NoHeader::Bad(Error::Damaged { position, damage })) => Ok(Box::new(
                std::iter::once(Ok(Line::Damaged(position, damage))),
            )),
            Err(NoHeader::Bad(error)) => Err(error),
        }
    }
}

/// The lines of an archived file.
struct FileLines {
    path: PathBuf,
    reader: BufReader<File>,
    number: u64,
    buffer: Vec<u8>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ArchivedLine<'a> {
    hash: Hash,
    mac: Hash,
    #[serde(borrow)]
    record: &'a RawValue,
}

impl FileLines {
    fn new(path: PathBuf, file: File) -> Self {
        FileLines {
            path,
            reader: BufReader::new(file),
            number: 0,
            buffer: Vec::new(),
        }
    }

    fn parse(&self) -> Line {
        let unreadable = || Line::Unreadable {
            file: self.path.clone(),
            line: self.number,
        };
        let Ok(line) = serde_json::from_slice::<ArchivedLine<'_>>(&self.buffer) else {
            return unreadable();
        };
        let envelope = line.record.get().as_bytes().to_vec();
        match Record::from_envelope(envelope, line.mac) {
            Ok(record) => Line::Record(Box::new(record), line.hash),
            Err(_) => unreadable(),
        }
    }
}

impl Iterator for FileLines {
    type Item = Result<Line, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        self.buffer.clear();
        self.number += 1;
        let mut limited = std::io::Read::take(&mut self.reader, MOST_LINE_BYTES as u64);
        match limited.read_until(b'\n', &mut self.buffer) {
            Ok(0) => None,
            Ok(_) => Some(Ok(self.parse())),
            Err(source) => Some(Err(Error::Io {
                action: "read",
                path: self.path.clone(),
                source,
            })),
        }
    }
}

/// The records of a segment.
struct SegmentLines {
    reader: SegmentReader,
    /// A torn tail is the end of the journal only in its last segment.
    last: bool,
    done: bool,
}

impl SegmentLines {
    fn broken(&mut self, damage: Damage) -> Result<Option<Line>, Error> {
        self.done = true;
        let position = Position::at(self.reader.header.ordinal, self.reader.offset());
        let vouched = self.reader.vouched_behind()?;
        if !self.last || vouched.is_some_and(|vouched| vouched > position) {
            return Ok(Some(Line::Damaged(position, damage)));
        }
        Ok(None)
    }

    fn step(&mut self) -> Result<Option<Line>, Error> {
        while !self.done {
            match self.reader.next(u32::MAX)? {
                Step::End => self.done = true,
                Step::Broken(damage) => return self.broken(damage),
                Step::Frame(raw) => match content::parse(raw) {
                    Ok(parsed) => {
                        if let Content::Record(record) = parsed.frame.content {
                            return Ok(Some(strictly(record, parsed.frame.position)));
                        }
                    }
                    Err(Error::Damaged { position, damage }) => {
                        return Ok(Some(Line::Damaged(position, damage)));
                    }
                    Err(error) => return Err(error),
                },
            }
        }
        Ok(None)
    }
}

/// Reads a record of a frame once more, as a stranger would.
fn strictly(record: Record, position: Position) -> Line {
    let hash = record.hash;
    match Record::from_envelope(record.envelope().to_vec(), record.mac) {
        Ok(record) => Line::Record(Box::new(record), hash),
        Err(_) => Line::Damaged(position, Damage::BrokenChain),
    }
}

impl Iterator for SegmentLines {
    type Item = Result<Line, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        self.step().transpose()
    }
}

impl std::fmt::Debug for Bundle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bundle")
            .field("folder", &self.folder)
            .finish_non_exhaustive()
    }
}
