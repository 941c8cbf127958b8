//! The task that reports and fetches money, and the end of it all.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::Duration;

use iron_primitives::BootInstant;

use crate::authority::{AuthorityError, Exchange, ExchangeReply, LeaseReport};

use super::{Cut, Inner, Wallets};

/// News waits at most this long.
const TELL_WITHIN: Duration = Duration::from_millis(100);
/// Two exchanges lie at least this far apart unless calls wait.
const BREATH: Duration = Duration::from_millis(20);
/// After a failure the next try waits this long.
const AFTER_FAILURE: Duration = Duration::from_millis(100);
/// Every lease is reported at least this often, which also prolongs its life.
const COMPLETE_EVERY: Duration = Duration::from_secs(8);

pub(super) fn spawn(inner: &Arc<Inner>) {
    let weak = Arc::downgrade(inner);
    tokio::spawn(run(weak));
}

async fn run(weak: Weak<Inner>) {
    loop {
        let Some(inner) = weak.upgrade() else { return };
        let pause = inner.round().await;
        let woken = async {
            inner.hungry.notified().await;
        };
        // Calls that wait for money cut the pause short, not the breath after a failure.
        let _ = tokio::time::timeout(TELL_WITHIN, woken).await;
        drop(inner);
        tokio::time::sleep(pause).await;
    }
}

impl Inner {
    /// One round: an exchange if there is anything to say or to ask, then the queue. Gives
    /// the pause that must follow.
    async fn round(&self) -> Duration {
        let outcome = self.exchange(false).await;
        let mut waiting = false;
        for wallet in self.wallets() {
            let mut desk = wallet.desk();
            if desk.book.has_waiters() {
                desk.pump(&self.environment);
                waiting |= desk.book.has_waiters();
            }
        }
        self.snapshot_if_due();
        match outcome {
            Err(_) => AFTER_FAILURE,
            Ok(()) if waiting => Duration::ZERO,
            Ok(()) => BREATH,
        }
    }

    /// Gathers, asks, takes in. Nothing is lost by a failure: the next exchange says it all.
    pub(super) async fn exchange(&self, complete: bool) -> Result<(), AuthorityError> {
        let asked_at = self.environment.boot();
        let (exchange, complete) = self.gather(complete, asked_at);
        if exchange.reports.is_empty() && exchange.wants.is_empty() {
            return Ok(());
        }
        match self.authority.exchange(exchange).await {
            Ok(reply) => {
                self.take_in(&reply, asked_at, complete);
                Ok(())
            }
            Err(error) => {
                self.failed(error);
                Err(error)
            }
        }
    }

    fn gather(&self, complete: bool, now: BootInstant) -> (Exchange, bool) {
        self.news.store(false, Ordering::Release);
        let (from, seen, earlier, complete) = {
            let link = self.link();
            let complete = complete || link.complete_next || now >= link.complete_at;
            (link.owner.incarnation, link.owner.seen, link.earlier.clone(), complete)
        };
        let mut reports: Vec<LeaseReport> = earlier;
        let mut wants = Vec::new();
        for wallet in self.wallets() {
            let ask = wallet.desk().book.collect(complete, &self.environment);
            reports.extend(ask.reports);
            wants.extend(ask.wants);
        }
        (Exchange { from, seen, reports, complete, wants }, complete)
    }

    fn take_in(&self, reply: &ExchangeReply, asked_at: BootInstant, complete: bool) {
        {
            let mut link = self.link();
            if reply.sequence <= link.owner.seen {
                return;
            }
            link.owner.seen = reply.sequence;
            link.earlier.retain(|report| !reply.closed.contains(&report.lease));
            if link.failing {
                tracing::info!("the control plane answers again");
                link.failing = false;
            }
            if complete {
                link.complete_at = self.environment.boot().plus(COMPLETE_EVERY);
                link.complete_next = false;
            }
            if reply.generation != link.owner.incarnation.generation {
                tracing::warn!(
                    generation = reply.generation,
                    "the ledger was restored; every lease is declared again"
                );
                link.owner.incarnation.generation = reply.generation;
                link.complete_next = true;
            }
        }
        for grant in &reply.grants {
            self.wallet(grant.tenant);
        }
        for wallet in self.wallets() {
            let mut desk = wallet.desk();
            let effects = desk.book.apply(reply, asked_at, &self.environment);
            desk.pump(&self.environment);
            for hold in effects.cut {
                // Nobody listens only while nothing runs.
                let _ = self.cuts.send(Cut { tenant: wallet.tenant, hold });
            }
        }
        self.marks_due.notify_one();
    }

    fn failed(&self, error: AuthorityError) {
        self.counters.exchanges_failed.fetch_add(1, Ordering::Relaxed);
        let mut link = self.link();
        link.complete_next = true;
        if !link.failing {
            tracing::warn!(%error, "no exchange with the control plane; calls go on within their leases");
            link.failing = true;
        }
        drop(link);
        if error == AuthorityError::Superseded {
            for wallet in self.wallets() {
                let mut desk = wallet.desk();
                desk.book.close();
                desk.pump(&self.environment);
            }
        }
    }
}

impl Wallets {
    /// Tells the authority everything now.
    ///
    /// # Errors
    /// If it does not answer.
    pub async fn report(&self) -> Result<(), AuthorityError> {
        self.inner.exchange(true).await
    }

    /// Lets no more calls in, waits until every lease was given back and booked, or until
    /// `within` has passed. What is not booked then is found in the journal at the next start.
    pub async fn close(&self, within: Duration) -> bool {
        for wallet in self.inner.wallets() {
            let mut desk = wallet.desk();
            desk.book.close();
            desk.pump(&self.inner.environment);
        }
        let closed = async {
            loop {
                let answered = self.inner.exchange(true).await.is_ok();
                let closed = self.inner.wallets().iter().all(|wallet| wallet.desk().book.is_closed());
                if closed && answered {
                    return;
                }
                tokio::time::sleep(BREATH).await;
            }
        };
        tokio::time::timeout(within, closed).await.is_ok()
    }
}
