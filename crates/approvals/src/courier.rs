//! Carrying deliveries: [`Courier`].
//!
//! Every server has one and all look into the same outbox. A channel with something due is served
//! by a task of its own, one delivery after the other; it stops when the other side asks for
//! patience or does not answer, so that nobody is asked faster than he can hear.
//!
//! A delivery is taken by an update that counts its attempts up and moves it [`TAKEN_FOR`] ahead:
//! of several servers one has it, and if that one dies it is due again. What an attempt found is
//! written only if nobody has taken the delivery since, except that it arrived.

mod email;
mod outbox;
mod outcome;
mod slack;
mod webhook;

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use iron_audit::Authorised;
use iron_net::egress::{Egress, Outgoing, Timeouts, retry_after};
use iron_primitives::{ChannelId, DeliveryId, EventId, Secret, TenantId, Timestamp};
use iron_telemetry::{DeliveryOutcome, Metrics};
use tokio_util::task::TaskTracker;

use crate::channels::{Secrets, about, store, test_notice};
use crate::notice::Said;
use crate::{Channel, Channels, Error, Settings, Topic, Tried};
use outbox::Due;
use outcome::{Failed, Fate, fate};

/// How often it is looked for what other servers have written.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How long one attempt may take.
const ATTEMPT: Duration = Duration::from_secs(10);
/// How long a delivery that was taken is nobody else's; longer than an attempt takes.
const TAKEN_FOR: Duration = Duration::from_secs(30);
/// How often what was delivered long ago is thrown away.
const TIDY_EVERY: Duration = Duration::from_secs(60 * 60);
/// The answer of a receiver is not read further than this.
const MOST_OF_AN_ANSWER: usize = 4_096;

/// What is sent in one attempt.
pub(crate) struct Parcel {
    pub(crate) id: DeliveryId,
    pub(crate) event: EventId,
    pub(crate) tenant: TenantId,
    pub(crate) topic: Topic,
    pub(crate) said: Said,
    pub(crate) recipient: Option<String>,
    /// What only the recipient may read, sealed.
    pub(crate) enclosed: Option<Vec<u8>>,
    pub(crate) created_at: Timestamp,
}

/// Carries what was announced.
#[derive(Clone)]
pub struct Courier {
    channels: Channels,
    egress: Egress,
    metrics: Metrics,
    /// The channels that this server is serving.
    busy: Arc<Mutex<HashSet<ChannelId>>>,
    tasks: TaskTracker,
}

impl Courier {
    /// A courier of these channels.
    pub fn new(channels: Channels, egress: Egress, metrics: Metrics) -> Self {
        Courier {
            channels,
            egress,
            metrics,
            busy: Arc::default(),
            tasks: TaskTracker::new(),
        }
    }

    /// Carries deliveries for as long as the server lives.
    pub async fn run(self) {
        let mut is_well = true;
        let mut tidy = tokio::time::interval(TIDY_EVERY);
        loop {
            let announced = self.channels.announced.notified();
            tokio::select! {
                _ = tokio::time::timeout(LOOK_EVERY, announced) => {}
                _ = tidy.tick() => {
                    if let Err(error) = outbox::tidy(&self.channels).await {
                        tracing::warn!(%error, "old notifications could not be thrown away");
                    }
                }
            }
            let outcome = self.round().await;
            if let Err(error) = &outcome
                && is_well
            {
                tracing::warn!(%error, "people are told when the database answers again");
            }
            is_well = outcome.is_ok();
        }
    }

    /// Begins to serve every channel that has something due and is not being served.
    async fn round(&self) -> Result<(), Error> {
        for (tenant, channel) in outbox::channels_due(&self.channels).await? {
            let mut busy = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
            if !busy.insert(channel) {
                continue;
            }
            drop(busy);
            let courier = self.clone();
            self.tasks.spawn(async move {
                if let Err(error) = courier.serve(tenant, channel).await {
                    tracing::warn!(%error, %channel, "a notification channel could not be served");
                }
                let mut busy = courier.busy.lock().unwrap_or_else(PoisonError::into_inner);
                busy.remove(&channel);
            });
        }
        Ok(())
    }

    /// Carries what is due through one channel, until something does not get through.
    async fn serve(&self, tenant: TenantId, id: ChannelId) -> Result<(), Error> {
        let channels = &self.channels;
        while let Some(due) = outbox::take(channels, tenant, id, TAKEN_FOR).await? {
            let Some(channel) = store::find(&channels.db, tenant, id).await? else {
                return Ok(());
            };
            let failed = match self.attempt(&channel, &due.parcel).await {
                Ok(()) => {
                    outbox::delivered(channels, &channel, &due).await?;
                    self.count(DeliveryOutcome::Delivered);
                    continue;
                }
                Err(failed) => failed,
            };
            self.failed(&channel, &due, &failed).await?;
            if !failed.is_final {
                return Ok(());
            }
        }
        Ok(())
    }

