//! Taking bodies in, each with an end, and all together.
//!
//! A body takes room as its bytes come, in steps, whatever its client announced: who announces
//! much, or nothing, and sends little takes little. Only the first step is waited for, because
//! nobody who waits for it holds anything; a further one is there, or the body is refused and
//! gives back what it has. So no two bodies ever wait for each other, and a slow one ends with
//! its patience.
//!
//! What came in pieces lies in one buffer that is counted by its size, so that a body of a
//! million tiny chunks takes no more than its bytes.

use std::sync::Arc;

use axum::body::Body;
use bytes::{Buf as _, Bytes};
use http_body::Body as _;
use http_body_util::BodyExt as _;
use iron_primitives::Refusal;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::Config;

const KIB: usize = 1024;
/// A body takes so much at first, or what it announces if that is less.
const FIRST_STEP_BYTES: usize = 64 * KIB;

/// Lets bodies in as long as there is room for them.
pub(crate) struct Intake {
    config: Config,
    /// One permit for each KiB.
    room: Arc<Semaphore>,
}

/// A body that is here.
pub(crate) struct Taken {
    pub(crate) bytes: Bytes,
    /// The room of a small body, for as long as its request is worked on. A large one keeps its
    /// room for as long as its bytes live, whoever holds them.
    pub(crate) room: Option<OwnedSemaphorePermit>,
}

/// Bytes with the room they take.
struct Kept {
    bytes: Bytes,
    _room: OwnedSemaphorePermit,
}

impl AsRef<[u8]> for Kept {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Intake {
    pub(crate) fn new(config: Config) -> Self {
        let most = config.buffered_bytes.max(config.body_limit_bytes) / KIB;
        let room = Arc::new(Semaphore::new(most.min(Semaphore::MAX_PERMITS)));
        Intake { config, room }
    }

    /// How much is taken in, and how long it may take.
    pub(crate) const fn config(&self) -> &Config {
        &self.config
    }

    /// Reads a body.
    pub(crate) async fn take(&self, body: Body) -> Result<Taken, Refusal> {
        if body.is_end_stream() {
            let bytes = Bytes::new();
            return Ok(Taken { bytes, room: None });
        }
        let hint = body.size_hint();
        let most = self.config.body_limit_bytes;
        if usize::try_from(hint.lower()).unwrap_or(usize::MAX) > most {
            return Err(self.too_large());
        }
        let most = hint
            .upper()
            .and_then(|upper| usize::try_from(upper).ok())
            .map_or(most, |upper| upper.min(most));
        let room = self.first_room(most.min(FIRST_STEP_BYTES)).await?;
        let patience = self.config.body_timeout;
        match tokio::time::timeout(patience, self.read(body, most, room)).await {
            Ok(taken) => taken,
            Err(_) => Err(Refusal::Malformed {
                detail: format!(
                    "the body did not arrive within {} s; send it faster",
                    patience.as_secs()
                ),
            }),
        }
    }

    /// Reads a body of at most so many bytes.
    async fn read(
        &self,
        mut body: Body,
        most: usize,
        mut room: OwnedSemaphorePermit,
    ) -> Result<Taken, Refusal> {
        let first = piece(&mut body).await?.unwrap_or_default();
        self.widen(&mut room, first.len(), first.len(), most)?;
        // Most bodies come in one piece; they are not copied.
        let bytes = match body.is_end_stream() {
            true => first,
            false => match piece(&mut body).await? {
                None => first,
                Some(second) => self.join(first, second, body, most, &mut room).await?,
            },
        };
        let spare = room.num_permits().saturating_sub(permits(bytes.len()));
        drop(room.split(spare));
        Ok(match bytes.len() > FIRST_STEP_BYTES {
            false => Taken {
                bytes,
                room: Some(room),
            },
            true => Taken {
                bytes: Bytes::from_owner(Kept { bytes, _room: room }),
                room: None,
            },
        })
    }

