//! Reading a folder again: what is intact, what was torn, what was damaged.
//!
//! The journal ends where the last intact frame ends. If anything stands behind, it is a torn
//! tail: bytes that were never confirmed, cut off and reported. It is not a torn tail but damage
//! if an intact frame behind it vouches that the broken place had been durable; then nothing is
//! touched and the journal does not open. The chains are followed once more, and held against
//! the newest signed checkpoint: records that it vouches for must be there.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use iron_primitives::{Environment, InstanceId, TenantId};

use crate::checkpoint::{CheckpointFile, Ledger};
use crate::content::{self, Content, Frame};
use crate::error::At;
use crate::frame::Tag;
use crate::journal::Options;
use crate::keys::{MacKey, SealingKey, Signer};
use crate::loss::Holes;
use crate::record::{Chains, Record};
use crate::segment::{self, NoHeader, RawFrame, Segment, SegmentHeader, SegmentReader, Step};
use crate::writer::{Checkpoints, Parts, Shared, Writer};
use crate::{Damage, Error, Head, Position, Stream};

/// What was in the folder.
#[derive(Debug)]
pub struct Recovered {
    /// Every intact frame since the last lease snapshot, in order; all that are kept if there was
    /// no snapshot.
    pub frames: Vec<Frame>,
    /// The incarnation that wrote last, if any did.
    pub last_incarnation: Option<u64>,
    /// Whether that incarnation ended in good order.
    pub closed: bool,
    /// What had to be cut off.
    pub torn: Option<Torn>,
    /// Whether something that matters for these frames was given up as lost: they are not all
    /// that was written, and prove nothing about what was not.
    pub holed: bool,
}

/// A tail that was never confirmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Torn {
    /// Where the journal now ends.
    pub position: Position,
    /// How many bytes were cut off.
    pub bytes: u64,
    /// What was wrong with them.
    pub damage: Damage,
}

/// Opens the folder and goes on in a new segment.
pub(crate) fn open(
    folder: &Path,
    options: Options,
    environment: Environment,
) -> Result<(Shared, Recovered), Error> {
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .at("create", folder)?;
    let lock = take_lock(folder)?;
    let wrapping = SealingKey::new(&options.keys.encryption)?;
    let signer = Signer::new(&options.keys.signing)?;
    let (file, mut ledger) = CheckpointFile::open(folder, &signer.public())?;
    let mut checkpoints = Checkpoints {
        file,
        ledger: Ledger::default(),
        covered: Position::START,
        begun: false,
    };

    let holes = Holes::signed(folder, &signer.public(), options.instance)?;
    let mut scan = Scan::new(Some(options.instance), holes.clone());
    scan.folder(folder, &wrapping)?;
    let torn = scan.cut(folder)?;
    for frame in &scan.frames {
        if let Content::Checkpoint(checkpoint) = &frame.content
            && checkpoint.statement.number > ledger.number
        {
            // The file did not get its line before the end came.
            checkpoints.file.append(checkpoint)?;
            ledger.apply(checkpoint);
        }
    }
    let heads = scan.heads(&ledger)?;
    let last_incarnation = scan
        .incarnation
        .max((ledger.number > 0).then_some(ledger.incarnation));
    let after_last = last_incarnation.map_or(0, |last| last.saturating_add(1));
    let incarnation = options.incarnation.max(after_last);
    let header = SegmentHeader {
        ordinal: next_ordinal(folder, &scan)?,
        instance: options.instance,
        incarnation,
        previous_end: if scan.sealed {
            0
        } else {
            scan.end.map_or(0, Position::offset)
        },
    };
    let room = options.segment_bytes;
    let segment = Segment::create(folder, header, &wrapping, &environment, room)?;
    checkpoints.covered = ledger.position;
    checkpoints.ledger = ledger;
    let mac = MacKey::new(&options.keys.mac);
    let chains = Chains::new(options.instance, incarnation, heads, mac);
    let mut writer = Writer::new(segment, chains);
    let recovered = scan.recovered(last_incarnation, torn);
    writer.snapshots = recovered.1;
    let parts = Parts {
        folder: folder.to_owned(),
        options,
        environment,
        wrapping,
        signer,
        incarnation,
        writer,
        checkpoints,
        complete: scan_ends(folder, header.ordinal)?,
        holes,
        lock,
    };
    Ok((parts.into(), recovered.0))
}

