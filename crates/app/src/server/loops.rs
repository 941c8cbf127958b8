//! The work that goes on beside requests: records to the database, leases that expire, prices
//! that come into force, news to people.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use iron_api::ApiState;
use iron_audit::{Projection, Projector, Relay, Retention};
use iron_journal::Journal;
use iron_runtime::Runtime;
use iron_runtime::authority::Change;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use super::abandoned::Abandoner;
use super::adapters::Keeper;
use super::alarms::raise_alarms;
use super::enforcer::enforce;
use super::features::Features;
use super::projections::{LastUse, PassSettlement};

const SWEEP_EVERY: Duration = Duration::from_secs(10);
/// What is set on one server holds on all within a second.
const SETTINGS_EVERY: Duration = Duration::from_millis(500);
const PRICES_EVERY: Duration = Duration::from_secs(60);
const PURGE_EVERY: Duration = Duration::from_secs(60 * 60);
/// What goes away is told a minute after there is a channel for it.
const NEWS_EVERY: Duration = Duration::from_secs(60);
/// How often it is asked whether a batch is due; each is asked about ever more rarely.
const BATCHES_EVERY: Duration = Duration::from_secs(5);
/// A look goes on while its slowest provider tells; so many may go on at once.
const LOOKS_AT_ONCE: usize = 16;
const KEYS_EVERY: Duration = Duration::from_secs(60);
/// A call that nobody approves in time is written down as denied so soon; it counts as denied before.
const APPROVALS_EVERY: Duration = Duration::from_secs(2);
/// What an older server records beside this one is in the reports so soon.
const ROLL_UP_EVERY: Duration = Duration::from_secs(10);
const ABANDONED_EVERY: Duration = Duration::from_secs(60);
const ANSWERS_EVERY: Duration = Duration::from_secs(10 * 60);
const TENANTS_EVERY: Duration = Duration::from_secs(60 * 60);
/// How long the last records may take to reach the database at the end.
const LAST_RECORDS: Duration = Duration::from_secs(5);

/// The loops of one server.
pub(super) struct Loops {
    projector: JoinHandle<()>,
    relay: JoinHandle<()>,
    housekeeping: JoinHandle<()>,
    enforcer: JoinHandle<()>,
    batches: JoinHandle<()>,
    alarms: JoinHandle<()>,
    courier: JoinHandle<()>,
    retention: JoinHandle<()>,
    abandoning: JoinHandle<()>,
    rolling_up: JoinHandle<()>,
    shared_rates: Option<JoinHandle<()>>,
    features: Features,
    journal: Journal,
}

impl Loops {
    /// Starts them. The journal of earlier processes is projected before this returns, so that
    /// what people see is never behind what was promised before.
    pub(super) async fn start(
        features: &Features,
        api: &ApiState,
        journal: &Journal,
        runtime: &Arc<Runtime>,
        result_within: Duration,
        fatal: CancellationToken,
    ) -> Result<Self> {
        let mut projector = projector(features, journal).await?;
        let caught_up = projector.catch_up().await?;
        // What earlier processes held for passes and left no record of may have been spent.
        let (instance, incarnation) = (journal.instance(), journal.incarnation());
        let lost = features.paths.settle_lost(instance, incarnation).await?;
        if lost > 0 {
            tracing::warn!(
                calls = lost,
                "calls by pass without a record were settled at their bound"
            );
        }
        let keys = Arc::new(Keeper(features.vault.clone()));
        let relay = Relay::new(features.audit.clone(), journal.clone(), keys, caught_up);
        let ended = fatal.clone();
        let projector = tokio::spawn(async move { end(projector.run().await, &ended) });
        let relay = tokio::spawn(async move { end(relay.run().await, &fatal) });
        let housekeeping =
            tokio::spawn(housekeeping(features.clone(), api.clone(), runtime.clone()));
        let abandoner = Abandoner::new(
            features.audit.clone(),
            runtime.clone(),
            api.environment.clone(),
            result_within,
        );
        let enforcer = enforce(features.clone(), runtime.clone(), api.metrics.clone());
        Ok(Loops {
            projector,
            relay,
            housekeeping,
            enforcer: tokio::spawn(enforcer),
            batches: tokio::spawn(settle(runtime.clone())),
            alarms: tokio::spawn(raise_alarms(features.clone())),
            courier: tokio::spawn(api.courier.clone().run()),
            abandoning: tokio::spawn(give_up(abandoner)),
            rolling_up: tokio::spawn(roll_up(features.clone())),
            retention: tokio::spawn(retain(features.clone(), journal.clone())),
            shared_rates: api
                .shared_rates
                .clone()
                .map(|shared| tokio::spawn(shared.keep())),
            features: features.clone(),
            journal: journal.clone(),
        })
    }

