//! Taking bodies in, each with an end, and all together.

use std::sync::Arc;

use axum::body::Body;
use bytes::Bytes;
use http_body::Body as _;
use iron_net::body::BodyLimit;
use iron_primitives::{ErrorKind, Refusal};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::Config;

const KIB: usize = 1024;

/// Lets bodies in as long as there is room for them.
pub(crate) struct Intake {
    config: Config,
    /// One permit for each KiB.
    room: Arc<Semaphore>,
}

/// A body, and the room it takes.
pub(crate) struct Taken {
    pub(crate) bytes: Bytes,
    pub(crate) room: OwnedSemaphorePermit,
}

impl Intake {
    pub(crate) fn new(config: Config) -> Self {
        let most = config.buffered_bytes.max(config.body_limit_bytes) / KIB;
        let room = Arc::new(Semaphore::new(most.min(Semaphore::MAX_PERMITS)));
        Intake { config, room }
    }

    /// Reads a body. Room is taken for what the client announces, or for the most there may
    /// be; what it turns out not to need is given back.
    pub(crate) async fn take(&self, body: Body) -> Result<Taken, Refusal> {
        let most = self.config.body_limit_bytes;
        let too_large = Refusal::TooLarge {
            limit_bytes: most as u64,
        };
        let hint = body.size_hint();
        let announced = hint
            .exact()
            .map_or(most, |exact| usize::try_from(exact).unwrap_or(usize::MAX));
        if announced > most {
            return Err(too_large);
        }
        let mut room = self.room_for(announced).await?;
        let limit = BodyLimit {
            bytes: most,
            timeout: self.config.body_timeout,
        };
        let bytes = limit
            .read(body)
            .await
            .map_err(|problem| match problem.kind() {
                ErrorKind::PayloadTooLarge => too_large,
                _ => Refusal::Malformed {
                    detail: problem.message().to_owned(),
                },
            })?;
        let spare = room.num_permits().saturating_sub(permits(bytes.len()));
        drop(room.split(spare));
        Ok(Taken { bytes, room })
    }

    async fn room_for(&self, bytes: usize) -> Result<OwnedSemaphorePermit, Refusal> {
        let wanted = u32::try_from(permits(bytes)).unwrap_or(u32::MAX);
        let asked = self.room.clone().acquire_many_owned(wanted);
        match tokio::time::timeout(self.config.buffer_timeout, asked).await {
            Ok(Ok(room)) => Ok(room),
            _ => Err(Refusal::Overloaded {
                limit: self.room.available_permits() as u64,
            }),
        }
    }
}

const fn permits(bytes: usize) -> usize {
    bytes.div_ceil(KIB)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn intake(limit: usize, buffered: usize) -> Intake {
        Intake::new(Config {
            body_limit_bytes: limit,
            buffered_bytes: buffered,
            buffer_timeout: Duration::from_millis(10),
            ..Config::default()
        })
    }

    #[tokio::test]
    async fn a_body_takes_the_room_it_needs_and_no_more() {
        let intake = intake(100 * KIB, 100 * KIB);
        let taken = intake
            .take(Body::from(vec![0; 3 * KIB]))
            .await
            .expect("there is room");
        assert_eq!(taken.bytes.len(), 3 * KIB);
        assert_eq!(intake.room.available_permits(), 97);
        drop(taken);
        assert_eq!(intake.room.available_permits(), 100);
    }

    #[tokio::test]
    async fn bodies_that_do_not_announce_their_size_have_the_same_end() {
        let intake = intake(4 * KIB, 100 * KIB);
        let chunks = |count: usize| {
            let chunks = (0..count).map(|_| Ok::<_, std::io::Error>(vec![0_u8; KIB]));
            Body::from_stream(futures_util::stream::iter(chunks))
        };
        assert!(intake.take(chunks(4)).await.is_ok());
        let refused = intake.take(chunks(5)).await.map(|_| ());
        assert_eq!(
            refused,
            Err(Refusal::TooLarge {
                limit_bytes: 4 * KIB as u64
            })
        );
        assert_eq!(intake.room.available_permits(), 100);
    }

    #[tokio::test]
    async fn when_there_is_no_room_for_it_a_body_is_not_read() {
        let intake = intake(100 * KIB, 100 * KIB);
        let first = intake
            .take(Body::from(vec![0; 60 * KIB]))
            .await
            .expect("there is room");
        let second = intake.take(Body::from(vec![0; 60 * KIB])).await.map(|_| ());
        assert!(
            matches!(second, Err(Refusal::Overloaded { .. })),
            "{second:?}"
        );
        drop(first);
        assert!(intake.take(Body::from(vec![0; 60 * KIB])).await.is_ok());
    }
}
