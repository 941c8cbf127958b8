//! The words of channels.

use std::collections::BTreeMap;

use iron_primitives::{ChannelId, DeliveryId, EventId, Secret, TenantId, Timestamp};
use serde::{Deserialize, Serialize};

use super::ChannelFilter;
use crate::Topic;

iron_store::words! {
    /// How a channel tells people.
    pub enum ChannelKind {
        /// By mail.
        Email = "email",
        /// Into a channel of Slack, by its incoming webhook.
        Slack = "slack",
        /// By a signed webhook.
        Webhook = "webhook",
    }
}

iron_store::words! {
    /// How the connection to a mail server is protected.
    pub enum Secrecy {
        /// TLS from the first byte.
        Tls = "tls",
        /// TLS after `STARTTLS`, without which nothing is sent.
        Starttls = "starttls",
        /// None; to this machine only, unless plain connections are allowed.
        None = "none",
    }
}

iron_store::words! {
    /// Where a delivery stands.
    pub enum DeliveryStatus {
        /// It is on its way.
        Pending = "pending",
        /// It has arrived.
        Delivered = "delivered",
        /// It was given up.
        Dead = "dead",
    }
}

/// A mail server, and who writes to whom.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mail {
    /// The server's name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// `tls`, `starttls` or `none`.
    pub security: String,
    /// As whom to sign in there.
    pub username: Option<String>,
    /// Who writes.
    pub from: String,
    /// To whom.
    pub to: Vec<String>,
}

/// What a channel needs to know and may show.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Settings {
    /// Mail.
    Email(Mail),
    /// Slack: what is shown of the URL, which is a secret as a whole.
    Slack {
        /// Scheme and host.
        shown: String,
        /// Whether buttons stand under what asks for a decision; who presses one is believed by
        /// the signature of Slack.
        #[serde(default)]
        interactive: bool,
        /// Who the people there are: their id at Slack, and the address of the user.
        #[serde(default)]
        people: BTreeMap<String, String>,
    },
    /// A webhook: what is shown of the URL.
    Webhook {
        /// The URL without its query, which may hold a secret.
        shown: String,
    },
}

/// What authenticates us at the other side, before it is sealed.
#[derive(Serialize, Deserialize)]
pub(crate) struct Secrets {
    /// Where to send it: Slack and webhooks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) url: Option<String>,
    /// What webhooks are signed with: `whsec_…`; with what Slack signs what people press there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) signing: Option<String>,
    /// Of the mail server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) password: Option<String>,
}

/// A way to tell people something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Channel {
    /// The channel.
    pub id: ChannelId,
    /// Whose it is.
    pub tenant: TenantId,
    /// What people call it; unique in the tenant.
    pub name: String,
    /// How it tells them.
    pub kind: ChannelKind,
    /// What it needs to know and may show.
    pub settings: Settings,
    /// What is told through it.
    pub topics: Vec<Topic>,
    /// Whose news it wants; all if absent.
    pub filter: Option<ChannelFilter>,
    /// Whether anything is.
    pub enabled: bool,
    /// How many deliveries were given up since the last one that arrived.
    #[serde(skip)]
    pub dead_in_row: u32,
    /// Counts the secrets that were sealed for it.
    pub sealed_version: i64,
    /// Until when the other side wants to be left alone.
    pub resting_until: Timestamp,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// How people decide in Slack.
#[derive(Debug, Clone)]
pub struct SlackActions {
    /// With what the app there signs; the one that is stored if absent.
    pub signing_secret: Option<Secret>,
    /// Who the people there are: their id at Slack, and the address of the user.
    pub people: BTreeMap<String, String>,
}

/// A channel that is to be made.
#[derive(Debug, Clone)]
pub struct NewChannel {
    /// What people call it.
    pub name: String,
    /// How it tells them.
    pub kind: ChannelKind,
    /// What is told; everything if absent.
    pub topics: Option<Vec<Topic>>,
    /// Whose news it wants; all if it names nobody.
    pub filter: ChannelFilter,
    /// Whether anything is.
    pub enabled: bool,
    /// Where to, for Slack and webhooks.
    pub url: Option<Secret>,
    /// The mail server.
    pub mail: Option<Mail>,
    /// Its password.
    pub password: Option<Secret>,
    /// How people decide in Slack; not at all if absent.
    pub actions: Option<SlackActions>,
}

/// What is to be different about a channel.
#[derive(Debug, Clone, Default)]
pub struct ChannelChange {
    /// Another name.
    pub name: Option<String>,
    /// Other topics.
    pub topics: Option<Vec<Topic>>,
    /// Whose news it wants; all if it names nobody.
    pub filter: Option<ChannelFilter>,
    /// Switched on or off.
    pub enabled: Option<bool>,
    /// Another address.
    pub url: Option<Secret>,
    /// Another mail server, or other recipients.
    pub mail: Option<Mail>,
    /// Another password.
    pub password: Option<Secret>,
    /// Another way to decide in Slack.
    pub actions: Option<SlackActions>,
}

/// One notice on its way through one channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The delivery; every attempt carries it.
    pub id: DeliveryId,
    /// Through which channel.
    pub channel: ChannelId,
    /// What happened; the same through all channels.
    pub event: EventId,
    /// What it is about.
    pub topic: Topic,
    /// What it says in one line.
    pub title: String,
    /// To whom in place of the channel's own recipients.
    pub recipient: Option<String>,
    /// Where it stands.
    pub status: DeliveryStatus,
    /// How often it was tried.
    pub attempts: u32,
    /// When it is tried next.
    pub due_at: Timestamp,
    /// Why it did not get through last time.
    pub error: Option<String>,
    /// When it happened.
    pub created_at: Timestamp,
    /// When it arrived or was given up.
    pub ended_at: Option<Timestamp>,
}

/// Which deliveries are wanted.
#[derive(Debug, Clone, Default)]
pub struct DeliveryFilter {
    /// In one of these states; any if empty.
    pub statuses: Vec<DeliveryStatus>,
}

/// How a test went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tried {
    /// How long it took, in milliseconds.
    pub took_ms: u64,
    /// Why it did not get through; none if it did.
    pub problem: Option<String>,
}
