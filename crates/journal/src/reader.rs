//! Reading beside the writer.

use std::sync::Arc;

use crate::content::{self, Frame};
use crate::journal::Journal;
use crate::segment::{HEADER_BYTES, NoHeader, SegmentReader, Step};
use crate::sync::lock;
use crate::writer::Shared;
use crate::{Cursor, Error, Position, Stopped};

/// Reads the frames behind a cursor, but only those that are on disk.
///
/// What it gives can be projected: no power cut takes it back.
pub struct Reader {
    shared: Arc<Shared>,
    cursor: Cursor,
    segment: Option<SegmentReader>,
}

impl Journal {
    /// Reads on from a cursor; from [`Position::START`] everything that is kept.
    ///
    /// # Errors
    /// [`Error::CursorAhead`] if the journal ends before the cursor: the folder is older than
    /// whoever kept the cursor.
    pub fn read_from(&self, cursor: Cursor) -> Result<Reader, Error> {
        let end = self.position();
        if cursor > end {
            return Err(Error::CursorAhead { cursor, end });
        }
        Ok(Reader {
            shared: Arc::clone(self.shared()),
            cursor,
            segment: None,
        })
    }
}

impl Reader {
    /// The place behind the last frame that was given.
    pub fn cursor(&self) -> Cursor {
        self.cursor
    }

    /// Waits until there is something behind the cursor.
    pub async fn ready(&self) -> Result<(), Stopped> {
        let next = Position::from_u64(self.cursor.to_u64().saturating_add(1));
        self.shared.progress.reached(next).await
    }

    /// The next frames, at most `most`; none if the disk has nothing behind the cursor. Blocks
    /// while it reads.
    ///
    /// # Errors
    /// What is wrong at the cursor; the frames before it have been given.
    pub fn next_frames(&mut self, most: usize) -> Result<Vec<Frame>, Error> {
        let mut frames = Vec::new();
        let durable = self.shared.progress.durable();
        while frames.len() < most {
            match self.step(durable) {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => break,
                Err(error) if frames.is_empty() => return Err(error),
                Err(_) => break,
            }
        }
        Ok(frames)
    }

    fn step(&mut self, durable: Position) -> Result<Option<Frame>, Error> {
        while self.cursor < durable {
            let Some(limit) = self.enter_segment(durable)? else {
                return Ok(None);
            };
            let Some(segment) = &mut self.segment else {
                return Ok(None);
            };
            match segment.next(limit)? {
                Step::Frame(raw) => {
                    let next = raw.next;
                    let frame = content::parse(raw)?.frame;
                    self.cursor = next;
                    return Ok(Some(frame));
                }
                // The segment is complete and holds nothing more, perhaps nothing at all.
                Step::End if self.cursor.ordinal() < durable.ordinal() => {
                    self.cursor = begin_of(self.cursor.ordinal().saturating_add(1));
                }
                Step::End => return Ok(None),
                Step::Broken(damage) => {
                    let position = self.cursor;
                    return Err(Error::Damaged { position, damage });
                }
            }
        }
        Ok(None)
    }

    /// Opens the segment that the cursor stands in, and gives the offset up to which it may be
    /// read.
    fn enter_segment(&mut self, durable: Position) -> Result<Option<u32>, Error> {
        loop {
            let (ordinal, limit) = {
                let complete = lock(&self.shared.complete);
                let from = self.cursor.ordinal();
                match complete.range(from..).next() {
                    Some((ordinal, end)) => (*ordinal, end.offset()),
                    None => (durable.ordinal().max(from), durable.offset()),
                }
            };
            let limit = if ordinal == durable.ordinal() {
                limit.min(durable.offset())
            } else {
                limit
            };
            if ordinal > durable.ordinal() {
                return Ok(None);
            }
            let begun = ordinal == self.cursor.ordinal();
            if begun && self.cursor.offset() >= limit {
                if ordinal == durable.ordinal() {
                    return Ok(None);
                }
                self.cursor = begin_of(ordinal.saturating_add(1));
                continue;
            }
            // Never before the first frame: waiting for more would find the header, for ever.
            if !begun || self.cursor < begin_of(ordinal) {
                self.cursor = begin_of(ordinal);
            }
            if self
                .segment
                .as_ref()
                .is_none_or(|segment| segment.header.ordinal != ordinal)
            {
                let Shared {
                    folder,
                    wrapping,
                    holes,
                    ..
                } = &*self.shared;
                let opened = SegmentReader::open(folder, ordinal, wrapping, holes);
                self.segment = Some(match opened {
                    Ok(segment) => segment,
                    Err(error) if error.is_lost() && holes.take(ordinal) => {
                        self.cursor = begin_of(ordinal.saturating_add(1));
                        continue;
                    }
                    Err(NoHeader::Bad(error)) => return Err(error),
                    Err(NoHeader::Unused) => return Ok(None),
                });
            }
            if let Some(segment) = &mut self.segment {
                segment.seek(self.cursor.offset());
            }
            return Ok(Some(limit));
        }
    }
}

/// Where the first frame of a segment stands.
const fn begin_of(ordinal: u32) -> Position {
    Position::at(ordinal, HEADER_BYTES)
}