    /// Moves what is left, then ends.
    pub(super) async fn stop(self) {
        self.housekeeping.abort();
        self.enforcer.abort();
        self.batches.abort();
        self.alarms.abort();
        self.courier.abort();
        self.retention.abort();
        self.abandoning.abort();
        self.rolling_up.abort();
        if let Some(shared) = self.shared_rates {
            shared.abort();
        }
        self.relay.abort();
        self.projector.abort();
        let _ = (
            self.relay.await,
            self.projector.await,
            self.housekeeping.await,
            self.enforcer.await,
            self.batches.await,
            self.alarms.await,
            self.courier.await,
            self.retention.await,
            self.abandoning.await,
            self.rolling_up.await,
        );
        let last = finish(&self.features, &self.journal);
        match tokio::time::timeout(LAST_RECORDS, last).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "the last records wait for the next start"),
            Err(_) => tracing::warn!("the last records wait for the next start"),
        }
    }
}

/// Gives up calls of tools whose results have not come in time.
async fn give_up(mut abandoner: Abandoner) {
    let mut look = tokio::time::interval(ABANDONED_EVERY);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        look.tick().await;
        match abandoner.look().await {
            Ok(0) => {}
            Ok(calls) => tracing::info!(calls, "nobody has told what came of calls of tools"),
            Err(error) => tracing::warn!(%error, "calls without results could not be looked for"),
        }
    }
}

/// Adds to reports what older versions have recorded, or record beside this one.
async fn roll_up(features: Features) {
    let mut look = tokio::time::interval(ROLL_UP_EVERY);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        look.tick().await;
        let mut added = 0;
        let outcome = loop {
            match features.audit.roll_up_rest().await {
                Ok(0) => break Ok(()),
                Ok(calls) => added += calls,
                Err(error) => break Err(error),
            }
        };
        if added > 0 {
            tracing::info!(calls = added, "calls from before were added to the reports");
        }
        if let Err(error) = outcome {
            tracing::warn!(%error, "calls from before are added to the reports later");
        }
    }
}

/// What moves records to the database and to all who learn from them.
async fn projector(features: &Features, journal: &Journal) -> Result<Projector> {
    let uses: Arc<dyn Projection> = Arc::new(LastUse::new(features.identity.clone()));
    let passes: Arc<dyn Projection> = Arc::new(PassSettlement::new(features.paths.clone()));
    let others = vec![uses, passes];
    Ok(Projector::open(features.audit.clone(), journal.clone(), others).await?)
}

/// One more round of relay and projector.
async fn finish(features: &Features, journal: &Journal) -> Result<()> {
    let mut projector = projector(features, journal).await?;
    let caught_up = projector.catch_up().await?;
    let keys = Arc::new(Keeper(features.vault.clone()));
    let mut relay = Relay::new(features.audit.clone(), journal.clone(), keys, caught_up);
    if relay.run_once().await? > 0 {
        projector.catch_up().await?;
    }
    Ok(())
}

/// A server without its journal, or one that was replaced, must not go on.
fn end(error: iron_audit::Error, fatal: &CancellationToken) {
    tracing::error!(%error, "alarm: records cannot be kept, the server stops");
    fatal.cancel();
}

