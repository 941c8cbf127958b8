//! One segment: a file with a header and frames behind it.
//!
//! ```text
//! magic 8 │ ordinal 4 │ instance 16 │ incarnation 8 │ previous_end 4 │ wrapped key 60 │ CRC32C 4
//! ```
//!
//! The data key is random, one per segment, wrapped under the encryption key with all that
//! stands before it as context. `previous_end` is zero if the segment before this one ends with
//! a seal frame; else the offset at which recovery cut it.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use iron_primitives::{Environment, Id, InstanceId};
use zeroize::Zeroizing;

use crate::error::At;
use crate::frame::{self, Tag};
use crate::keys::{SealingKey, WRAPPED_BYTES};
use crate::loss::Holes;
use crate::{Damage, Error, Position};

const MAGIC: [u8; 8] = *b"ICjrnl01";
/// Bytes of the header; the first frame follows.
pub(crate) const HEADER_BYTES: u32 = (CONTEXT_BYTES + WRAPPED_BYTES + 4) as u32;
const CONTEXT_BYTES: usize = 8 + 4 + 16 + 8 + 4;
/// How much is read from a file at once.
const CHUNK_BYTES: usize = 256 << 10;

/// What the header of a segment says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SegmentHeader {
    pub(crate) ordinal: u32,
    pub(crate) instance: InstanceId,
    pub(crate) incarnation: u64,
    pub(crate) previous_end: u32,
}

impl SegmentHeader {
    fn context(&self) -> [u8; CONTEXT_BYTES] {
        let mut context = [0; CONTEXT_BYTES];
        let parts = MAGIC
            .into_iter()
            .chain(self.ordinal.to_le_bytes())
            .chain(*self.instance.uuid().as_bytes())
            .chain(self.incarnation.to_le_bytes())
            .chain(self.previous_end.to_le_bytes());
        for (to, from) in context.iter_mut().zip(parts) {
            *to = from;
        }
        context
    }

    fn parse(context: &[u8; CONTEXT_BYTES]) -> Option<SegmentHeader> {
        let (magic, rest) = context.split_first_chunk::<8>()?;
        let (ordinal, rest) = rest.split_first_chunk::<4>()?;
        let (instance, rest) = rest.split_first_chunk::<16>()?;
        let (incarnation, rest) = rest.split_first_chunk::<8>()?;
        let previous_end = rest.first_chunk::<4>()?;
        (*magic == MAGIC).then(|| SegmentHeader {
            ordinal: u32::from_le_bytes(*ordinal),
            instance: InstanceId::from_uuid(uuid::Uuid::from_bytes(*instance)),
            incarnation: u64::from_le_bytes(*incarnation),
            previous_end: u32::from_le_bytes(*previous_end),
        })
    }
}

/// The file of a segment.
pub(crate) fn path(folder: &Path, ordinal: u32) -> PathBuf {
    folder.join(format!("{ordinal:010}.segment"))
}

/// The ordinals of the segments in a folder, in order.
pub(crate) fn list(folder: &Path) -> Result<Vec<u32>, Error> {
    let mut ordinals = Vec::new();
    for entry in std::fs::read_dir(folder).at("list", folder)? {
        let name = entry.at("list", folder)?.file_name();
        let digits = name.to_str().and_then(|name| name.strip_suffix(".segment"));
        if let Some(digits) = digits
            && digits.len() == 10
            && let Ok(ordinal) = digits.parse()
        {
            ordinals.push(ordinal);
        }
    }
    ordinals.sort_unstable();
    Ok(ordinals)
}

/// Makes the names in a folder durable.
pub(crate) fn sync_folder(folder: &Path) -> Result<(), Error> {
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .at("sync", folder)
}

/// Reserves room on the disk, so that a full disk is noticed before a segment is begun and not
/// in the middle of it. Where the file system cannot do that, it is noticed later.
pub(crate) fn reserve(file: &File, from: u64, bytes: u64) -> std::io::Result<()> {
    use rustix::fs::{FallocateFlags, fallocate};
    let reserved = fallocate(file, FallocateFlags::KEEP_SIZE, from, bytes);
    match reserved.map_err(std::io::Error::from) {
        Err(error) if is_full(&error) => Err(error),
        _ => Ok(()),
    }
}

/// Whether the disk, or the share of it, has no room.
pub(crate) fn is_full(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{QuotaExceeded, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded)
}

/// A segment that frames can be written to.
pub(crate) struct Segment {
    pub(crate) ordinal: u32,
    pub(crate) file: Arc<File>,
    pub(crate) key: SealingKey,
    pub(crate) offset: u32,
}

