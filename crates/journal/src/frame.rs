//! One frame: how an entry lies in a segment.
//!
//! ```text
//! magic 4 │ length 4 │ durable 8 │ CRC32C 4 │ sealed: kind 2, payload …, tag 16
//! ```
//!
//! All numbers are little-endian; `length` counts the sealed part. The checksum covers all
//! but itself. The nonce is the frame's position, which no segment has twice, and the data key
//! is the segment's own; so no nonce is ever used twice under one key. `durable` is the position
//! that was known to be on disk when the frame was written. It is what tells a torn tail from
//! damage: if an intact frame vouches that a broken place had been durable, something has
//! changed the file.

use crate::keys::{NONCE_BYTES, SealingKey, TAG_BYTES};
use crate::{Damage, Position, Stopped};

/// Begins every frame.
pub(crate) const MAGIC: [u8; 4] = *b"ICf1";
/// Bytes before the sealed part.
pub(crate) const HEADER_BYTES: usize = 20;
/// Bytes of the kind.
const KIND_BYTES: usize = 2;
/// The largest payload of one frame.
pub(crate) const MAX_PAYLOAD_BYTES: usize = 16 << 20;
/// The smallest sealed part.
const MIN_SEALED_BYTES: usize = KIND_BYTES + TAG_BYTES;

/// What callers write as opaque bytes. The numbers are the tags on disk and never change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u16)]
pub enum FrameKind {
    /// Money was set aside for an attempt that is about to be sent.
    Reserve = 1,
    /// A hold was let go because its attempt was never sent.
    Release = 2,
    /// A lease was granted, topped up, returned or ended.
    Lease = 3,
    /// The complete picture of all leases and open holds: recovery begins at the last one.
    LeaseSnapshot = 4,
    /// Up to here leases may be used without another durable note.
    Watermark = 5,
}

/// All tags, those of the journal's own frames too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u16)]
pub(crate) enum Tag {
    Opaque(FrameKind),
    Record,
    Checkpoint,
    Close,
    Seal,
}

impl Tag {
    const fn number(self) -> u16 {
        match self {
            Tag::Opaque(kind) => kind as u16,
            Tag::Record => 16,
            Tag::Checkpoint => 17,
            Tag::Close => 18,
            Tag::Seal => 19,
        }
    }

    const fn of(number: u16) -> Option<Tag> {
        Some(match number {
            1 => Tag::Opaque(FrameKind::Reserve),
            2 => Tag::Opaque(FrameKind::Release),
            3 => Tag::Opaque(FrameKind::Lease),
            4 => Tag::Opaque(FrameKind::LeaseSnapshot),
            5 => Tag::Opaque(FrameKind::Watermark),
            16 => Tag::Record,
            17 => Tag::Checkpoint,
            18 => Tag::Close,
            19 => Tag::Seal,
            _ => return None,
        })
    }
}

/// Builds one frame in a buffer that is used again and again.
#[derive(Default)]
pub(crate) struct FrameBuilder {
    buffer: Vec<u8>,
}

impl FrameBuilder {
    /// Begins a frame; the payload is then appended to the buffer that is given.
    pub(crate) fn begin(&mut self, tag: Tag) -> &mut Vec<u8> {
        self.buffer.clear();
        self.buffer.resize(HEADER_BYTES, 0);
        self.buffer.extend_from_slice(&tag.number().to_le_bytes());
        &mut self.buffer
    }

    /// Where the payload begins in the buffer.
    pub(crate) const PAYLOAD_START: usize = HEADER_BYTES + KIND_BYTES;

    /// The length the frame will have.
    pub(crate) fn frame_bytes(&self) -> usize {
        self.buffer.len() + TAG_BYTES
    }