pub(crate) fn take_lock(folder: &Path) -> Result<File, Error> {
    let path = folder.join("lock");
    let lock = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .at("open", &path)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(Error::Locked {
            folder: folder.to_owned(),
        }),
        Err(TryLockError::Error(source)) => Err(Error::Io {
            action: "lock",
            path,
            source,
        }),
    }
}

/// The number of the segment to go on in: behind all that there is, and behind every hole, or the
/// hole would lie over what is written now.
fn next_ordinal(folder: &Path, scan: &Scan) -> Result<u32, Error> {
    let listed = segment::list(folder)?.last().copied();
    let ended = scan.end.map(Position::ordinal);
    let behind = |ordinal: Option<u32>| ordinal.map_or(0, |ordinal| ordinal.saturating_add(1));
    Ok(behind(ended).max(behind(listed)).max(scan.holes.reach()))
}

/// The ends of the complete segments before `open`.
fn scan_ends(folder: &Path, open: u32) -> Result<BTreeMap<u32, Position>, Error> {
    let mut ends = BTreeMap::new();
    for ordinal in segment::list(folder)?
        .into_iter()
        .filter(|ordinal| *ordinal < open)
    {
        let path = segment::path(folder, ordinal);
        let length = std::fs::metadata(&path).at("read", &path)?.len();
        let end = u32::try_from(length).unwrap_or(u32::MAX);
        ends.insert(ordinal, Position::at(ordinal, end));
    }
    Ok(ends)
}

/// All segments of a folder, followed from the first to the last intact frame.
pub(crate) struct Scan {
    expected: Option<InstanceId>,
    /// The frames since the last snapshot.
    frames: Vec<Frame>,
    /// The last snapshot: since where, and the end of its frame.
    snapshot: Option<(Position, Position)>,
    /// The heads of the chains as the frames show them.
    seen: BTreeMap<TenantId, Head>,
    /// The ordinal of the first segment there is.
    first: Option<u32>,
    /// Behind the last intact frame.
    end: Option<Position>,
    /// Whether the last segment ends with a seal.
    sealed: bool,
    incarnation: Option<u64>,
    closed: bool,
    broken: Option<(Position, Damage)>,
    holes: Holes,
    /// Chains that may go on behind a hole without the records that were in it.
    may_jump: BTreeSet<TenantId>,
}

impl Scan {
    pub(crate) fn new(expected: Option<InstanceId>, holes: Holes) -> Self {
        Scan {
            expected,
            frames: Vec::new(),
            snapshot: None,
            seen: BTreeMap::new(),
            first: None,
            end: None,
            sealed: false,
            incarnation: None,
            closed: false,
            broken: None,
            holes,
            may_jump: BTreeSet::new(),
        }
    }

    pub(crate) fn folder(&mut self, folder: &Path, wrapping: &SealingKey) -> Result<(), Error> {
        let ordinals = segment::list(folder)?;
        self.first = ordinals.first().copied();
        for (index, ordinal) in ordinals.iter().copied().enumerate() {
            let last = index + 1 == ordinals.len();
            let reader = match SegmentReader::open(folder, ordinal, wrapping, &self.holes) {
                Ok(reader) => reader,
                Err(NoHeader::Unused) if last => return Ok(()),
                Err(error) if error.is_lost() && self.holes.take(ordinal) => continue,
                Err(NoHeader::Unused) => {
                    let position = Position::at(ordinal, 0);
                    return Err(Error::Damaged {
                        position,
                        damage: Damage::Header,
                    });
                }
                Err(NoHeader::Bad(error)) => return Err(error),
            };
            self.check_instance(&reader.header)?;
            self.segment(reader)?;
        }
        Ok(())
    }

    fn check_instance(&self, header: &SegmentHeader) -> Result<(), Error> {
        match self.expected {
            Some(expected) if expected != header.instance => Err(Error::ForeignInstance {
                expected,
                found: header.instance,
            }),
            _ => Ok(()),
        }
    }

