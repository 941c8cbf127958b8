//! Acknowledged losses: what was damaged and is given up, so that the rest can go on.
//!
//! A journal with damage does not open, since nobody can say what is missing. An operator may
//! decide that it is lost ([`Journal::repair`](crate::Journal::repair)): then the place of the
//! damage and the last known record of every chain before it are signed and kept in the file
//! `losses`, one line each, in the form of a checkpoint's line. Reading skips such a place, a
//! check tells the gap as a loss and not as a removal, and the bytes stay where they are.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use iron_primitives::InstanceId;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::checkpoint::TenantHead;
use crate::error::At;
use crate::keys::Signer;
use crate::{Error, Position, PublicKey, canonical};

/// Stands before the body when it is signed.
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
    /// Where the journal can be read again.
    pub to: Position,
    /// The version of this form.
    pub version: u32,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line<'a> {
    #[serde(borrow)]
    body: &'a RawValue,
    key: PublicKey,
    signature: std::borrow::Cow<'a, str>,
}

impl Loss {
    /// The signed line; none in practice fails to be one.
    fn line(&self, signer: &Signer) -> Option<Vec<u8>> {
        let body = canonical::to_vec(self).ok()?;
        let signature = hex::encode(signer.sign(&[CONTEXT, body.as_bytes()].concat()));
        let raw = RawValue::from_string(body.as_str().to_owned()).ok()?;
        let line = Line {
            body: &raw,
            key: signer.public(),
            signature: signature.into(),
        };
        let mut line = serde_json::to_vec(&line).ok()?;
        line.push(b'\n');
        Some(line)
    }

    /// Reads a line, if it is signed with this key.
    pub(crate) fn signed(line: &[u8], key: &PublicKey) -> Option<Loss> {
        let parsed: Line<'_> = serde_json::from_slice(line).ok()?;
        let body = parsed.body.get().as_bytes();
        let mut signature = [0; 64];
        hex::decode_to_slice(parsed.signature.as_bytes(), &mut signature).ok()?;
        let signed = parsed.key == *key && key.verifies(&[CONTEXT, body].concat(), &signature);
        signed.then(|| serde_json::from_slice(body).ok()).flatten()
    }

    /// Signs the loss and makes it durable.
    pub(crate) fn append(&self, folder: &Path, signer: &Signer) -> Result<(), Error> {
        let path = folder.join(FILE_NAME);
        let line = self.line(signer).unwrap_or_default();
        let mut file = OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o600)
            .open(&path)
            .at("open", &path)?;
        file.write_all(&line).at("write", &path)?;
        file.sync_all().at("sync", &path)?;
        crate::segment::sync_folder(folder)
    }
}

/// The lines of the file in a folder; none if nothing was ever lost.
pub(crate) fn lines(folder: &Path) -> Result<Vec<Vec<u8>>, Error> {
    let path = folder.join(FILE_NAME);
    let bytes = match std::fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => {
            let action = "read";
            return Err(Error::Io {
                action,
                path,
                source,
            });
        }
    };
    let lines = bytes.split(|byte| *byte == b'\n');
    Ok(lines
        .filter(|line| !line.is_empty())
        .map(<[u8]>::to_vec)
        .collect())
}

/// The places that reading skips. Whether they were given up by the right hand is for the check
/// to say: who removes a frame gains nothing by naming the place.
#[derive(Debug, Clone, Default)]
pub(crate) struct Holes(Vec<(Position, Position)>);

impl Holes {
    pub(crate) fn read(folder: &Path) -> Result<Holes, Error> {
        let mut holes = Vec::new();
        for line in lines(folder)? {
            let parsed: Option<Line<'_>> = serde_json::from_slice(&line).ok();
            let loss = parsed.and_then(|line| serde_json::from_str::<Loss>(line.body.get()).ok());
            holes.extend(loss.map(|loss| (loss.from, loss.to)));
        }
        Ok(Holes(holes))
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
