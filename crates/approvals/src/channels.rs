//! Making, changing and ending channels, and announcing what is to be told: [`Channels`].

mod check;
mod deliveries;
mod filter;
mod model;
pub(crate) mod store;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use iron_audit::{Audit, Authorised, Entry, Removal};
use iron_net::egress::AddressRules;
use iron_primitives::{ChannelId, DeliveryId, Environment, EventId, Secret, TenantId, Timestamp};
use iron_store::{Db, Page, Paged, Sort, Tx};
use tokio::sync::Notify;

use crate::{Error, Notice, SealFailure, Topic};
pub(crate) use check::address;
pub use filter::ChannelFilter;
pub(crate) use model::Secrets;
pub use model::{
    Channel, ChannelChange, ChannelKind, Delivery, DeliveryFilter, DeliveryStatus, Mail,
    NewChannel, Secrecy, Settings, SlackActions, Tried,
};

/// The ability to seal a secret for one place, the row with this id, and to open it there again.
#[async_trait]
pub trait Seal: Send + Sync {
    /// Seals a secret, in the transaction that stores it.
    async fn seal(
        &self,
        tx: &mut Tx,
        tenant: TenantId,
        id: &str,
        version: i64,
        secret: &Secret,
    ) -> Result<Vec<u8>, SealFailure>;

    /// Opens a sealed secret.
    async fn unseal(
        &self,
        tenant: TenantId,
        id: &str,
        version: i64,
        sealed: &[u8],
    ) -> Result<Secret, SealFailure>;
}

/// The channels of all tenants; a clone shares everything.
#[derive(Clone)]
pub struct Channels {
    pub(crate) db: Db,
    pub(crate) audit: Audit,
    pub(crate) seal: Arc<dyn Seal>,
    pub(crate) rules: AddressRules,
    pub(crate) environment: Environment,
    /// Something may stand in the outbox.
    pub(crate) announced: Arc<Notify>,
}

impl Channels {
    /// The channels in a database. The rules say which addresses may be called.
    pub fn new(
        db: Db,
        audit: Audit,
        seal: Arc<dyn Seal>,
        rules: AddressRules,
        environment: Environment,
    ) -> Self {
        Channels {
            db,
            audit,
            seal,
            rules,
            environment,
            announced: Arc::default(),
        }
    }

    /// Makes a channel. A webhook's signing secret comes back, this once.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::Url`], [`Error::DuplicateName`].
    pub async fn create(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        new: NewChannel,
    ) -> Result<(Channel, Option<Secret>), Error> {
        let mut settings = check::settings(self.rules, new.kind, new.url.as_ref(), new.mail)?;
        check::password(&settings, new.password.is_some())?;
        let pressed = check::actions(&mut settings, new.actions)?;
        let now = self.environment.now();
        let signing = (new.kind == ChannelKind::Webhook).then(|| self.signing_secret());
        let channel = Channel {
            id: self.environment.new_id(),
            tenant: authorised.tenant,
            name: check::name(new.name)?,
            kind: new.kind,
            settings,
            topics: check::topics(new.topics)?,
            filter: new.filter.checked()?,
            dead_in_row: 0,
            enabled: new.enabled,
            sealed_version: 1,
            resting_until: Timestamp::from_micros(0),
            created_at: now,
            updated_at: now,
        };
        let secrets = Secrets {
            url: new.url.map(exposed),
            signing: signing
                .as_ref()
                .or(pressed.as_ref())
                .map(|secret| secret.expose().to_owned()),
            password: new.password.map(exposed),
        };
        let sealed = self.sealed(tx, &channel, &secrets).await?;
        store::insert(tx, &channel, &sealed).await?;
        let entry = about(&channel, "channel.create").changes(None::<&Channel>, Some(&channel));
        self.audit.write(tx, authorised, entry.status(201)).await?;
        Ok((channel, signing))
    }

    /// The channels of the tenant, by name.
    ///
    /// # Errors
    /// [`Error::Store`] if the database fails.
    pub async fn list(&self, authorised: &Authorised, page: Page) -> Result<Paged<Channel>, Error> {
        let sort = Sort::ascending("name");
        store::list(&self.db, authorised.tenant, sort, page).await
    }

