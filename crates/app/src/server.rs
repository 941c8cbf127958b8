//! A whole server in one process: the control plane, the data plane, one listener for both.
//!
//! [`Server::start`] reads from top to bottom; [`Server::stop`] undoes it from bottom to top.

mod abandoned;
mod adapters;
mod alarms;
mod authority;
#[cfg(test)]
mod conformance;
mod custody;
mod enforcer;
pub(crate) mod faces;
mod features;
pub(crate) mod folder;
mod loops;
mod news;
mod oversight;
pub(crate) mod plane;
mod projections;
mod routing;
mod settings;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use iron_identity::FirstAdmin;
use iron_journal::Reader;
use iron_net::ServerTls;
use iron_net::rate::SharedRates;
use iron_net::server::{Drained, ServerConfig};
use iron_primitives::{AgentId, Environment, InstanceId, TenantId};
use iron_runtime::Config;
use iron_runtime::wallet::Policy;
use iron_store::{Db, Engine};
use iron_telemetry::Metrics;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::certificates::{self, Following};
use crate::commands::journal_keys;
use crate::environment;
use features::Features;
use folder::{Folder, Lock};
use loops::Loops;
use plane::{Ground, Manners, Plane, RECHECK_EVERY};
pub(crate) use settings::{Settings, ToolTerms};

/// Tells how people call an agent.
#[derive(Clone)]
pub(crate) struct Names(iron_fleet::Agents);

impl Names {
    /// The agent's name; none if it is gone, or the database is.
    pub(crate) async fn of(&self, tenant: TenantId, agent: AgentId) -> Option<String> {
        let agent = self.0.for_call(tenant, agent).await.ok().flatten();
        agent.map(|agent| agent.name)
    }
}

/// A running server.
pub(crate) struct Server {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    has_tls: bool,
    _certificates: Following,
    /// The administrator, if this was the first start of the database.
    pub(crate) first_admin: Option<FirstAdmin>,
    plane: Plane,
    loops: Loops,
    features: Features,
    front: JoinHandle<Drained>,
    leaving: CancellationToken,
    stopping: CancellationToken,
    fatal: CancellationToken,
    drain: Duration,
    drain_notice: Duration,
    lock: Lock,
}

impl Server {
    /// Starts everything and returns when calls are taken.
    pub(crate) async fn start(settings: Settings) -> Result<Self> {
        let folder = Folder::at(settings.data.clone());
        let lock = folder.lock()?;
        let environment = environment::system();
        let instance = folder.instance(&environment)?;
        let metrics = Metrics::new();
        // Bound first: an address that is taken should not cost a recovery.
        let listener = TcpListener::bind(settings.listen)
            .await
            .with_context(|| format!("cannot listen on {}", settings.listen))?;
        let address = listener.local_addr()?;

        let features =
            Features::open(&settings, &folder, instance, settings.rules, &environment).await?;
        let first_admin = features.first_start(settings.first_admin.clone()).await?;
        let shared_rates = faces::shared_rates(&settings, &metrics)?;
        let plane = plane(
            &settings,
            &folder,
            instance,
            &features,
            manners(&settings, &features.db, &metrics, shared_rates.clone()),
            &environment,
        )
        .await?;
        let leaving = CancellationToken::new();
        let api = faces::api(
            &settings,
            shared_rates,
            &features,
            &plane,
            &metrics,
            &environment,
            &leaving,
        );
        let fatal = CancellationToken::new();
        let tls = settings.tls.clone().map(ServerTls::read).transpose()?;
        let loops = Loops::start(
            &features,
            &api,
            &plane.journal,
            &plane.runtime,
            settings.tools.result_within,
            fatal.clone(),
        )
        .await?;
        let router = faces::router(&settings, api, &plane, &metrics, &environment);
        let config = ServerConfig {
            drain_timeout: settings.drain,
            tls: tls.clone(),
            leaving: Some(faces::is_cancelled(&leaving)),
            observer: Some(faces::connections(&metrics)),
            ..ServerConfig::default()
        };
        // Told before the first answer: whoever is answered finds the note.
        folder.announce(address)?;
        let stopping = CancellationToken::new();
        let stop = stopping.clone();
        let front = tokio::spawn(async move {
            iron_net::server::serve(listener, router, config, stop.cancelled_owned()).await
        });
        Ok(Server {
            address,
            has_tls: tls.is_some(),
            _certificates: Following(
                tls.map(|tls| tokio::spawn(certificates::follow_own(tls)))
                    .into_iter()
                    .collect(),
            ),
            first_admin,
            plane,
            loops,
            features,
            front,
            leaving,
            stopping,
            fatal,
            drain: settings.drain,
            drain_notice: settings.drain_notice,
            lock,
        })
    }

    /// Where it listens, as a URL.
    pub(crate) fn url(&self) -> String {
        faces::url(self.address, self.has_tls)
    }

    /// The records from now on.
    pub(crate) fn records(&self) -> Result<Reader> {
        let journal = &self.plane.journal;
        Ok(journal.read_from(journal.position())?)
    }

    /// The names of agents, for whoever shows records to people.
    pub(crate) fn names(&self) -> Names {
        Names(self.features.agents.clone())
    }

    /// Calls that are under way.
    pub(crate) fn in_flight(&self) -> u64 {
        self.plane.runtime.in_flight()
    }

    /// Waits until the server cannot go on.
    pub(crate) async fn failed(&self) {
        self.fatal.cancelled().await;
    }

    /// Tells whoever sends calls here to send them elsewhere, and gives them the time to do so.
    pub(crate) async fn give_notice(&self) {
        self.leaving.cancel();
        tokio::time::sleep(self.drain_notice).await;
    }

    /// Lets calls under way finish, gives all money back, writes the last records, and ends.
    pub(crate) async fn stop(self) -> Result<()> {
        self.leaving.cancel();
        self.stopping.cancel();
        let drained = self.plane.close(self.drain).await;
        let front = self
            .front
            .await
            .context("the listener ended unexpectedly")?;
        if front == Drained::TimedOut {
            tracing::warn!("connections were cut at the end of the drain time");
        }
        self.loops.stop().await;
        let journal = self.plane.journal.clone();
        tokio::task::spawn_blocking(move || journal.close()).await??;
        self.features.db.close().await;
        drop(self.lock);
        drained?;
        if self.fatal.is_cancelled() {
            bail!("the server stopped because records could not be kept; the log tells why");
        }
        Ok(())
    }
}

/// The data plane of a server: it asks the features beside it.
async fn plane(
    settings: &Settings,
    folder: &Folder,
    instance: InstanceId,
    features: &Features,
    manners: Manners,
    environment: &Environment,
) -> Result<Plane> {
    let keys = journal_keys(&features.master, instance)?;
    let ground = Ground::open(folder, instance, keys, settings.durability, environment).await?;
    let incarnation = features.ledger.enrol(&ground.enrolment()).await?;
    ground.raise(
        incarnation,
        Arc::new(features.house()),
        manners,
        environment,
    )
}

fn manners(
    settings: &Settings,
    db: &Db,
    metrics: &Metrics,
    shared_rates: Option<SharedRates>,
) -> Manners {
    Manners {
        config: settings.tools.put_into(Config {
            drain_timeout: settings.drain,
            recheck: recheck(db),
            file_limit_bytes: settings.file_limit_bytes,
            ..Config::default()
        }),
        policy: Policy::SERVER,
        rules: settings.rules,
        inside: settings.tools.inside.clone(),
        sqlite: settings.tools.sqlite.clone(),
        metrics: metrics.clone(),
        shared_rates,
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