impl Segment {
    /// Creates the file with its header, reserves the room that it may take, and makes it durable.
    pub(crate) fn create(
        folder: &Path,
        header: SegmentHeader,
        wrapping: &SealingKey,
        environment: &Environment,
        room_bytes: u32,
    ) -> Result<Segment, Error> {
        let path = path(folder, header.ordinal);
        let context = header.context();
        let data_key = Zeroizing::new(environment.random::<32>());
        let wrong_key = Error::WrongKey {
            ordinal: header.ordinal,
        };
        let Ok(wrapped) = wrapping.wrap(environment.random(), &context, &data_key) else {
            return Err(wrong_key);
        };
        let mut bytes = Vec::with_capacity(HEADER_BYTES as usize);
        bytes.extend_from_slice(&context);
        bytes.extend_from_slice(&wrapped);
        bytes.extend_from_slice(&crc32c::crc32c(&bytes).to_le_bytes());
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .at("create", &path)?;
        let begun = reserve(&file, 0, u64::from(room_bytes))
            .and_then(|()| file.write_all_at(&bytes, 0))
            .and_then(|()| file.sync_all());
        if let Err(error) = begun {
            // Nothing stands in it yet: it can be made anew.
            let _ = std::fs::remove_file(&path);
            return Err(error).at("write", &path);
        }
        sync_folder(folder)?;
        Ok(Segment {
            ordinal: header.ordinal,
            file: Arc::new(file),
            key: SealingKey::new(&data_key)?,
            offset: HEADER_BYTES,
        })
    }

    /// The place behind the last frame.
    pub(crate) fn end(&self) -> Position {
        Position::at(self.ordinal, self.offset)
    }
}

/// Why a header could not be read.
#[derive(Debug)]
pub(crate) enum NoHeader {
    /// Nothing stands behind a header that is cut or was never written.
    Unused,
    /// The journal cannot be read with this header.
    Bad(Error),
}

impl NoHeader {
    /// Whether the segment is damaged or gone. A wrong key or a disk that does not answer says
    /// nothing about what stands there.
    pub(crate) fn is_lost(&self) -> bool {
        match self {
            NoHeader::Unused | NoHeader::Bad(Error::Damaged { .. }) => true,
            NoHeader::Bad(Error::Io { source, .. }) => {
                source.kind() == std::io::ErrorKind::NotFound
            }
            NoHeader::Bad(_) => false,
        }
    }
}

/// A frame as it stands in a segment.
pub(crate) struct RawFrame {
    pub(crate) position: Position,
    pub(crate) next: Position,
    pub(crate) durable: Position,
    pub(crate) tag: Tag,
    pub(crate) payload: Vec<u8>,
}

/// What stands at a place.
pub(crate) enum Step {
    Frame(RawFrame),
    /// No byte is left.
    End,
    /// What stands here is not an intact frame.
    Broken(Damage),
}

/// Reads the frames of one segment in order.
pub(crate) struct SegmentReader {
    pub(crate) header: SegmentHeader,
    file: File,
    key: SealingKey,
    offset: u32,
    chunk: Vec<u8>,
    chunk_start: u32,
    holes: Holes,
}

impl SegmentReader {
    /// Opens a segment and reads its header.
    pub(crate) fn open(
        folder: &Path,
        ordinal: u32,
        wrapping: &SealingKey,
        holes: &Holes,
    ) -> Result<SegmentReader, NoHeader> {
        let path = path(folder, ordinal);
        let file = File::open(&path).at("open", &path).map_err(NoHeader::Bad)?;
        let mut bytes = [0; HEADER_BYTES as usize];
        let damaged = || {
            NoHeader::Bad(Error::Damaged {
                position: Position::at(ordinal, 0),
                damage: Damage::Header,
            })
        };
        let length = file
            .metadata()
            .at("read", &path)
            .map_err(NoHeader::Bad)?
            .len();
        if length < u64::from(HEADER_BYTES) {
            return Err(NoHeader::Unused);
        }
        file.read_exact_at(&mut bytes, 0)
            .at("read", &path)
            .map_err(NoHeader::Bad)?;
        let unusable = || {
            if length == u64::from(HEADER_BYTES) {
                NoHeader::Unused
            } else {
                damaged()
            }
        };
        let (content, crc) = bytes.split_last_chunk::<4>().ok_or_else(damaged)?;
        if crc32c::crc32c(content).to_le_bytes() != *crc {
            return Err(unusable());
        }
        let (context, wrapped) = content
            .split_first_chunk::<CONTEXT_BYTES>()
            .ok_or_else(damaged)?;
        let header = SegmentHeader::parse(context).ok_or_else(unusable)?;
        if header.ordinal != ordinal {
            return Err(damaged());
        }
        let wrapped = wrapped.first_chunk::<WRAPPED_BYTES>().ok_or_else(damaged)?;
        let key = wrapping
            .unwrap_key(context, wrapped)
            .map_err(|_| NoHeader::Bad(Error::WrongKey { ordinal }))?;
        let reader = SegmentReader {
            header,
            file,
            key,
            offset: HEADER_BYTES,
            chunk: Vec::new(),
            chunk_start: HEADER_BYTES,
            holes: holes.clone(),
        };
        Ok(reader)
    }

    /// Goes on at this offset.
    pub(crate) fn seek(&mut self, offset: u32) {
        self.offset = offset.max(HEADER_BYTES);
    }

    /// The offset of the next frame.
    pub(crate) fn offset(&self) -> u32 {
        self.offset
    }