    /// One channel.
    ///
    /// # Errors
    /// [`Error::NoChannel`].
    pub async fn get(&self, authorised: &Authorised, id: ChannelId) -> Result<Channel, Error> {
        let found = store::find(&self.db, authorised.tenant, id).await?;
        found.ok_or(Error::NoChannel { id })
    }

    /// One channel, held until the end of the transaction.
    ///
    /// # Errors
    /// [`Error::NoChannel`].
    pub async fn hold(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        id: ChannelId,
    ) -> Result<Channel, Error> {
        let found = store::lock(tx, authorised.tenant, id).await?;
        found.ok_or(Error::NoChannel { id })
    }

    /// Changes a channel. A stored password is never sent to another mail server than the one it
    /// was given for: whoever moves the channel sends it along.
    ///
    /// # Errors
    /// As [`Channels::create`] and [`Channels::get`].
    pub async fn update(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        id: ChannelId,
        change: ChannelChange,
    ) -> Result<Channel, Error> {
        let before = self.hold(tx, authorised, id).await?;
        let mut after = before.clone();
        let mut secrets = self.secrets(tx, &before).await?;
        if change.url.is_some() || change.mail.is_some() {
            let (url, mail) = (change.url.as_ref(), change.mail);
            let mut settings = check::settings(self.rules, before.kind, url, mail)?;
            check::keep_actions(&before.settings, &mut settings);
            after.settings = settings;
            check::password(
                &after.settings,
                change.password.is_some() || secrets.password.is_some(),
            )?;
        }
        check::moved(
            &before,
            &after,
            secrets.password.is_some(),
            change.password.is_some(),
        )?;
        if let Some(actions) = change.actions {
            let signing = check::actions(&mut after.settings, Some(actions))?;
            secrets.signing = signing.map(exposed).or(secrets.signing);
        }
        if let Some(name) = change.name {
            after.name = check::name(name)?;
        }
        if let Some(topics) = change.topics {
            after.topics = check::topics(Some(topics))?;
        }
        if let Some(filter) = change.filter {
            after.filter = filter.checked()?;
        }
        after.enabled = change.enabled.unwrap_or(before.enabled);
        secrets.url = change.url.map(exposed).or(secrets.url);
        if let Settings::Email(mail) = &after.settings {
            secrets.password = change.password.map(exposed).or(secrets.password);
            secrets.password = secrets.password.filter(|_| mail.username.is_some());
        }
        // Somebody has looked at it: whatever made it rest may be over.
        after.resting_until = Timestamp::from_micros(0);
        after.dead_in_row = 0;
        self.replace(tx, authorised, "channel.update", &before, after, &secrets)
            .await
    }

    /// Gives a webhook a new signing secret; the former one is used no more.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a channel of another kind; as [`Channels::get`].
    pub async fn rotate_secret(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        id: ChannelId,
    ) -> Result<(Channel, Secret), Error> {
        let before = self.hold(tx, authorised, id).await?;
        if before.kind != ChannelKind::Webhook {
            return Err(Error::Invalid {
                field: "channel_id",
                problem: "only webhooks are signed",
            });
        }
        let mut secrets = self.secrets(tx, &before).await?;
        let signing = self.signing_secret();
        secrets.signing = Some(signing.expose().to_owned());
        let after = before.clone();
        let action = "channel.rotate_secret";
        let channel = self
            .replace(tx, authorised, action, &before, after, &secrets)
            .await?;
        Ok((channel, signing))
    }

    /// Ends a channel, with what was on its way through it.
    ///
    /// # Errors
    /// As [`Channels::get`].
    pub async fn delete(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        id: ChannelId,
    ) -> Result<Channel, Error> {
        let channel = self.hold(tx, authorised, id).await?;
        store::delete(tx, authorised.tenant, id).await?;
        let entry = about(&channel, "channel.delete").changes(Some(&channel), None::<&Channel>);
        self.audit.write(tx, authorised, entry).await?;
        Ok(channel)
    }

