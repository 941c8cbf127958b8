//! The task that reports and fetches money, and the end of it all.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::Duration;

use iron_primitives::BootInstant;

use crate::authority::{AuthorityError, Exchange, ExchangeReply};

use super::{Cut, Inner, Wallet, Wallets};

/// News waits at most this long.
const TELL_WITHIN: Duration = Duration::from_millis(100);
/// Two exchanges lie at least this far apart unless calls wait.
const BREATH: Duration = Duration::from_millis(20);
/// After a failure the next try waits this long.
const AFTER_FAILURE: Duration = Duration::from_millis(100);

pub(super) fn spawn(inner: &Arc<Inner>) {
    let weak = Arc::downgrade(inner);
    tokio::spawn(run(weak));
}

async fn run(weak: Weak<Inner>) {
    // The journal must name this process before the ledger hears of it: a later one then knows
    // that a lease without a mark was never used.
    if let Some(inner) = weak.upgrade()
        && !inner.introduce().await
    {
        return;
    }
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
    async fn round(self: &Arc<Self>) -> Duration {
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
    pub(super) async fn exchange(self: &Arc<Self>, complete: bool) -> Result<(), AuthorityError> {
        let _turn = self.telling.lock().await;
        let asked_at = self.environment.boot();
        let (exchange, complete) = self.gather(complete, asked_at);
        // An empty report is a sign of life, and asks for leases whose grant was lost, and whether
        // calls elsewhere wait for what is idle here.
        let silent = exchange.reports.is_empty() && exchange.wants.is_empty();
        if silent && !complete && !self.should_listen(asked_at) {
            return Ok(());
        }
        self.link().asked_at = asked_at;
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

    fn should_listen(&self, now: BootInstant) -> bool {
        let due = now.since(self.link().asked_at) >= self.policy.listen_every;
        let in_use = |wallet: &Arc<Wallet>| wallet.desk().book.is_in_use(&self.environment);
        due && self.wallets().iter().any(in_use)
    }

    fn gather(&self, complete: bool, now: BootInstant) -> (Exchange, bool) {
        self.news.store(false, Ordering::Release);
        let complete = complete || self.link().must_be_complete(now);
        let wallets = self.wallets();
        let collect =
            |wallet: &Arc<Wallet>| wallet.desk().book.collect(complete, &self.environment);
        let asks: Vec<_> = wallets.iter().map(collect).collect();
        (self.link().exchange(complete, asks), complete)
    }

    fn take_in(self: &Arc<Self>, reply: &ExchangeReply, asked_at: BootInstant, complete: bool) {
        if !self.link().accept(reply, complete, self.environment.boot()) {
            return;
        }
        for grant in &reply.grants {
            self.wallet(grant.tenant);
        }
        for wallet in self.wallets() {
            let mut desk = wallet.desk();
            let effects = desk.book.apply(reply, asked_at, &self.environment);
            desk.pump(&self.environment);
            self.wake_for(&mut desk.book);
            drop(desk);
            let tenant = wallet.tenant;
            for hold in &effects.cut {
                // Nobody listens only while nothing runs.
                let _ = self.cuts.send(Cut {
                    tenant,
                    hold: *hold,
                });
            }
            if !effects.cut.is_empty() {
                self.cut_slices(tenant, &effects.cut);
            }
        }
        self.marks_due.notify_one();
    }

    fn failed(&self, error: AuthorityError) {
        self.counters
            .exchanges_failed
            .fetch_add(1, Ordering::Relaxed);
        if self.link().failed() {
            tracing::warn!(%error, "no exchange with the control plane; calls go on within their leases");
        }
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
                let closed = self
                    .inner
                    .wallets()
                    .iter()
                    .all(|wallet| wallet.desk().book.is_closed());
                if closed && answered && !self.inner.link().has_news() {
                    return;
                }
                tokio::time::sleep(BREATH).await;
            }
        };
        tokio::time::timeout(within, closed).await.is_ok()
    }
}
