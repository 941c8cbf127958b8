//! How many calls are under way, and waiting until none is.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use iron_primitives::Refusal;
use iron_telemetry::Gauge;
use tokio::sync::Notify;

/// Counts the calls under way.
#[derive(Debug)]
pub(crate) struct InFlight {
    count: AtomicU64,
    limit: u64,
    draining: AtomicBool,
    empty: Notify,
    shown: Gauge,
}

/// One call under way, until it is dropped.
#[derive(Debug)]
pub(crate) struct Seat(Arc<InFlight>);

impl InFlight {
    pub(crate) fn new(limit: u64, shown: Gauge) -> Arc<Self> {
        Arc::new(InFlight {
            count: AtomicU64::new(0),
            limit,
            draining: AtomicBool::new(false),
            empty: Notify::new(),
            shown,
        })
    }

    /// A seat for a call, if there is one and the house is not closing.
    pub(crate) fn enter(self: &Arc<Self>) -> Result<Seat, Refusal> {
        let before = self.count.fetch_add(1, Ordering::AcqRel);
        self.shown.inc();
        // Counted first and looked at afterwards: a call that is let in is seen by `drained`.
        let seat = Seat(self.clone());
        if self.draining.load(Ordering::Acquire) {
            return Err(Refusal::Draining);
        }
        if before >= self.limit {
            return Err(Refusal::Overloaded { limit: self.limit });
        }
        Ok(seat)
    }

    /// Lets nobody in any more.
    pub(crate) fn close(&self) {
        self.draining.store(true, Ordering::Release);
    }

    /// Waits until nobody is left.
    pub(crate) async fn drained(&self) {
        loop {
            let empty = self.empty.notified();
            if self.count.load(Ordering::Acquire) == 0 {
                return;
            }
            empty.await;
        }
    }

    pub(crate) fn count(&self) -> u64 {
        self.count.load(Ordering::Acquire)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.shown.dec();
        if self.0.count.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.empty.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_full_house_lets_nobody_in_and_a_closing_one_empties() {
        let house = InFlight::new(1, Gauge::default());
        let seat = house.enter().expect("there is room");
        assert_eq!(
            house.enter().map(|_| ()),
            Err(Refusal::Overloaded { limit: 1 })
        );
        house.close();
        assert_eq!(house.enter().map(|_| ()), Err(Refusal::Draining));
        let waiting = tokio::spawn({
            let house = house.clone();
            async move { house.drained().await }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        drop(seat);
        waiting.await.expect("the house is empty");
    }
}