    /// Puts the pieces of a body into one buffer, which grows as they come.
    async fn join(
        &self,
        first: Bytes,
        second: Bytes,
        mut body: Body,
        most: usize,
        room: &mut OwnedSemaphorePermit,
    ) -> Result<Bytes, Refusal> {
        let mut whole = Vec::new();
        let mut next = Some(first.chain(second));
        while let Some(mut pieces) = next {
            let needed = whole.len().saturating_add(pieces.remaining());
            if needed > whole.capacity() {
                let wished = whole.capacity().saturating_mul(2).max(FIRST_STEP_BYTES);
                let size = self.widen(room, needed, wished, most)?;
                whole.reserve_exact(size.saturating_sub(whole.len()));
            }
            while pieces.has_remaining() {
                let part = pieces.chunk();
                whole.extend_from_slice(part);
                pieces.advance(part.len());
            }
            let more = match body.is_end_stream() {
                true => None,
                false => piece(&mut body).await?,
            };
            next = more.map(|more| more.chain(Bytes::new()));
        }
        // Only a body that did not announce its size has more than it needs.
        whole.shrink_to_fit();
        Ok(whole.into())
    }

    /// Room for what a buffer is wished to be, else for what it needs; the size it may have.
    fn widen(
        &self,
        room: &mut OwnedSemaphorePermit,
        needed: usize,
        wished: usize,
        most: usize,
    ) -> Result<usize, Refusal> {
        if needed > most {
            return Err(self.too_large());
        }
        let step = needed.saturating_add(FIRST_STEP_BYTES);
        for size in [wished.clamp(needed, most), step.min(most), needed] {
            let missing = permits(size).saturating_sub(room.num_permits());
            if missing == 0 {
                return Ok(size);
            }
            let missing = u32::try_from(missing).unwrap_or(u32::MAX);
            if let Ok(more) = self.room.clone().try_acquire_many_owned(missing) {
                room.merge(more);
                return Ok(size);
            }
        }
        Err(self.no_room())
    }

    /// Room for the first bytes. Whoever waits for it has nothing that another one waits for.
    async fn first_room(&self, bytes: usize) -> Result<OwnedSemaphorePermit, Refusal> {
        let wanted = u32::try_from(permits(bytes)).unwrap_or(u32::MAX);
        let asked = self.room.clone().acquire_many_owned(wanted);
        match tokio::time::timeout(self.config.buffer_timeout, asked).await {
            Ok(Ok(room)) => Ok(room),
            _ => Err(self.no_room()),
        }
    }

    fn no_room(&self) -> Refusal {
        let limit_bytes = self.config.buffered_bytes as u64;
        Refusal::NoRoom { limit_bytes }
    }

    fn too_large(&self) -> Refusal {
        let limit_bytes = self.config.body_limit_bytes as u64;
        Refusal::TooLarge { limit_bytes }
    }
}

/// The next bytes of a body; what is no bytes is passed over.
async fn piece(body: &mut Body) -> Result<Option<Bytes>, Refusal> {
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else {
            return Err(Refusal::Malformed {
                detail: "the body broke off before its end; send it again".to_owned(),
            });
        };
        if let Ok(bytes) = frame.into_data() {
            return Ok(Some(bytes));
        }
    }
    Ok(None)
}

