//! Where a frame stands in the journal.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A place between two frames: the number of a segment and a byte offset inside it.
///
/// Positions only grow. `append` gives the place behind the frame it wrote; a reader starts at
/// such a place ([`Cursor`]) and sees everything behind it. The number is fit for a database
/// column and stays below 2⁶³ for two thousand million segments.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Position(u64);

/// A place from which a reader goes on: the position behind the last frame it has done with.
pub type Cursor = Position;

impl Position {
    /// Before everything that was ever written.
    pub const START: Position = Position(0);

    /// The place at `offset` of segment `ordinal`.
    pub(crate) const fn at(ordinal: u32, offset: u32) -> Self {
        Position(((ordinal as u64) << 32) | offset as u64)
    }

    /// The number of the segment.
    pub const fn ordinal(self) -> u32 {
        (self.0 >> 32) as u32
    }

    /// The byte offset inside the segment.
    pub const fn offset(self) -> u32 {
        self.0 as u32
    }

    /// The number to be stored.
    pub const fn to_u64(self) -> u64 {
        self.0
    }

    /// The position that [`Position::to_u64`] gave.
    pub const fn from_u64(number: u64) -> Self {
        Position(number)
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.ordinal(), self.offset())
    }
}
