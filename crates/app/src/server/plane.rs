//! The data plane of this process: journal, recovery, wallets, runtime.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use iron_budget::Enrolment;
use iron_journal::{Journal, Options};
use iron_net::egress::{AddressRules, Egress, EgressOptions};
use iron_primitives::{Environment, InstanceId};
use iron_runtime::authority::Authority;
use iron_runtime::wallet::{Estate, Owner, Policy, Wallets, estate};
use iron_runtime::{Config, Parts, Runtime, record_orphans};
use iron_store::{Db, Engine};
use iron_telemetry::Metrics;

use super::features::Features;
use super::folder::{Folder, boot_id};
use super::settings::Settings;
use crate::commands::journal_keys;

/// How often it is asked whether what is under way may go on: an end that was decided elsewhere
/// must be seen within a second, with time to spare for the answer.
const RECHECK_EVERY: Duration = Duration::from_millis(400);

/// What serves calls.
pub(super) struct Plane {
    pub(super) journal: Journal,
    pub(super) wallets: Wallets,
    pub(super) egress: Egress,
    pub(super) runtime: Arc<Runtime>,
}

impl Plane {
    /// Opens the journal, settles what earlier processes left behind, and gets ready for calls.
    ///
    /// The order matters: the journal tells which process this is, the ledger must know that
    /// before it leases anything, and calls that never came back get their record before new
    /// money is held.
    pub(super) async fn open(
        settings: &Settings,
        folder: &Folder,
        instance: InstanceId,
        features: &Features,
        metrics: &Metrics,
        environment: &Environment,
    ) -> Result<Self> {
        let keys = journal_keys(&features.master, instance)?;
        let options = Options {
            durability: settings.durability,
            ..Options::new(instance, 1, keys)
        };
        let path = folder.journal();
        let opened = environment.clone();
        let (journal, recovered) =
            tokio::task::spawn_blocking(move || Journal::open(&path, options, opened))
                .await?
                .context("the journal cannot be opened")?;
        if let Some(torn) = recovered.torn {
            tracing::warn!(
                bytes = torn.bytes,
                "the journal ended in a torn frame, which was cut off"
            );
        }
        let boot_id = boot_id();
        let mut estate = estate(&recovered, &boot_id);
        if recovered.holed {
            // What was lost may have spent more than what is left tells: nothing is proven, so
            // the leases of earlier processes become suspense.
            tracing::error!("alarm: a part of the journal is lost, the money in it is in suspense");
            estate.accounts.clear();
            estate.witnessed.clear();
        }
        report(&estate);
        let seen = estate.last.as_ref().map_or(0, |last| last.seen);
        let enrolment = Enrolment {
            instance,
            boot_id: boot_id.clone(),
            at_least: journal.incarnation(),
            seen,
        };
        let incarnation = features.ledger.enrol(&enrolment).await?;
        let written = record_orphans(&journal, &estate.orphans, environment)?;
        if written > 0 {
            tracing::warn!(
                calls = written,
                "calls that never came back were settled at their bound"
            );
        }
        let authority: Arc<dyn Authority> = Arc::new(features.house());
        let wallets = Wallets::start(
            Owner {
                incarnation,
                boot_id,
                seen,
            },
            &estate,
            journal.clone(),
            authority.clone(),
            environment.clone(),
            Policy::SERVER,
        );
        let egress = egress(settings.rules)?;
        let runtime = Runtime::new(
            Config {
                drain_timeout: settings.drain,
                recheck: recheck(&features.db),
                ..Config::default()
            },
            Parts {
                authority,
                journal: journal.clone(),
                wallets: wallets.clone(),
                egress: egress.clone(),
                metrics: metrics.clone(),
                environment: environment.clone(),
            },
        );
        Ok(Plane {
            journal,
            wallets,
            egress,
            runtime,
        })
    }

    /// Lets calls under way finish, gives every lease back, and closes the journal in good order.
    /// What is not done in time is done by the next process, from the journal.
    pub(super) async fn close(&self, patience: Duration) -> Result<()> {
        if !self.runtime.drain(patience).await {
            tracing::warn!(
                calls = self.runtime.in_flight(),
                "calls were still under way at the end"
            );
        }
        if !self.wallets.close(Duration::from_secs(5)).await {
            tracing::warn!("leases could not be given back; the next start reports them");
        }
        Ok(())
    }
}

/// Other servers may share a PostgreSQL database, and nobody tells what they change. A folder
/// belongs to one server, which knows what it does.
const fn recheck(db: &Db) -> Option<Duration> {
    match db.engine() {
        Engine::Postgres => Some(RECHECK_EVERY),
        Engine::Sqlite => None,
    }
}

fn report(estate: &Estate) {
    if estate.unreadable > 0 {
        tracing::error!(
            frames = estate.unreadable,
            "alarm: frames of the journal cannot be read"
        );
    }
    if !estate.accounts.is_empty() {
        tracing::info!(
            leases = estate.accounts.len(),
            "reporting the leases of the last process"
        );
    }
}

fn egress(rules: AddressRules) -> Result<Egress> {
    Egress::new(EgressOptions {
        rules,
        ..EgressOptions::default()
    })
    .context("connections to providers cannot be made")
}
