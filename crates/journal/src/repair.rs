//! Giving up what is damaged, so that the rest can be read.

use std::collections::BTreeMap;
use std::path::Path;

use iron_primitives::{Environment, TenantId};

use crate::checkpoint::{CheckpointFile, TenantHead};
use crate::keys::{SealingKey, Signer};
use crate::loss::{Holes, Loss};
use crate::purge;
use crate::record::Record;
use crate::recover::{Scan, take_lock};
use crate::segment::{self, NoHeader, SegmentReader, Step};
use crate::verify::Bundle;
use crate::{Damage, Error, Head, Journal, Options, Position, content};

impl Journal {
    /// Gives up every place of a closed journal that is damaged, and only these. What was lost
    /// is signed and stays known. No byte of a segment is touched; they go with the segment when
    /// it is retired. Gives what was lost now: nothing if the journal is intact. Blocks.
    ///
    /// Afterwards the journal opens, and says [`Recovered::holed`](crate::Recovered::holed) if
    /// money may have been noted in what was lost.
    ///
    /// # Errors
    /// Whatever else than damaged bytes keeps the journal from being opened; it is not given up.
    /// An intact frame that does not fit where it stands is no damaged bytes, either.
    pub fn repair(
        folder: &Path,
        options: &Options,
        environment: &Environment,
    ) -> Result<Vec<Loss>, Error> {
        let _lock = take_lock(folder)?;
        let wrapping = SealingKey::new(&options.keys.encryption)?;
        let signer = Signer::new(&options.keys.signing)?;
        let (_, ledger) = CheckpointFile::open(folder, &signer.public())?;
        let mut losses: Vec<Loss> = Vec::new();
        loop {
            let holes = Holes::signed(folder, &signer.public(), options.instance)?;
            let mut scan = Scan::new(Some(options.instance), holes.clone());
            let read = scan.folder(folder, &wrapping);
            let (position, damage) = match read.and_then(|()| scan.heads(&ledger)) {
                Ok(_) => return Ok(losses),
                Err(Error::Damaged { position, damage }) => (position, damage),
                Err(other) => return Err(other),
            };
            let intact = matches!(
                damage,
                Damage::BrokenChain | Damage::Malformed(_) | Damage::UnknownKind(_)
            );
            if intact || holes.end_of(position).is_some() {
                // The frame would be read all the same; so it would if given up once more.
                return Err(Error::Damaged { position, damage });
            }
            let to = end_of_damage(folder, &wrapping, &holes, (position, damage))?;
            let loss = Loss {
                at_micros: environment.now().micros(),
                damage: damage.to_string(),
                from: position,
                heads: heads_before(folder, options, &wrapping, position, &holes)?,
                instance: options.instance,
                next: next_behind(folder, &wrapping, &holes, to)?,
                to,
                version: 2,
            };
            loss.append(folder, &signer)?;
            losses.push(loss);
        }
    }
}

/// Where the next intact frame stands; the next segment if there is none in this one.
fn end_of_damage(
    folder: &Path,
    wrapping: &SealingKey,
    holes: &Holes,
    (position, damage): (Position, Damage),
) -> Result<Position, Error> {
    let next_segment = Position::at(position.ordinal().saturating_add(1), 0);
    if matches!(damage, Damage::Header | Damage::MissingSegment) {
        return Ok(next_segment);
    }
    match SegmentReader::open(folder, position.ordinal(), wrapping, holes) {
        Ok(mut reader) => {
            reader.seek(position.offset());
            Ok(reader.intact_behind()?.unwrap_or(next_segment))
        }
        Err(NoHeader::Unused) => Ok(next_segment),
        Err(NoHeader::Bad(error)) => Err(error),
    }
}

/// The last record of each chain before a place, archived ones among them.
fn heads_before(
    folder: &Path,
    options: &Options,
    wrapping: &SealingKey,
    place: Position,
    holes: &Holes,
) -> Result<Vec<TenantHead>, Error> {
    let mut heads: BTreeMap<TenantId, Head> = BTreeMap::new();
    let purges = purge::lines(folder)?;
    let purges = purge::all(&purges, &options.keys.public()?, Some(options.instance));
    let purges = purges.map_err(|line| Error::BadPurge { line })?;
    for named in purges.last().into_iter().flat_map(|purge| &purge.heads) {
        heads.insert(named.tenant, named.head);
    }
    let mut take = |record: &Record, position: Position| {
        heads.insert(record.stream.tenant, head_of(record, position));
    };
    let bundle = Bundle::journal(folder, &options.keys.encryption)?;
    bundle.each_record_before(place.ordinal(), |record| {
        // Archived records have lost their place; they stand before this segment.
        take(record, Position::at(place.ordinal(), 0));
    })?;
    if let Some(mut reader) = open_if_there(folder, place.ordinal(), wrapping, holes)? {
        while let Step::Frame(raw) = reader.next(place.offset())? {
            let frame = content::parse(raw)?.frame;
            if frame.position >= place {
                break;
            }
            if let content::Content::Record(record) = &frame.content {
                take(record, frame.next);
            }
        }
    }
    Ok(named(heads))
}

/// The first record of each chain behind a place, however much else is damaged there.
fn next_behind(
    folder: &Path,
    wrapping: &SealingKey,
    holes: &Holes,
    place: Position,
) -> Result<Vec<TenantHead>, Error> {
    let mut first: BTreeMap<TenantId, Head> = BTreeMap::new();
    for ordinal in segment::list(folder)? {
        if ordinal < place.ordinal() {
            continue;
        }
        let Some(mut reader) = open_if_there(folder, ordinal, wrapping, holes)? else {
            continue;
        };
        if ordinal == place.ordinal() {
            reader.seek(place.offset());
        }
        loop {
            let raw = match reader.next(u32::MAX)? {
                Step::Frame(raw) => raw,
                Step::End => break,
                Step::Broken(_) => match reader.intact_behind()? {
                    Some(intact) => {
                        reader.seek(intact.offset());
                        continue;
                    }
                    None => break,
                },
            };
            let next = raw.next;
            // One that has no sense stops the repair when it is reached.
            let Ok(parsed) = content::parse(raw) else {
                continue;
            };
            if let content::Content::Record(record) = &parsed.frame.content {
                let tenant = record.stream.tenant;
                first.entry(tenant).or_insert_with(|| head_of(record, next));
            }
        }
    }
    Ok(named(first))
}

/// A segment, unless it is damaged from its begin or not there.
fn open_if_there(
    folder: &Path,
    ordinal: u32,
    wrapping: &SealingKey,
    holes: &Holes,
) -> Result<Option<SegmentReader>, Error> {
    match SegmentReader::open(folder, ordinal, wrapping, holes) {
        Ok(reader) => Ok(Some(reader)),
        Err(error) if error.is_lost() => Ok(None),
        Err(NoHeader::Bad(error)) => Err(error),
        Err(NoHeader::Unused) => Ok(None),
    }
}

fn head_of(record: &Record, position: Position) -> Head {
    Head {
        hash: record.hash,
        incarnation: record.stream.incarnation,
        position,
        sequence: record.sequence,
    }
}

fn named(heads: BTreeMap<TenantId, Head>) -> Vec<TenantHead> {
    let named = |(tenant, head)| TenantHead { tenant, head };
    heads.into_iter().map(named).collect()
}