    /// Follows one segment. Behind a broken place it only asks what is vouched for.
    fn segment(&mut self, mut reader: SegmentReader) -> Result<(), Error> {
        let header = reader.header;
        let follows = self.follows(&header)?;
        if !follows && self.broken.is_none() {
            let end = self.end.unwrap_or(Position::START);
            self.broken = Some((end, Damage::CutShort));
        }
        if self.broken.is_some() {
            return self.check_vouched(&mut reader);
        }
        let begin = Position::at(header.ordinal, reader.offset());
        self.cross(begin);
        self.end = Some(begin);
        self.sealed = false;
        self.incarnation = self.incarnation.max(Some(header.incarnation));
        loop {
            match reader.next(u32::MAX)? {
                Step::Frame(frame) => self.frame(frame)?,
                Step::End => return Ok(()),
                Step::Broken(damage @ (Damage::UnknownKind(_) | Damage::Malformed(_))) => {
                    let position = Position::at(header.ordinal, reader.offset());
                    return Err(Error::Damaged { position, damage });
                }
                Step::Broken(damage) => {
                    self.broken = Some((Position::at(header.ordinal, reader.offset()), damage));
                    return self.check_vouched(&mut reader);
                }
            }
        }
    }

    /// Whether the segment goes on where the one before it ended.
    fn follows(&self, header: &SegmentHeader) -> Result<bool, Error> {
        let Some(end) = self.end else {
            return Ok(true);
        };
        let next = end.ordinal().saturating_add(1);
        let given_up = |ordinal| self.holes.take(ordinal);
        let lost = (next..header.ordinal).find(|ordinal| !given_up(*ordinal));
        if let Some(lost) = lost.filter(|_| self.broken.is_none()) {
            let position = Position::at(lost, 0);
            return Err(Error::Damaged {
                position,
                damage: Damage::MissingSegment,
            });
        }
        if header.ordinal > next || self.holes.takes_end_of(end.ordinal()) {
            // How the segment before it ended is lost.
            return Ok(true);
        }
        let agreed = if self.sealed { 0 } else { end.offset() };
        if header.previous_end != agreed && header.previous_end != 0 {
            // Recovery had looked at the end of the segment before: it was durable.
            let position = Position::at(end.ordinal(), end.offset());
            return Err(Error::Damaged {
                position,
                damage: Damage::CutShort,
            });
        }
        Ok(header.previous_end == agreed)
    }

    fn check_vouched(&self, reader: &mut SegmentReader) -> Result<(), Error> {
        let Some((position, damage)) = self.broken else {
            return Ok(());
        };
        match reader.vouched_behind()? {
            Some(vouched) if vouched > position => Err(Error::Damaged { position, damage }),
            _ => Ok(()),
        }
    }

    fn frame(&mut self, raw: RawFrame) -> Result<(), Error> {
        self.cross(raw.position);
        self.end = Some(raw.next);
        self.sealed = raw.tag == Tag::Seal;
        if raw.tag != Tag::Seal {
            self.closed = raw.tag == Tag::Close;
        }
        let parsed = content::parse(raw)?;
        if let Content::Record(record) = &parsed.frame.content {
            self.follow(record, &parsed.frame)?;
        }
        if let Some(since) = parsed.since {
            self.snapshot = Some((since, parsed.frame.next));
            self.frames.retain(|frame| frame.position >= since);
        }
        self.frames.push(parsed.frame);
        Ok(())
    }

    /// Goes on at a place: if a hole lies before it, records may be missing in every chain.
    fn cross(&mut self, to: Position) {
        let from = self.end.unwrap_or(Position::START);
        if self.holes.any_between(from, to) {
            self.may_jump.extend(self.seen.keys());
        }
    }

    fn follow(&mut self, record: &Record, frame: &Frame) -> Result<(), Error> {
        let Stream {
            tenant,
            incarnation,
            ..
        } = record.stream;
        let broken = Error::Damaged {
            position: frame.position,
            damage: Damage::BrokenChain,
        };
        let jumps = self.may_jump.remove(&tenant);
        if let Some(head) = self.seen.get(&tenant) {
            let jumped = (incarnation, record.sequence) > (head.incarnation, head.sequence);
            let next = if head.incarnation == incarnation {
                head.sequence.saturating_add(1)
            } else {
                1
            };
            let forward = incarnation >= head.incarnation;
            let linked = record.sequence == next && record.previous == head.hash;
            if !forward || !(linked || jumps && jumped) {
                return Err(broken);
            }
        }
        let head = Head {
            hash: record.hash,
            incarnation,
            position: frame.next,
            sequence: record.sequence,
        };
        self.seen.insert(tenant, head);
        Ok(())
    }