    /// Seals the frame for its place and gives its bytes.
    pub(crate) fn finish(
        &mut self,
        key: &SealingKey,
        position: Position,
        durable: Position,
    ) -> Result<&[u8], Stopped> {
        if self.buffer.len() > Self::PAYLOAD_START + MAX_PAYLOAD_BYTES {
            return Err(Stopped::Oversized);
        }
        let (header, text) = self
            .buffer
            .split_at_mut_checked(HEADER_BYTES)
            .ok_or(Stopped::Oversized)?;
        let length = u32::try_from(text.len() + TAG_BYTES).map_err(|_| Stopped::Oversized)?;
        let mut context = [0; 16];
        write_context(&mut context, length, durable);
        let tag = key
            .seal(nonce(position), &context, text)
            .map_err(|_| Stopped::Oversized)?;
        let crc =
            crc32c::crc32c_append(crc32c::crc32c_append(crc32c::crc32c(&context), text), &tag);
        for (to, from) in header
            .iter_mut()
            .zip(context.iter().chain(&crc.to_le_bytes()))
        {
            *to = *from;
        }
        self.buffer.extend_from_slice(&tag);
        Ok(&self.buffer)
    }

    /// Gives memory back after an unusually large frame.
    pub(crate) fn shrink(&mut self) {
        const KEPT_BYTES: usize = 1 << 20;
        if self.buffer.capacity() > KEPT_BYTES {
            self.buffer = Vec::new();
        }
    }
}

fn write_context(context: &mut [u8; 16], length: u32, durable: Position) {
    let parts = MAGIC
        .into_iter()
        .chain(length.to_le_bytes())
        .chain(durable.to_u64().to_le_bytes());
    for (to, from) in context.iter_mut().zip(parts) {
        *to = from;
    }
}

fn nonce(position: Position) -> [u8; NONCE_BYTES] {
    let mut nonce = [0; NONCE_BYTES];
    for (to, from) in nonce
        .iter_mut()
        .skip(4)
        .zip(position.to_u64().to_be_bytes())
    {
        *to = from;
    }
    nonce
}

/// The readable part of a frame's header.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Header {
    /// Bytes of the whole frame.
    pub(crate) frame_bytes: usize,
    /// What was known to be durable.
    pub(crate) durable: Position,
}

/// Reads a header; `None` if it cannot be the begin of a frame.
pub(crate) fn header(bytes: &[u8]) -> Option<Header> {
    let (magic, rest) = bytes.split_first_chunk::<4>()?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let (durable, _) = rest.split_first_chunk::<8>()?;
    let length = u32::from_le_bytes(*length) as usize;
    let most = MIN_SEALED_BYTES + MAX_PAYLOAD_BYTES;
    if *magic != MAGIC || !(MIN_SEALED_BYTES..=most).contains(&length) {
        return None;
    }
    Some(Header {
        frame_bytes: HEADER_BYTES + length,
        durable: Position::from_u64(u64::from_le_bytes(*durable)),
    })
}

/// Opens a whole frame and gives its kind and payload.
pub(crate) fn open(
    frame: &[u8],
    key: &SealingKey,
    position: Position,
) -> Result<(Tag, Vec<u8>), Damage> {
    let (header, sealed) = frame
        .split_at_checked(HEADER_BYTES)
        .ok_or(Damage::Checksum)?;
    let (context, crc) = header.split_at_checked(16).ok_or(Damage::Checksum)?;
    let computed = crc32c::crc32c_append(crc32c::crc32c(context), sealed);
    if crc != computed.to_le_bytes() {
        return Err(Damage::Checksum);
    }
    let mut sealed = sealed.to_vec();
    let text = key
        .open(nonce(position), context, &mut sealed)
        .map_err(|_| Damage::NotAuthentic)?;
    let length = text.len();
    let number = match text.first_chunk::<KIND_BYTES>() {
        Some(number) => u16::from_le_bytes(*number),
        None => return Err(Damage::NotAuthentic),
    };
    let tag = Tag::of(number).ok_or(Damage::UnknownKind(number))?;
    sealed.truncate(length);
    sealed.drain(..KIND_BYTES);
    Ok((tag, sealed))
}