const fn permits(bytes: usize) -> usize {
    bytes.div_ceil(KIB)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_util::{StreamExt as _, stream};
    use tokio::task::yield_now;

    use super::*;

    fn config(limit: usize, buffered: usize) -> Config {
        Config {
            body_limit_bytes: limit,
            buffered_bytes: buffered,
            buffer_timeout: Duration::from_millis(10),
            ..Config::default()
        }
    }

    fn intake(limit: usize, buffered: usize) -> Arc<Intake> {
        Arc::new(Intake::new(config(limit, buffered)))
    }

    fn fill(index: usize) -> u8 {
        u8::try_from(index % 251).expect("a byte")
    }

    /// A body that does not announce its size, and lets others go on between its chunks.
    fn chunks(count: usize, bytes: usize) -> Body {
        let chunks = stream::iter(0..count).then(move |index| async move {
            yield_now().await;
            Ok::<_, std::io::Error>(vec![fill(index); bytes])
        });
        Body::from_stream(chunks)
    }

    /// A body whose client sends so many bytes and then nothing more.
    fn stalled(bytes: usize) -> Body {
        let sent = stream::iter([Ok::<_, std::io::Error>(vec![0_u8; bytes])]);
        Body::from_stream(sent.chain(stream::pending()))
    }

    fn free(intake: &Intake) -> usize {
        intake.room.available_permits()
    }

    #[tokio::test]
    async fn a_body_takes_the_room_it_needs_and_no_more() {
        let intake = intake(400 * KIB, 400 * KIB);
        for bytes in [0, 1, 3 * KIB, 64 * KIB, 64 * KIB + 1, 300 * KIB] {
            for body in [Body::from(vec![0; bytes]), chunks(1, bytes)] {
                let taken = intake.take(body).await.expect("there is room");
                assert_eq!(taken.bytes.len(), bytes);
                assert_eq!(free(&intake), 400 - permits(bytes), "{bytes}");
                drop(taken);
                assert_eq!(free(&intake), 400, "{bytes}");
            }
        }
    }

    #[tokio::test]
    async fn a_large_body_keeps_its_room_until_its_last_byte_is_gone() {
        let intake = intake(400 * KIB, 400 * KIB);
        let taken = intake.take(chunks(200, KIB)).await.expect("there is room");
        assert!(taken.room.is_none());
        let part = taken.bytes.slice(5..6);
        drop(taken);
        assert_eq!(free(&intake), 200);
        drop(part);
        assert_eq!(free(&intake), 400);
    }

    #[tokio::test]
    async fn pieces_of_any_size_are_joined_as_they_came() {
        let intake = intake(400 * KIB, 400 * KIB);
        for (count, bytes) in [(2, 1), (5_000, 1), (3, 70 * KIB), (7, 40 * KIB + 3)] {
            let taken = intake.take(chunks(count, bytes)).await.expect("room");
            let expected = (0..count).flat_map(|index| vec![fill(index); bytes]);
            assert!(taken.bytes.iter().copied().eq(expected), "{count} {bytes}");
            drop(taken);
            assert_eq!(free(&intake), 400);
        }
    }

    #[tokio::test]
    async fn bodies_that_do_not_announce_their_size_have_the_same_end() {
        let intake = intake(4 * KIB, 100 * KIB);
        assert!(intake.take(chunks(4, KIB)).await.is_ok());
        for too_much in [chunks(5, KIB), chunks(1, 5 * KIB), chunks(4_097, 1)] {
            let refused = intake.take(too_much).await.map(|_| ());
            let limit_bytes = 4 * KIB as u64;
            assert_eq!(refused, Err(Refusal::TooLarge { limit_bytes }));
            assert_eq!(free(&intake), 100);
        }
    }

    #[tokio::test]
    async fn who_sends_little_takes_little_whatever_may_follow() {
        let intake = intake(400 * KIB, 400 * KIB);
        let mut slow = Vec::new();
        for _ in 0..5 {
            let intake = intake.clone();
            slow.push(tokio::spawn(async move {
                intake.take(stalled(KIB)).await.is_ok()
            }));
        }
        while free(&intake) > 400 - 5 * 64 {
            yield_now().await;
        }
        let next = intake.take(Body::from(vec![0; 70 * KIB])).await;
        assert!(next.is_ok(), "five that may become the largest are slow");
        for one in slow {
            one.abort();
            assert!(one.await.is_err());
        }
    }

    #[tokio::test]
    async fn when_the_room_is_full_a_body_is_refused_and_waits_for_nobody() {
        let intake = intake(300 * KIB, 300 * KIB);
        let no_room = Refusal::NoRoom {
            limit_bytes: 300 * KIB as u64,
        };
        let first = intake.take(chunks(4, 50 * KIB)).await.expect("room");
        // Two that both need more than is left: neither waits for the other's.
        let (second, third) = tokio::join!(
            intake.take(chunks(100, 2 * KIB)),
            intake.take(chunks(100, 2 * KIB))
        );
        assert_eq!(second.map(|_| ()), Err(no_room.clone()));
        assert_eq!(third.map(|_| ()), Err(no_room.clone()));
        assert_eq!(free(&intake), 100, "what they had is free again");
        let fits = intake.take(chunks(50, 2 * KIB)).await.expect("room");
        let none = intake.take(Body::from("{}")).await.map(|_| ());
        assert_eq!(none, Err(no_room));
        drop((first, fits));
        assert!(intake.take(chunks(150, 2 * KIB)).await.is_ok());
    }

    #[tokio::test]
    async fn a_slow_body_is_cut_and_gives_its_room_back() {
        let intake = Intake::new(Config {
            body_timeout: Duration::from_millis(20),
            ..config(400 * KIB, 400 * KIB)
        });
        let refused = intake.take(stalled(100 * KIB)).await.map(|_| ());
        let slow = |detail: &str| detail.contains("did not arrive within");
        assert!(
            matches!(&refused, Err(Refusal::Malformed { detail }) if slow(detail)),
            "{refused:?}"
        );
        assert_eq!(free(&intake), 400);
    }
}