    /// Cuts off what stands behind the last intact frame, save for what was given up.
    fn cut(&mut self, folder: &Path) -> Result<Option<Torn>, Error> {
        let mut cut_bytes = 0;
        for ordinal in segment::list(folder)? {
            let path = segment::path(folder, ordinal);
            let length = std::fs::metadata(&path).at("read", &path)?.len();
            match self.end {
                _ if self.holes.take(ordinal) => {}
                Some(end) if ordinal < end.ordinal() => {}
                Some(end) if ordinal == end.ordinal() && self.holes.end_of(end).is_some() => {}
                Some(end) if ordinal == end.ordinal() => {
                    if length > u64::from(end.offset()) {
                        cut_bytes += length - u64::from(end.offset());
                        let file = OpenOptions::new()
                            .write(true)
                            .open(&path)
                            .at("open", &path)?;
                        file.set_len(u64::from(end.offset())).at("cut", &path)?;
                        file.sync_all().at("sync", &path)?;
                    }
                }
                // Made ahead and never written to, or torn together with what came before.
                _ => {
                    cut_bytes += length.saturating_sub(u64::from(segment::HEADER_BYTES));
                    std::fs::remove_file(&path).at("remove", &path)?;
                }
            }
        }
        segment::sync_folder(folder)?;
        let position = self.end.unwrap_or(Position::START);
        let damage = self.broken.map_or(Damage::CutShort, |(_, damage)| damage);
        Ok((cut_bytes > 0).then_some(Torn {
            position,
            bytes: cut_bytes,
            damage,
        }))
    }

    /// The heads to go on from: those of the frames, and of chains whose records have been
    /// retired those of the checkpoints.
    pub(crate) fn heads(&self, ledger: &Ledger) -> Result<BTreeMap<TenantId, Head>, Error> {
        let kept_from = self
            .first
            .map_or(Position::START, |first| Position::at(first, 0));
        let mut heads = self.seen.clone();
        for (tenant, known) in &ledger.heads {
            let found = self.seen.get(tenant);
            let order = |head: &Head| (head.incarnation, head.sequence);
            let retired = found.is_none() && known.position < kept_from;
            let reached = found.is_some_and(|found| order(found) >= order(known));
            let lost = self.holes.hide(known.position);
            if lost && !reached {
                heads.insert(*tenant, *known);
                continue;
            }
            if !retired && !reached {
                let found = found.filter(|found| found.incarnation == known.incarnation);
                return Err(Error::RolledBack {
                    stream: self.stream(*tenant, known.incarnation),
                    found: found.map_or(0, |found| found.sequence),
                    known: known.sequence,
                    checkpoint: ledger.number,
                });
            }
            if found.is_some_and(|found| order(found) == order(known) && found.hash != known.hash) {
                return Err(Error::Damaged {
                    position: known.position,
                    damage: Damage::BrokenChain,
                });
            }
            heads.entry(*tenant).or_insert(*known);
        }
        Ok(heads)
    }

    fn stream(&self, tenant: TenantId, incarnation: u64) -> Stream {
        use iron_primitives::Id;
        let nobody = InstanceId::from_uuid(uuid::Uuid::nil());
        Stream {
            tenant,
            instance: self.expected.unwrap_or(nobody),
            incarnation,
        }
    }

    fn recovered(
        self,
        last_incarnation: Option<u64>,
        torn: Option<Torn>,
    ) -> (Recovered, Vec<(Position, Position)>) {
        let since = self.snapshot.map_or(Position::START, |(since, _)| since);
        let holed = self.holes.any_behind(since);
        let snapshots = self.snapshot.into_iter().collect();
        let closed = self.closed;
        (
            Recovered {
                frames: self.frames,
                last_incarnation,
                closed,
                torn,
                holed,
            },
            snapshots,
        )
    }
}
