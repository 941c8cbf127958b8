//! The few numbers that shape how a wallet behaves. None of them bears on safety.

use std::time::Duration;

/// How a wallet provides for itself.
#[derive(Debug, Clone)]
pub struct Policy {
    /// How many seconds of spending a lease should last when there is plenty.
    pub autonomy_s: i64,
    /// How many of the largest recent calls should fit without asking.
    pub calls_ahead: i64,
    /// How long a call may wait, in order, for money to come or to come back.
    pub patience: Duration,
    /// How many calls of one tenant may wait at the same time.
    pub queue_limit: usize,
    /// For how long a budget that had no room, here or elsewhere, is not asked again; a quarter of
    /// that while calls wait for holds to settle.
    pub dry_for: Duration,
    /// After how long it is asked again for calls that wait for what others have.
    pub ask_again_after: Duration,
    /// How often the authority is listened to while there may be money that nobody uses: it may be
    /// wanted elsewhere.
    pub listen_every: Duration,
    /// How long before the end of a period the next one is asked for.
    pub look_ahead: Duration,
    /// How much later than announced a new period begins here.
    pub begin_margin: Duration,
    /// After this long without a call, what is held by none goes back.
    pub return_after: Duration,
    /// After this long without a call, the lease is closed.
    pub close_after: Duration,
}

impl Policy {
    /// For the runtime inside the server.
    pub const SERVER: Policy = Policy {
        autonomy_s: 30,
        calls_ahead: 8,
        patience: Duration::from_secs(2),
        queue_limit: 4_096,
        dry_for: Duration::from_secs(1),
        ask_again_after: Duration::from_millis(100),
        listen_every: Duration::from_millis(400),
        look_ahead: Duration::from_secs(60),
        begin_margin: Duration::from_millis(50),
        return_after: Duration::from_secs(15),
        close_after: Duration::from_secs(600),
    };

    /// For a router: provision for a quarter of an hour without the control plane, kept through
    /// pauses of its agents.
    pub const ROUTER: Policy = Policy {
        autonomy_s: 900,
        return_after: Duration::from_secs(300),
        ..Policy::SERVER
    };

    /// How much earlier than told a lease ends here: a fiftieth, for clocks that drift.
    pub(super) fn deadline_margin(&self, lifetime: Duration) -> Duration {
        lifetime / 50
    }
}

impl Default for Policy {
    fn default() -> Self {
        Policy::SERVER
    }
}
