//! Frames as they are read back.

use crate::checkpoint::Checkpoint;
use crate::frame::{FrameKind, Tag};
use crate::record::Record;
use crate::segment::RawFrame;
use crate::{Damage, Error, Position};

/// One entry of the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Where it begins.
    pub position: Position,
    /// Where the next one begins: the cursor of whoever has done with this one.
    pub next: Position,
    /// What it holds.
    pub content: Content,
}

/// What a frame holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// Bytes that only their writer understands.
    Opaque(FrameKind, Vec<u8>),
    /// A record of a chain.
    Record(Record),
    /// A signed checkpoint; one that closes if the incarnation ended in good order.
    Checkpoint(Box<Checkpoint>),
    /// The end of a segment.
    Seal,
}

/// A frame and, for a snapshot, since where it holds.
pub(crate) struct Parsed {
    pub(crate) frame: Frame,
    pub(crate) since: Option<Position>,
}

/// Gives the bytes of a frame their meaning.
pub(crate) fn parse(raw: RawFrame) -> Result<Parsed, Error> {
    let RawFrame {
        position,
        next,
        tag,
        mut payload,
        ..
    } = raw;
    let malformed = |number| Error::Damaged {
        position,
        damage: Damage::Malformed(number),
    };
    let mut since = None;
    let content = match tag {
        Tag::Opaque(FrameKind::LeaseSnapshot) => {
            let number = payload
                .first_chunk::<8>()
                .copied()
                .ok_or_else(|| malformed(4))?;
            payload.drain(..8);
            since = Some(Position::from_u64(u64::from_le_bytes(number)));
            Content::Opaque(FrameKind::LeaseSnapshot, payload)
        }
        Tag::Opaque(kind) => Content::Opaque(kind, payload),
        Tag::Record => Content::Record(Record::from_payload(payload).map_err(|_| malformed(16))?),
        Tag::Checkpoint | Tag::Close => {
            let checkpoint = Checkpoint::parse(&payload).map_err(|_| malformed(17))?;
            Content::Checkpoint(Box::new(checkpoint))
        }
        Tag::Seal => Content::Seal,
    };
    Ok(Parsed {
        frame: Frame {
            position,
            next,
            content,
        },
        since,
    })
}