    /// Tells the people of a tenant, in the transaction of what happened: a delivery for each
    /// channel that is on for the topic, and by mail a copy to whom it concerns. Call
    /// [`Channels::wake`] after the commit.
    ///
    /// # Errors
    /// [`Error::Store`] if the database fails.
    pub async fn announce(
        &self,
        tx: &mut Tx,
        tenant: TenantId,
        notice: &Notice,
    ) -> Result<(), Error> {
        self.announce_to(tx, tenant, notice).await?;
        Ok(())
    }

    /// As [`Channels::announce`], unless the same subject was told within a while: of servers that
    /// tell it at once, one does. Says whether it was told.
    ///
    /// # Errors
    /// [`Error::Store`] if the database fails.
    pub async fn announce_at_most_every(
        &self,
        tx: &mut Tx,
        tenant: TenantId,
        (subject, quiet): (&str, Duration),
        notice: &Notice,
    ) -> Result<bool, Error> {
        let now = self.environment.now();
        let is_news = store::note_told(tx, (tenant, subject), now, now.minus(quiet)).await?;
        if is_news {
            self.announce_to(tx, tenant, notice).await?;
        }
        Ok(is_news)
    }

    /// Whether a subject was told within a while: who looks often asks first.
    ///
    /// # Errors
    /// [`Error::Store`] if the database fails.
    pub async fn was_told(
        &self,
        tenant: TenantId,
        (subject, quiet): (&str, Duration),
    ) -> Result<bool, Error> {
        let since = self.environment.now().minus(quiet);
        store::was_told(&self.db, (tenant, subject), since).await
    }

    /// As [`Channels::announce`]; says through which channels.
    pub(crate) async fn announce_to(
        &self,
        tx: &mut Tx,
        tenant: TenantId,
        notice: &Notice,
    ) -> Result<Vec<ChannelId>, Error> {
        let event: EventId = self.environment.new_id();
        let now = self.environment.now();
        let mut concerns = notice.concerns.as_ref();
        let mut told = Vec::new();
        for channel in store::on_for(tx, tenant, notice).await? {
            let mut recipients = vec![None];
            if let (Settings::Email(mail), Some(address)) = (&channel.settings, concerns)
                && !mail.to.contains(address)
            {
                recipients.push(Some(address.as_str()));
                concerns = None;
            }
            for recipient in recipients {
                let id = self.environment.new_id();
                let place = store::Place {
                    tenant,
                    channel: channel.id,
                    event,
                };
                store::put(tx, id, place, notice, recipient, now).await?;
            }
            told.push(channel.id);
        }
        Ok(told)
    }

    /// Tells one person something that nobody else may read, through the first mail channel of a
    /// tenant that is on, whatever topics it has. Says whether there is one. Until it has arrived
    /// the outbox holds the text sealed. Call [`Channels::wake`] after the commit.
    ///
    /// # Errors
    /// [`Error::Seal`], [`Error::Store`].
    pub async fn confide(
        &self,
        tx: &mut Tx,
        tenant: TenantId,
        address: &str,
        notice: &Notice,
        enclosed: &Secret,
    ) -> Result<bool, Error> {
        let Some(channel) = store::first_for_mail(tx, tenant, None).await? else {
            return Ok(false);
        };
        let to = (&channel, address);
        self.enclose(tx, to, notice, enclosed).await?;
        Ok(true)
    }

    /// As [`Channels::confide`], through a channel that tells of a topic.
    pub(crate) async fn confide_about(
        &self,
        tx: &mut Tx,
        (tenant, topic): (TenantId, Topic),
        address: &str,
        notice: &Notice,
        enclosed: &Secret,
    ) -> Result<bool, Error> {
        let Some(channel) = store::first_for_mail(tx, tenant, Some(topic)).await? else {
            return Ok(false);
        };
        let to = (&channel, address);
        self.enclose(tx, to, notice, enclosed).await?;
        Ok(true)
    }

