//! Server-sent events, cut into frames without changing a byte.
//!
//! A [`Framer`] is fed with whatever the network delivers and gives back [`Block`]s of whole
//! frames: the very bytes that came in, ready to be passed on, with the fields of each frame
//! readable beside them. Where the bytes were split on the way makes no difference to the
//! frames. A frame that grows beyond the limit is refused, so memory stays bounded.
//!
//! Understood, as the WHATWG standard (section 9.2.6, read 2026-11) has it: `\n`, `\r\n` and
//! `\r` as line ends, comments, several `data` lines, one leading byte order mark, fields
//! without a colon, an unfinished last frame (given out by [`Framer::finish`], never
//! interpreted).

use std::borrow::Cow;
use std::ops::Range;

use bytes::{Bytes, BytesMut};

/// The largest frame that is accepted unless told otherwise.
pub const FRAME_LIMIT_BYTES: usize = 16 * 1024 * 1024;

/// A buffer that is larger than this is not kept for the next frame.
const KEPT_BYTES: usize = 64 * 1024;

/// A frame exceeded the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a frame of the stream is larger than {limit_bytes} bytes")]
pub struct FrameTooLarge {
    /// The limit.
    pub limit_bytes: usize,
}

/// Cuts a stream of bytes into frames.
#[derive(Debug)]
pub struct Framer {
    buffer: BytesMut,
    /// How far into `buffer` line ends have been looked for.
    scanned: usize,
    /// Where the line that `scanned` stands in began.
    line_start: usize,
    limit_bytes: usize,
    at_stream_start: bool,
}

impl Default for Framer {
    fn default() -> Self {
        Framer::new(FRAME_LIMIT_BYTES)
    }
}

impl Framer {
    /// A framer that refuses frames above the limit.
    pub fn new(limit_bytes: usize) -> Framer {
        Framer {
            buffer: BytesMut::new(),
            scanned: 0,
            line_start: 0,
            limit_bytes,
            at_stream_start: true,
        }
    }

    /// Takes the next bytes and gives back all frames that are now whole.
    ///
    /// # Errors
    /// [`FrameTooLarge`]; the stream is then beyond repair.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<Block, FrameTooLarge> {
        self.buffer.extend_from_slice(bytes);
        let mut ends = Vec::new();
        let mut frame_start = 0;
        while let Some(line_end) = self.next_line_end() {
            let blank = self.line_is_blank(line_end.start);
            self.line_start = line_end.end;
            self.scanned = line_end.end;
            if blank {
                if line_end.end.saturating_sub(frame_start) > self.limit_bytes {
                    return Err(FrameTooLarge {
                        limit_bytes: self.limit_bytes,
                    });
                }
                ends.push(line_end.end);
                frame_start = line_end.end;
            }
        }
        if self.buffer.len().saturating_sub(frame_start) > self.limit_bytes {
            return Err(FrameTooLarge {
                limit_bytes: self.limit_bytes,
            });
        }
        let block = self.buffer.split_to(frame_start).freeze();
        if block.len() > KEPT_BYTES {
            // The rest has a buffer of its own, so that the large one ends with its frames.
            self.buffer = BytesMut::from(self.buffer.as_ref());
        }
        self.scanned = self.scanned.saturating_sub(frame_start);
        self.line_start = self.line_start.saturating_sub(frame_start);
        let first_of_stream = self.at_stream_start && !ends.is_empty();
        self.at_stream_start &= ends.is_empty();
        Ok(Block {
            bytes: block,
            ends,
            first_of_stream,
        })
    }

    /// How many bytes of an unfinished frame are kept.
    pub fn pending_bytes(&self) -> usize {
        self.buffer.len()
    }

    /// Gives back the unfinished rest after the last byte. By the standard it is no event.
    pub fn finish(&mut self) -> Bytes {
        self.scanned = 0;
        self.line_start = 0;
        self.buffer.split().freeze()
    }

    /// The next line end at or after `scanned`, if it is certain where it ends.
    fn next_line_end(&mut self) -> Option<Range<usize>> {
        let rest = self.buffer.get(self.scanned..)?;
        let found = rest.iter().position(|&byte| byte == b'\n' || byte == b'\r');
        let Some(offset) = found else {
            self.scanned = self.buffer.len();
            return None;
        };
        let at = self.scanned.saturating_add(offset);
        self.scanned = at;
        match (self.buffer.get(at), self.buffer.get(at.saturating_add(1))) {
            (Some(b'\n'), _) => Some(at..at.saturating_add(1)),
            // Whether a line feed belongs to it is known only with the next byte.
            (Some(b'\r'), None) => None,
            (Some(b'\r'), Some(b'\n')) => Some(at..at.saturating_add(2)),
            (Some(b'\r'), Some(_)) => Some(at..at.saturating_add(1)),
            _ => None,
        }
    }

    fn line_is_blank(&self, line_end: usize) -> bool {
        let line = self
            .buffer
            .get(self.line_start..line_end)
            .unwrap_or_default();
        let line = match self.at_stream_start && self.line_start == 0 {
            true => line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line),
            false => line,
        };
        line.is_empty()
    }
}

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Whole frames, one after the other, exactly as they came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    bytes: Bytes,
    ends: Vec<usize>,
    first_of_stream: bool,
}