    /// The bytes from the present offset on: as many as wanted, fewer at the end of the file.
    fn bytes(&mut self, wanted: usize) -> Result<&[u8], Error> {
        let have = self
            .offset
            .checked_sub(self.chunk_start)
            .map(|skip| skip as usize);
        let enough = have.is_some_and(|skip| skip.saturating_add(wanted) <= self.chunk.len());
        if !enough {
            self.chunk.resize(wanted.max(CHUNK_BYTES), 0);
            let mut filled = 0;
            loop {
                let room = self.chunk.get_mut(filled..).unwrap_or_default();
                let from = u64::from(self.offset).saturating_add(filled as u64);
                match self.file.read_at(room, from) {
                    Ok(0) => break,
                    Ok(count) => filled += count,
                    Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                    Err(source) => {
                        let path = PathBuf::from(format!("{:010}.segment", self.header.ordinal));
                        return Err(Error::Io {
                            action: "read",
                            path,
                            source,
                        });
                    }
                }
            }
            self.chunk.truncate(filled);
            self.chunk_start = self.offset;
        }
        let skip = (self.offset - self.chunk_start) as usize;
        let rest = self.chunk.get(skip..).unwrap_or_default();
        Ok(rest.get(..wanted).unwrap_or(rest))
    }

    /// The next frame, if it ends at or before `limit`; damage that was given up is skipped.
    pub(crate) fn next(&mut self, limit: u32) -> Result<Step, Error> {
        loop {
            let step = self.step(limit)?;
            let ordinal = self.header.ordinal;
            match (&step, self.holes.end_of(Position::at(ordinal, self.offset))) {
                (Step::Broken(_), Some(to)) if to.ordinal() > ordinal => return Ok(Step::End),
                (Step::Broken(_), Some(to)) => self.offset = to.offset(),
                _ => return Ok(step),
            }
        }
    }

    /// Where an intact frame stands behind the present offset, if one does.
    pub(crate) fn intact_behind(&mut self) -> Result<Option<Position>, Error> {
        while self.skip_to_magic()? {
            if let Step::Frame(frame) = self.step(u32::MAX)? {
                return Ok(Some(frame.position));
            }
        }
        Ok(None)
    }

    /// What stands at the present offset.
    fn step(&mut self, limit: u32) -> Result<Step, Error> {
        if self.offset >= limit {
            return Ok(Step::End);
        }
        let position = Position::at(self.header.ordinal, self.offset);
        let head = self.bytes(frame::HEADER_BYTES)?;
        if head.is_empty() {
            return Ok(Step::End);
        }
        let Some(header) = frame::header(head) else {
            return Ok(Step::Broken(Damage::Checksum));
        };
        let frame = self.bytes(header.frame_bytes)?;
        if frame.len() < header.frame_bytes {
            return Ok(Step::Broken(Damage::CutShort));
        }
        let whole = frame.to_vec();
        match frame::open(&whole, &self.key, position) {
            Ok((tag, payload)) => {
                self.offset = self.offset.saturating_add(header.frame_bytes as u32);
                let next = Position::at(self.header.ordinal, self.offset);
                let durable = header.durable;
                Ok(Step::Frame(RawFrame {
                    position,
                    next,
                    durable,
                    tag,
                    payload,
                }))
            }
            Err(damage) => Ok(Step::Broken(damage)),
        }
    }

    /// Looks behind a broken place for an intact frame, from the present offset on.
    ///
    /// Gives the furthest position that any intact frame there vouches for. Every offset is
    /// tried that bears the magic of a frame, up to a bound that hostile bytes cannot exceed;
    /// at the bound the answer is that all is vouched for.
    pub(crate) fn vouched_behind(&mut self) -> Result<Option<Position>, Error> {
        const MOST_CANDIDATES: usize = 4_096;
        let mut candidates = 0;
        let mut vouched: Option<Position> = None;
        loop {
            match self.step(u32::MAX)? {
                Step::End => return Ok(vouched),
                Step::Frame(frame) => vouched = vouched.max(Some(frame.durable)),
                Step::Broken(_) => {
                    let skipped = self.skip_to_magic()?;
                    candidates += 1;
                    if !skipped {
                        return Ok(vouched);
                    }
                    if candidates > MOST_CANDIDATES {
                        return Ok(Some(Position::from_u64(u64::MAX)));
                    }
                }
            }
        }
    }

    /// Moves at least one byte on, to the next magic; `false` if there is none.
    fn skip_to_magic(&mut self) -> Result<bool, Error> {
        self.offset = self.offset.saturating_add(1);
        loop {
            let bytes = self.bytes(CHUNK_BYTES)?;
            let length = bytes.len();
            if let Some(at) = bytes
                .windows(frame::MAGIC.len())
                .position(|w| w == frame::MAGIC)
            {
                self.offset = self.offset.saturating_add(at as u32);
                return Ok(true);
            }
            if length < CHUNK_BYTES {
                return Ok(false);
            }
            self.offset = self
                .offset
                .saturating_add((length - (frame::MAGIC.len() - 1)) as u32);
        }
    }
}
