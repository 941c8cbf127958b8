//! The data plane of a process: journal, recovery, wallets, runtime.
//!
//! It is the same in a server and in a router; they differ in whom they enrol with and ask.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use iron_budget::Enrolment;
use iron_databases::TenantDatabases;
use iron_journal::{Durability, Journal, JournalKeys, Options};
use iron_net::egress::{AddressRules, Egress, EgressOptions};
use iron_net::rate::SharedRates;
use iron_primitives::{Environment, InstanceId};
use iron_runtime::authority::{Authority, Incarnation};
use iron_runtime::wallet::{Estate, Owner, Policy, Wallets, estate};
use iron_runtime::{Config, Parts, Runtime, ToolHosts, ToolPlaces, record_orphans};
use iron_telemetry::Metrics;

use super::folder::{Folder, boot_id};

/// How often it is asked whether what is under way may go on, where others may end it: that must
/// be seen within a second, with time to spare for the answer.
pub(crate) const RECHECK_EVERY: Duration = Duration::from_millis(400);

/// What serves calls.
pub(crate) struct Plane {
    pub(crate) journal: Journal,
    pub(crate) wallets: Wallets,
    pub(crate) egress: Egress,
    pub(crate) runtime: Arc<Runtime>,
}

/// The journal of a process that has not enrolled yet, with what earlier ones left in it.
pub(crate) struct Ground {
    pub(crate) journal: Journal,
    estate: Estate,
    boot_id: String,
}

/// At the end money is given back within this time, if whoever lent it answers; what is not stays
/// in doubt until the next start.
const GIVE_BACK_WITHIN: Duration = Duration::from_secs(10);

/// How a plane behaves, and what it is counted by.
pub(crate) struct Manners {
    pub(crate) config: Config,
    pub(crate) policy: Policy,
    pub(crate) rules: AddressRules,
    /// The hosts inside the network at which tools may be.
    pub(crate) inside: Vec<String>,
    /// Where files of SQLite may be that tools use; nowhere if absent.
    pub(crate) sqlite: Option<PathBuf>,
    pub(crate) metrics: Metrics,
    /// Where the calls of teams are counted for all servers together; here alone if none.
    pub(crate) shared_rates: Option<SharedRates>,
}

impl Ground {
    /// Opens the journal and reads what earlier processes left behind.
    pub(crate) async fn open(
        folder: &Folder,
        instance: InstanceId,
        keys: JournalKeys,
        durability: Durability,
        environment: &Environment,
    ) -> Result<Self> {
        let options = Options {
            durability,
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
        Ok(Ground {
            journal,
            estate,
            boot_id,
        })
    }

    /// What the ledger must know of this process before it lends to it.
    pub(crate) fn enrolment(&self) -> Enrolment {
        Enrolment {
            instance: self.journal.instance(),
            boot_id: self.boot_id.clone(),
            at_least: self.journal.incarnation(),
            seen: self.seen(),
        }
    }

    fn seen(&self) -> u64 {
        self.estate.last.as_ref().map_or(0, |last| last.seen)
    }

    /// Gets ready for calls, as the process that the ledger has numbered.
    ///
    /// The order matters: the journal tells which process this is, the ledger must know that
    /// before it leases anything, and calls that never came back get their record before new
    /// money is held.
    pub(crate) fn raise(
        self,
        incarnation: Incarnation,
        authority: Arc<dyn Authority>,
        manners: Manners,
        environment: &Environment,
    ) -> Result<Plane> {
        let seen = self.seen();
        let Ground {
            journal,
            estate,
            boot_id,
        } = self;
        let written = record_orphans(&journal, &estate.orphans, environment)?;
        if written > 0 {
            tracing::warn!(
                calls = written,
                "calls that never came back were settled at their bound"
            );
        }
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
            manners.policy,
        );
        let egress = egress(manners.rules)?;
        let places = ToolPlaces::new(manners.rules, manners.inside.clone());
        let databases = TenantDatabases::new(places, manners.sqlite, environment.clone());
        let tool_hosts = tool_hosts(manners.inside, &egress)?;
        let runtime = Runtime::new(
            manners.config,
            Parts {
                authority,
                journal: journal.clone(),
                wallets: wallets.clone(),
                egress: egress.clone(),
                tool_hosts,
                databases: Some(Arc::new(databases)),
                metrics: manners.metrics,
                shared_rates: manners.shared_rates,
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
}

impl Plane {
    /// Lets calls under way finish, gives every lease back, and closes the journal in good order.
    /// What is not done in time is done by the next process, from the journal.
    pub(crate) async fn close(&self, patience: Duration) -> Result<()> {
        if !self.runtime.drain(patience).await {
            tracing::warn!(
                calls = self.runtime.in_flight(),
                "calls were still under way at the end"
            );
        }
        if !self.wallets.close(GIVE_BACK_WITHIN).await {
            tracing::warn!("leases could not be given back; the next start reports them");
        }
        Ok(())
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

fn tool_hosts(inside: Vec<String>, usual: &Egress) -> Result<ToolHosts> {
    let rules = AddressRules {
        plain_http: true,
        private_networks: true,
    };
    Ok(ToolHosts::new(inside, egress(rules)?, usual.clone()))
}

fn egress(rules: AddressRules) -> Result<Egress> {
    Egress::new(EgressOptions {
        rules,
        ..EgressOptions::default()
    })
    .context("connections to providers cannot be made")
}