    async fn failed(&self, channel: &Channel, due: &Due, failed: &Failed) -> Result<(), Error> {
        let now = self.channels.environment.now();
        let dice = u32::from_be_bytes(self.channels.environment.random());
        let fate = fate(failed, due.refusals, now.since(due.parcel.created_at), dice);
        let noted = outbox::failed(&self.channels, due, &fate, &failed.problem).await?;
        if let Some(patience) = failed.patience {
            outbox::rest(&self.channels, channel, now.plus(patience)).await?;
        }
        let (delivery, topic) = (due.parcel.id, due.parcel.topic);
        let problem = &failed.problem;
        match fate {
            Fate::Dead => {
                self.count(DeliveryOutcome::Dead);
                tracing::error!(%delivery, channel = %channel.id, %topic, problem, "alarm: a notification was given up");
                if noted && !failed.is_ours && outbox::given_up(&self.channels, channel).await? {
                    tracing::error!(channel = %channel.id, "alarm: a webhook was switched off, nothing gets through");
                }
            }
            Fate::Again { wait, .. } => {
                self.count(DeliveryOutcome::Failed);
                let wait_ms = wait.as_millis();
                tracing::warn!(%delivery, channel = %channel.id, %topic, problem, wait_ms, "a notification did not get through, it is tried again");
            }
        }
        Ok(())
    }

    fn count(&self, outcome: DeliveryOutcome) {
        self.metrics.notifications.ended(outcome).inc();
    }

    /// One attempt, which ends in time.
    async fn attempt(&self, channel: &Channel, parcel: &Parcel) -> Result<(), Failed> {
        let sealed = store::sealed(&self.channels.db, channel.tenant, channel.id).await;
        let sealed = sealed.map_err(|_| Failed::ours())?;
        let secrets = self.channels.opened(channel, &sealed).await;
        let secrets = secrets.map_err(|_| Failed::ours())?;
        let sending = self.send(channel, &secrets, parcel);
        match tokio::time::timeout(ATTEMPT, sending).await {
            Ok(outcome) => outcome,
            Err(_) => Err(Failed::again("no answer in time")),
        }
    }

    async fn send(
        &self,
        channel: &Channel,
        secrets: &Secrets,
        parcel: &Parcel,
    ) -> Result<(), Failed> {
        let (rules, now) = (self.channels.rules, self.channels.environment.now());
        let url = || secrets.url.as_deref().ok_or_else(Failed::ours);
        match &channel.settings {
            Settings::Email(mail) => {
                let password = secrets.password.clone().map(Secret::new);
                let enclosed = match &parcel.enclosed {
                    Some(sealed) => {
                        let (tenant, id) = (parcel.tenant, parcel.id);
                        let opened = self.channels.enclosure(tenant, id, sealed).await;
                        Some(opened.map_err(|_| Failed::ours())?)
                    }
                    None => None,
                };
                email::send(rules, mail, password, (parcel, enclosed)).await
            }
            Settings::Slack { interactive, .. } => {
                let request = slack::request(rules, url()?, parcel, *interactive)?;
                self.post(request).await
            }
            Settings::Webhook { .. } => {
                let key = secrets.signing.as_deref().ok_or_else(Failed::ours)?;
                self.post(webhook::request(
                    rules,
                    (url()?, channel.id),
                    key,
                    parcel,
                    now,
                )?)
                .await
            }
        }
    }

    async fn post(&self, request: Outgoing) -> Result<(), Failed> {
        let wait = Timeouts {
            first_byte: ATTEMPT,
            idle: ATTEMPT,
        };
        let mut answer = match self.egress.send(request, wait).await {
            Ok(answer) => answer,
            Err(error) => return Err(Failed::again(chain(&error))),
        };
        // Read, so that the connection can be used again.
        let body = answer.collect(MOST_OF_AN_ANSWER).await.unwrap_or_default();
        if answer.status.is_success() {
            return Ok(());
        }
        let now = self.channels.environment.now();
        let patience = retry_after(&answer.headers, now);
        let said = String::from_utf8_lossy(&body);
        Err(Failed::answered(answer.status, patience, &said))
    }

    /// Sends a test through a channel now, whether or not it is switched on.
    ///
    /// # Errors
    /// [`Error::NoChannel`]; that nothing got through is no error but what was found.
    pub async fn test(&self, authorised: &Authorised, id: ChannelId) -> Result<Tried, Error> {
        let channel = self.channels.get(authorised, id).await?;
        let environment = &self.channels.environment;
        let parcel = Parcel {
            id: environment.new_id(),
            event: environment.new_id(),
            tenant: channel.tenant,
            topic: Topic::ChannelTest,
            said: test_notice(&channel).said,
            recipient: None,
            enclosed: None,
            created_at: environment.now(),
        };
        let began = environment.boot();
        let outcome = self.attempt(&channel, &parcel).await;
        let took = environment.boot().since(began);
        let tried = Tried {
            took_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            problem: outcome.err().map(|failed| failed.problem),
        };
        let mut tx = self.channels.db.begin().await?;
        let found = serde_json::json!({ "ok": tried.problem.is_none() });
        let entry = about(&channel, "channel.test").parameters(&found);
        self.channels
            .audit
            .write(&mut tx, authorised, entry)
            .await?;
        tx.commit().await?;
        Ok(tried)
    }
}

/// An error with its causes; none of them holds an address or a secret of ours.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let more = cause.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        next = cause.source();
    }
    text
}

impl std::fmt::Debug for Courier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Courier").finish_non_exhaustive()
    }
}