/// Purges the records of this server whose time is over. Each server has a journal of its own, and
/// purges that one and what is shown of it.
async fn retain(features: Features, journal: Journal) {
    let Some((days, archive)) = features.retention else {
        return;
    };
    let mut retention = Retention::new(features.audit, journal, days, archive);
    let mut due = tokio::time::interval(PURGE_EVERY);
    loop {
        due.tick().await;
        match retention.run_once().await {
            Ok(None) => {}
            Ok(Some(purge)) => tracing::info!(
                records = purge.records,
                segments = format!("{} to {}", purge.from, purge.through),
                "records whose time was over were purged"
            ),
            Err(error) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "alarm: old records could not be purged"
                );
            }
        }
    }
}

/// Settles batches when they have ended. What is left over when the server stops another one takes
/// up, or the next start.
async fn settle(runtime: Arc<Runtime>) {
    let mut due = tokio::time::interval(BATCHES_EVERY);
    due.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut looks = JoinSet::new();
    loop {
        due.tick().await;
        while looks.try_join_next().is_some() {}
        if looks.len() < LOOKS_AT_ONCE {
            looks.spawn(look_after_batches(runtime.clone()));
        }
    }
}

async fn look_after_batches(runtime: Arc<Runtime>) {
    match runtime.look_after_batches().await {
        Ok(0) => {}
        Ok(batches) => tracing::info!(batches, "batches were settled"),
        Err(error) => tracing::warn!(%error, "batches could not be looked after"),
    }
}

async fn housekeeping(features: Features, api: ApiState, runtime: Arc<Runtime>) {
    let mut sweep = tokio::time::interval(SWEEP_EVERY);
    let mut prices = tokio::time::interval(PRICES_EVERY);
    let mut news = tokio::time::interval(NEWS_EVERY);
    let mut keys = tokio::time::interval(KEYS_EVERY);
    let mut answers = tokio::time::interval(ANSWERS_EVERY);
    let mut approvals = tokio::time::interval(APPROVALS_EVERY);
    approvals.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut tenants = tokio::time::interval(TENANTS_EVERY);
    let mut settings = tokio::time::interval(SETTINGS_EVERY);
    settings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = sweep.tick() => match features.ledger.sweep().await {
                Ok(0) => {}
                Ok(leases) => tracing::warn!(leases, "leases of vanished instances became suspense"),
                Err(error) => tracing::warn!(%error, "expired leases could not be looked for"),
            },
            _ = settings.tick() => if let Err(error) = features.settings.refresh().await {
                tracing::warn!(%error, "settings could not be read anew; those that are known hold on");
            },
            _ = prices.tick() => match features.models.refresh().await {
                Ok(true) => runtime.apply(Change::Prices),
                Ok(false) => {}
                Err(error) => tracing::warn!(%error, "prices could not be read anew"),
            },
            _ = news.tick() => match iron_api::announce_deprecations(&api).await {
                Ok(0) => {}
                Ok(notices) => tracing::info!(notices, "people were told what goes away"),
                Err(error) => tracing::warn!(%error, "people could not be told what goes away"),
            },
            _ = keys.tick() => match iron_api::remind_of_keys(&api).await {
                Ok(0) => {}
                Ok(reminders) => tracing::info!(reminders, "people were told that their keys end"),
                Err(error) => tracing::warn!(%error, "people could not be told that their keys end"),
            },
            _ = approvals.tick() => match features.approvals.expire_due().await {
                Ok(0) => {}
                Ok(expired) => tracing::info!(expired, "tool calls that nobody approved in time are denied"),
                Err(error) => tracing::warn!(%error, "approvals that are due could not be ended"),
            },
            _ = answers.tick() => if let Err(error) = features.approvals.tidy().await {
                tracing::warn!(%error, "old links and answers could not be thrown away");
            },
            _ = tenants.tick() => match iron_api::remove_due_tenants(&api).await {
                Ok(removed) => for tenant in removed {
                    tracing::info!(%tenant, "a deleted tenant was removed; its records stay");
                },
                Err(error) => tracing::warn!(%error, "deleted tenants could not all be removed"),
            },
        }
    }
}