    async fn enclose(
        &self,
        tx: &mut Tx,
        (channel, address): (&Channel, &str),
        notice: &Notice,
        enclosed: &Secret,
    ) -> Result<(), Error> {
        let environment = &self.environment;
        let tenant = channel.tenant;
        let id: DeliveryId = environment.new_id();
        let place = store::Place {
            tenant,
            channel: channel.id,
            event: environment.new_id(),
        };
        store::put(tx, id, place, notice, Some(address), environment.now()).await?;
        let text = id.to_string();
        let sealed = self.seal.seal(tx, tenant, &text, 1, enclosed).await?;
        store::enclose(tx, tenant, id, &sealed).await
    }

    /// What is enclosed in a delivery.
    pub(crate) async fn enclosure(
        &self,
        tenant: TenantId,
        delivery: DeliveryId,
        sealed: &[u8],
    ) -> Result<Secret, Error> {
        let id = delivery.to_string();
        Ok(self.seal.unseal(tenant, &id, 1, sealed).await?)
    }

    /// The tenants that have a channel for this topic that is on.
    ///
    /// # Errors
    /// [`Error::Store`] if the database fails.
    pub async fn tenants_told_of(&self, topic: Topic) -> Result<Vec<TenantId>, Error> {
        store::tenants_told_of(&self.db, topic).await
    }

    /// Lets the courier of this server look now, instead of within half a second.
    pub fn wake(&self) {
        self.announced.notify_one();
    }

    /// Removes the channels of a tenant whose time is over.
    ///
    /// # Errors
    /// [`Error::Store`] if the database fails.
    pub async fn remove_tenant(&self, tx: &mut Tx, removal: &mut Removal) -> Result<(), Error> {
        Ok(removal.delete(tx, store::OF_A_TENANT).await?)
    }

    async fn replace(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        action: &'static str,
        before: &Channel,
        mut after: Channel,
        secrets: &Secrets,
    ) -> Result<Channel, Error> {
        let now = self.environment.now();
        // Strictly later, so that the tag of the version before never fits this one.
        after.updated_at = now.max(before.updated_at.plus(Duration::from_micros(1)));
        after.sealed_version = before.sealed_version.saturating_add(1);
        let sealed = self.sealed(tx, &after, secrets).await?;
        store::replace(tx, &after, &sealed).await?;
        let entry = about(&after, action).changes(Some(before), Some(&after));
        self.audit.write(tx, authorised, entry).await?;
        Ok(after)
    }

    async fn sealed(
        &self,
        tx: &mut Tx,
        channel: &Channel,
        secrets: &Secrets,
    ) -> Result<Vec<u8>, Error> {
        let text = serde_json::to_string(secrets).map_err(|_| Error::Unreadable)?;
        let secret = Secret::new(text);
        let (tenant, id) = (channel.tenant, channel.id.to_string());
        let version = channel.sealed_version;
        Ok(self.seal.seal(tx, tenant, &id, version, &secret).await?)
    }

    /// The secrets of a channel whose row is held.
    async fn secrets(&self, tx: &mut Tx, channel: &Channel) -> Result<Secrets, Error> {
        let sealed = store::sealed(tx, channel.tenant, channel.id).await?;
        self.opened(channel, &sealed).await
    }

    pub(crate) async fn opened(&self, channel: &Channel, sealed: &[u8]) -> Result<Secrets, Error> {
        let (tenant, id) = (channel.tenant, channel.id.to_string());
        let version = channel.sealed_version;
        let secret = self.seal.unseal(tenant, &id, version, sealed).await?;
        serde_json::from_str(secret.expose()).map_err(|_| Error::Unreadable)
    }

    fn signing_secret(&self) -> Secret {
        let key = STANDARD.encode(self.environment.random::<32>());
        Secret::new(format!("whsec_{key}"))
    }
}

fn exposed(secret: Secret) -> String {
    secret.expose().to_owned()
}

pub(crate) fn about(channel: &Channel, action: &'static str) -> Entry {
    Entry::new(action, "notification_channel").resource(channel.id)
}

impl std::fmt::Debug for Channels {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Channels")
            .field("rules", &self.rules)
            .finish_non_exhaustive()
    }
}

/// What a test says.
pub(crate) fn test_notice(channel: &Channel) -> Notice {
    let title = format!("a test of the notification channel {}", channel.name);
    Notice::new(Topic::ChannelTest, title).data("channel_id", channel.id.to_string())
}
