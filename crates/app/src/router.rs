//! A router: the data plane near the agents, without a database.
//!
//! It serves agents on the same paths as a server and journals what it does. Who its callers are,
//! what they may spend and the keys of providers it asks its server, with a key of its own. While
//! the server is away, it goes on with what it holds of each budget until the leases end; its
//! records wait in its journal. [`Router::start`] reads from top to bottom.

mod enrolment;
mod faces;
mod records;
mod settings;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use iron_net::ServerTls;
use iron_net::sealing::SealingKey;
use iron_net::server::{Drained, ServerConfig};
use iron_runtime::authority::Change;
use iron_runtime::remote::RemoteAuthority;
use iron_runtime::wallet::Policy;
use iron_runtime::{Config, Freshness, Runtime};
use iron_telemetry::Metrics;
use iron_vault::MasterKey;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::certificates::{self, Following};
use crate::commands::journal_keys;
use crate::environment;
use crate::server::faces::{connections, url};
use crate::server::folder::{Folder, Lock};
use crate::server::plane::{Ground, Manners, Plane, RECHECK_EVERY};
use records::Shipping;
pub(crate) use settings::Settings;

/// How often it is asked whether prices are other than they were.
const PRICES_EVERY: Duration = Duration::from_secs(10);
/// How long the last records may take to reach the server at the end.
const LAST_RECORDS: Duration = Duration::from_secs(5);

/// A running router.
pub(crate) struct Router {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    has_tls: bool,
    _certificates: Following,
    plane: Plane,
    shipping: Shipping,
    prices: JoinHandle<()>,
    front: JoinHandle<Drained>,
    stopping: CancellationToken,
    fatal: CancellationToken,
    drain: Duration,
    lock: Lock,
}

impl Router {
    /// Reads the journal, enrols (for as long as the server is away this waits), and returns when
    /// calls are taken.
    pub(crate) async fn start(settings: Settings) -> Result<Self> {
        let folder = Folder::at(settings.data.clone());
        let lock = folder.lock()?;
        let environment = environment::system();
        let instance = folder.instance(&environment)?;
        let metrics = Metrics::new();
        let listener = TcpListener::bind(settings.listen)
            .await
            .with_context(|| format!("cannot listen on {}", settings.listen))?;
        let address = listener.local_addr()?;

        let master = match &settings.master_key {
            Some(key) => MasterKey::from_hex(key.expose())?,
            None => MasterKey::load_or_create(&folder.master_key(), &environment)?,
        };
        let keys = journal_keys(&master, instance)?;
        let ground =
            Ground::open(&folder, instance, keys, settings.durability, &environment).await?;
        let client = settings.client()?;
        let (own, same) = (settings.clone(), client.clone());
        // From the beginning: a router may wait for a certificate with which it can enrol.
        let following = certificates::follow_of_client(same, move || own.transport());
        let mut certificates = Following(vec![tokio::spawn(following)]);
        let tls = settings.tls.clone().map(ServerTls::read).transpose()?;
        certificates.0.extend(
            tls.clone()
                .map(|tls| tokio::spawn(certificates::follow_own(tls))),
        );
        let sealing = SealingKey::generate()?;
        let enrolled = enrolment::enrol(&client, &ground, &sealing).await?;
        let authority = Arc::new(RemoteAuthority::new(client.clone(), enrolled.id, sealing));
        enrolment::first_prices(&authority).await;
        let lease = Duration::from_secs(enrolled.lease_seconds);
        let manners = Manners {
            config: settings.tools.put_into(config(settings.drain, lease)),
            policy: Policy::ROUTER,
            rules: settings.rules,
            inside: settings.tools.inside.clone(),
            sqlite: settings.tools.sqlite.clone(),
            metrics: metrics.clone(),
            shared_rates: None,
        };
        let port = authority.clone();
        let plane = ground.raise(enrolled.incarnation, port, manners, &environment)?;

        let (stopping, fatal) = (CancellationToken::new(), CancellationToken::new());
        let shipping = Shipping::start(client, enrolled.id, plane.journal.clone(), fatal.clone());
        let (told, cannot_go_on) = (authority.clone(), fatal.clone());
        tokio::spawn(async move {
            told.dismissed().await;
            cannot_go_on.cancel();
        });
        let prices = tokio::spawn(follow_prices(authority.clone(), plane.runtime.clone()));
        let parts = faces::Parts {
            settings: &settings,
            plane: &plane,
            authority,
            metrics: metrics.clone(),
            environment: environment.clone(),
            stopping: stopping.clone(),
        };
        let router = faces::router(parts);
        let front_config = ServerConfig {
            drain_timeout: settings.drain,
            tls: tls.clone(),
            observer: Some(connections(&metrics)),
            ..ServerConfig::default()
        };
        folder.announce(address)?;
        let stop = stopping.clone();
        let front = tokio::spawn(async move {
            let stopped = stop.cancelled_owned();
            iron_net::server::serve(listener, router, front_config, stopped).await
        });
        Ok(Router {
            address,
            has_tls: tls.is_some(),
            _certificates: certificates,
            plane,
            shipping,
            prices,
            front,
            stopping,
            fatal,
            drain: settings.drain,
            lock,
        })
    }

    /// The same as a URL.
    pub(crate) fn url(&self) -> String {
        url(self.address, self.has_tls)
    }

    /// Waits until the router cannot go on.
    pub(crate) async fn failed(&self) {
        self.fatal.cancelled().await;
    }

    /// Lets calls under way finish, gives all money back, sends the last records, and ends.
    pub(crate) async fn stop(self) -> Result<()> {
        self.stopping.cancel();
        let drained = self.plane.close(self.drain).await;
        let front = self
            .front
            .await
            .context("the listener ended unexpectedly")?;
        if front == Drained::TimedOut {
            tracing::warn!("connections were cut at the end of the drain time");
        }
        self.prices.abort();
        if !self.shipping.stop(LAST_RECORDS).await {
            tracing::warn!("the last records wait in the journal for the next start");
        }
        let journal = self.plane.journal.clone();
        tokio::task::spawn_blocking(move || journal.close()).await??;
        drop(self.lock);
        drained?;
        if self.fatal.is_cancelled() {
            bail!("the router stopped because its server has dismissed it; the log tells why");
        }
        Ok(())
    }
}

/// What is known goes on as long as the leases do; whether it is still so is asked before each
/// call that comes more than a second after the last, and of what is under way at each recheck.
fn config(drain: Duration, lease: Duration) -> Config {
    let usual = Config::default();
    let as_long = |freshness: Freshness| Freshness {
        stale_for: freshness.stale_for.max(lease),
        ..freshness
    };
    Config {
        drain_timeout: drain,
        recheck: Some(RECHECK_EVERY),
        bearers: Freshness {
            stale_for: lease,
            ..usual.bearers
        },
        credentials: as_long(usual.credentials),
        subjects: as_long(usual.subjects),
        ..usual
    }
}

async fn follow_prices(authority: Arc<RemoteAuthority>, runtime: Arc<Runtime>) {
    let mut every = tokio::time::interval(PRICES_EVERY);
    loop {
        every.tick().await;
        match authority.refresh_prices().await {
            Ok(true) => runtime.apply(Change::Prices),
            Ok(false) => {}
            Err(error) => tracing::debug!(%error, "prices could not be read anew"),
        }
    }
}