impl Block {
    /// The bytes of all frames.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// Whether no frame is in it.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The frames in order.
    pub fn frames(&self) -> impl Iterator<Item = Frame<'_>> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts
            .zip(self.ends.iter().copied())
            .enumerate()
            .map(|(index, (start, end))| {
                let raw = self.bytes.get(start..end).unwrap_or_default();
                let text = match self.first_of_stream && index == 0 {
                    true => raw.strip_prefix(BYTE_ORDER_MARK).unwrap_or(raw),
                    false => raw,
                };
                Frame::read(start..end, raw, text)
            })
    }
}

/// One frame: its place and bytes in the block, and what it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame<'a> {
    /// Where it stands in the block.
    pub range: Range<usize>,
    /// Its bytes, with the blank line that ends it.
    pub raw: &'a [u8],
    /// The last `event` field.
    pub event: Option<&'a [u8]>,
    /// The `data` fields, joined by line feeds; none for comments and blank lines.
    pub data: Option<Cow<'a, [u8]>>,
}

impl<'a> Frame<'a> {
    fn read(range: Range<usize>, raw: &'a [u8], text: &'a [u8]) -> Frame<'a> {
        let mut frame = Frame {
            range,
            raw,
            event: None,
            data: None,
        };
        for line in lines(text) {
            let (name, value) = match line.iter().position(|&byte| byte == b':') {
                Some(colon) => {
                    let (name, value) = line.split_at(colon);
                    let value = value.strip_prefix(b":").unwrap_or(value);
                    (name, value.strip_prefix(b" ").unwrap_or(value))
                }
                None => (line, &[][..]),
            };
            match name {
                b"event" => frame.event = Some(value),
                b"data" => {
                    frame.data = Some(match frame.data.take() {
                        None => Cow::Borrowed(value),
                        Some(before) => {
                            let mut joined = before.into_owned();
                            joined.push(b'\n');
                            joined.extend_from_slice(value);
                            Cow::Owned(joined)
                        }
                    });
                }
                _ => {}
            }
        }
        frame
    }
}

/// The lines of a frame without their ends.
pub(crate) fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    // A carriage return before a line feed leaves an empty piece, which says nothing.
    text.split(|&byte| byte == b'\n' || byte == b'\r')
        .filter(|line| !line.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    type Said = (Option<String>, Option<String>);

    fn all_frames(pieces: &[&[u8]]) -> (Vec<Said>, Vec<u8>) {
        let mut framer = Framer::default();
        let (mut said, mut passed) = (Vec::new(), Vec::new());
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        for piece in pieces {
            let block = framer.feed(piece).expect("small frames");
            passed.extend_from_slice(block.bytes());
            said.extend(
                block
                    .frames()
                    .map(|frame| (frame.event.map(text), frame.data.as_deref().map(text))),
            );
        }
        passed.extend_from_slice(&framer.finish());
        (said, passed)
    }

    const MIXED: &[u8] = b"\xef\xbb\xbfdata: one\n\n: PROCESSING\n\nevent: two\r\ndata: a\r\ndata:b\r\nid: 7\r\n\r\n\
        data\rdata:  padded\r\rdata: [DONE]\n\ndata: never finished\n";

    #[test]
    fn frames_are_the_same_wherever_the_bytes_were_split() {
        let (whole, passed) = all_frames(&[MIXED]);
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(passed, MIXED);
        assert_eq!(
            whole,
            [
                (None, some("one")),
                (None, None),
                (some("two"), some("a\nb")),
                (None, some("\n padded")),
                (None, some("[DONE]")),
            ]
        );
        for first in 0..=MIXED.len() {
            for second in first..=MIXED.len() {
                let pieces = [&MIXED[..first], &MIXED[first..second], &MIXED[second..]];
                assert_eq!(
                    all_frames(&pieces),
                    (whole.clone(), passed.clone()),
                    "{first} {second}"
                );
            }
        }
        let bytes: Vec<&[u8]> = MIXED.chunks(1).collect();
        assert_eq!(all_frames(&bytes), (whole, passed));
    }

    #[test]
    fn the_buffer_of_a_large_frame_ends_with_it() {
        let mut framer = Framer::default();
        let mut large = vec![b'x'; 10 * KEPT_BYTES];
        large.extend_from_slice(b"\n\ndata: next");
        let block = framer.feed(&large).expect("a frame");
        assert_eq!(block.bytes().len(), large.len() - 10);
        assert_eq!(framer.pending_bytes(), 10);
        assert!(block.bytes().is_unique(), "nothing else keeps it");
        drop(block);
        let next = framer.feed(b"\n\n").expect("a frame");
        assert_eq!(next.bytes().as_ref(), b"data: next\n\n");
        assert!(framer.buffer.capacity() <= KEPT_BYTES);
    }

    #[test]
    fn a_frame_without_end_is_refused_before_it_fills_the_memory() {
        let mut framer = Framer::new(64);
        assert!(framer.feed(&[b'x'; 60]).is_ok());
        assert_eq!(
            framer.feed(b"12345"),
            Err(FrameTooLarge { limit_bytes: 64 })
        );
        let mut whole = Framer::new(8);
        assert_eq!(
            whole.feed(b"data: 12345678\n\n"),
            Err(FrameTooLarge { limit_bytes: 8 })
        );
    }

    #[test]
    fn a_mark_in_the_middle_of_a_stream_is_not_a_byte_order_mark() {
        let (said, _) = all_frames(&[b"data: a\n\n\xef\xbb\xbfdata: b\n\n"]);
        assert_eq!(said[1], (None, None), "the field's name is not `data`");
    }
}
