//! Room for answers.
//!
//! What a provider sends is in memory until its caller has taken it. One answer has a limit of
//! its own; all of them together have this one, so that a crowd of large answers is refused
//! before it is an end of the process. Small ones are not counted.
//!
//! A whole answer takes its share while it comes and keeps it until its last byte is gone. A
//! stream has a share for the frame that is not whole yet, which grows and shrinks with it; a
//! large piece on its way to the caller has one of its own, and ends with it.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

const KIB: usize = 1024;
/// So much of each answer is not counted.
const FREE_BYTES: usize = 64 * KIB;

/// The room of one process.
#[derive(Debug)]
pub(crate) struct Room(Arc<Semaphore>);

impl Room {
    /// Room for so many bytes.
    pub(crate) fn new(bytes: usize) -> Self {
        let permits = (bytes / KIB).min(Semaphore::MAX_PERMITS);
        Room(Arc::new(Semaphore::new(permits)))
    }

    /// The share of one answer, empty as yet.
    pub(crate) fn share(&self) -> Share {
        Share {
            room: self.0.clone(),
            taken: None,
        }
    }
}

/// What one answer has taken; it is given back when dropped.
#[derive(Debug)]
pub(crate) struct Share {
    room: Arc<Semaphore>,
    taken: Option<OwnedSemaphorePermit>,
}

impl Share {
    /// Gives bytes a share of their own in the same room; none if there is no room for them.
    pub(crate) fn apart(&self, bytes: Bytes) -> Option<Bytes> {
        if bytes.len() <= FREE_BYTES {
            return Some(bytes);
        }
        let (room, taken) = (self.room.clone(), None);
        let mut share = Share { room, taken };
        share.covers(bytes.len()).then(|| share.keep(bytes))
    }

    /// As [`Share::covers`], and gives back what so many bytes do not need.
    pub(crate) fn follows(&mut self, bytes: usize) -> bool {
        if let Some(taken) = &mut self.taken {
            let wanted = bytes.saturating_sub(FREE_BYTES).div_ceil(KIB);
            let spare = taken.num_permits().saturating_sub(wanted);
            drop(taken.split(spare));
        }
        self.covers(bytes)
    }

    /// Takes what is missing to hold so many bytes in all; false if there is no room for them.
    pub(crate) fn covers(&mut self, bytes: usize) -> bool {
        if bytes <= FREE_BYTES {
            return true;
        }
        let wanted = (bytes - FREE_BYTES).div_ceil(KIB);
        let taken = self.taken.as_ref().map_or(0, |taken| taken.num_permits());
        let Some(missing) = wanted.checked_sub(taken).filter(|missing| *missing > 0) else {
            return true;
        };
        let missing = u32::try_from(missing).unwrap_or(u32::MAX);
        let Ok(more) = self.room.clone().try_acquire_many_owned(missing) else {
            return false;
        };
        match &mut self.taken {
            Some(taken) => taken.merge(more),
            none => *none = Some(more),
        }
        true
    }

    /// Keeps what was taken for as long as these bytes live.
    pub(crate) fn keep(self, bytes: Bytes) -> Bytes {
        match self.taken {
            None => bytes,
            Some(taken) => Bytes::from_owner(Kept {
                bytes,
                _taken: taken,
            }),
        }
    }
}

/// Bytes with the room they take.
struct Kept {
    bytes: Bytes,
    _taken: OwnedSemaphorePermit,
}

impl AsRef<[u8]> for Kept {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_that_follows_gives_back_what_is_no_longer_needed() {
        let room = Room::new(200 * KIB);
        let (mut first, mut second) = (room.share(), room.share());
        assert!(first.follows(FREE_BYTES + 150 * KIB));
        assert!(!second.follows(FREE_BYTES + 51 * KIB));
        assert!(first.follows(FREE_BYTES + 149 * KIB));
        assert!(second.follows(FREE_BYTES + 51 * KIB));
        assert!(first.follows(0) && second.follows(FREE_BYTES + 200 * KIB));
        let large = || Bytes::from(vec![0; FREE_BYTES + 1]);
        assert_eq!(first.apart(large()), None);
        second.follows(FREE_BYTES + 199 * KIB);
        let apart = first.apart(large()).expect("there is room");
        assert!(!second.follows(FREE_BYTES + 200 * KIB));
        drop(apart);
        assert!(second.follows(FREE_BYTES + 200 * KIB));
    }

    #[test]
    fn answers_share_the_room_and_give_it_back_with_their_last_byte() {
        let room = Room::new(200 * KIB);
        let (mut first, mut second) = (room.share(), room.share());
        assert!(first.covers(FREE_BYTES + 100 * KIB) && first.covers(FREE_BYTES + 150 * KIB));
        assert!(second.covers(FREE_BYTES), "small ones are not counted");
        assert!(!second.covers(FREE_BYTES + 51 * KIB));
        let kept = first.keep(Bytes::from_static(b"the answer"));
        assert!(
            !second.covers(FREE_BYTES + 51 * KIB),
            "it is still to be taken"
        );
        let part = kept.slice(1..3);
        drop(kept);
        assert!(!second.covers(FREE_BYTES + 51 * KIB));
        drop(part);
        assert!(second.covers(FREE_BYTES + 51 * KIB));
    }
}
