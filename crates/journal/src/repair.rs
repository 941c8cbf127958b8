//! Giving up what is damaged, so that the rest can be read.

use std::collections::BTreeMap;
use std::path::Path;

use iron_primitives::{Environment, TenantId};

use crate::checkpoint::{CheckpointFile, TenantHead};
use crate::keys::{SealingKey, Signer};
use crate::loss::{Holes, Loss};
use crate::record::Record;
use crate::recover::{Scan, take_lock};
use crate::segment::{NoHeader, SegmentReader, Step};
use crate::verify::Bundle;
use crate::{Damage, Error, Head, Journal, Options, Position, content};

impl Journal {
    /// Gives up every place of a closed journal that is damaged, and only these. What was lost
    /// is signed and stays known; the bytes are not touched. Gives what was lost now: nothing if
    /// the journal is intact. Blocks.
    ///
    /// Afterwards the journal opens, and says [`Recovered::holed`](crate::Recovered::holed) if
    /// money may have been noted in what was lost.
    ///
    /// # Errors
    /// Whatever else than damage keeps the journal from being opened; it is not given up.
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
            let holes = Holes::read(folder)?;
            let mut scan = Scan::new(Some(options.instance), holes.clone());
            let read = scan.folder(folder, &wrapping);
            let (position, damage) = match read.and_then(|()| scan.heads(&ledger)) {
                Ok(_) => return Ok(losses),
                Err(Error::Damaged { position, damage }) => (position, damage),
                Err(other) => return Err(other),
            };
            if holes.end_of(position).is_some() {
                // Giving up the same place again would not help.
                return Err(Error::Damaged { position, damage });
            }
            let to = end_of_damage(folder, &wrapping, position, damage)?;
            let loss = Loss {
                at_micros: environment.now().micros(),
                damage: damage.to_string(),
                from: position,
                heads: heads_before(folder, options, &wrapping, position)?,
                instance: options.instance,
                to,
                version: 1,
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
    position: Position,
    damage: Damage,
) -> Result<Position, Error> {
    let next_segment = Position::at(position.ordinal().saturating_add(1), 0);
    if matches!(damage, Damage::Header | Damage::MissingSegment) {
        return Ok(next_segment);
    }
    match SegmentReader::open(folder, position.ordinal(), wrapping) {
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
) -> Result<Vec<TenantHead>, Error> {
    let mut heads: BTreeMap<TenantId, Head> = BTreeMap::new();
    let mut take = |record: &Record, position: Position| {
        let head = Head {
            hash: record.hash,
            incarnation: record.stream.incarnation,
            position,
            sequence: record.sequence,
        };
        heads.insert(record.stream.tenant, head);
    };
    let bundle = Bundle::journal(folder, &options.keys.encryption)?;
    bundle.each_record_before(place.ordinal(), |record| {
        // Archived records have lost their place; they stand before this segment.
        take(record, Position::at(place.ordinal(), 0));
    })?;
    if let Ok(mut reader) = SegmentReader::open(folder, place.ordinal(), wrapping) {
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
    let named = |(tenant, head)| TenantHead { tenant, head };
    Ok(heads.into_iter().map(named).collect())
}
