//! How people are told: notification channels, and what went through them.

use std::collections::BTreeMap;

use crate::{SecretText, words::words};
use iron_primitives::{AgentId, ChannelId, DeliveryId, EventId, TeamId, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

words! {
    /// How a channel tells people.
    ChannelKind {
        /// By mail.
        Email = "email",
        /// Into a channel of Slack, by its incoming webhook.
        Slack = "slack",
        /// By a signed webhook.
        Webhook = "webhook",
    }
}

words! {
    /// What a channel can be told of.
    NotificationEvent {
        /// A soft limit of a budget was crossed.
        BudgetWarning = "budget.warning",
        /// The limit of a budget is reached.
        BudgetExceeded = "budget.exceeded",
        /// An agent spent faster than it may and was killed.
        BudgetRunaway = "budget.runaway",
        /// An agent was started, or begins anew.
        AgentStarted = "agent.started",
        /// An agent was paused, by a person or by its budget.
        AgentPaused = "agent.paused",
        /// A paused agent goes on.
        AgentResumed = "agent.resumed",
        /// An agent was stopped or killed.
        AgentStopped = "agent.stopped",
        /// Many calls of an agent failed within a few minutes.
        ErrorThresholdBreached = "error.threshold_breached",
        /// Guardrails have blocked something, or found something to look at.
        SafetyViolation = "safety.violation",
        /// Somebody asks for a higher budget.
        BudgetRequestCreated = "budget_request.created",
        /// A request for a higher budget was approved or denied.
        BudgetRequestDecided = "budget_request.decided",
        /// Somebody asks for access.
        AccessRequested = "access.requested",
        /// A request for access was approved, denied or revoked.
        AccessDecided = "access.decided",
        /// A key of an access request ends soon, or has ended.
        AccessExpiring = "access.expiring",
        /// An agent wants to make a call that somebody has to approve.
        ApprovalRequested = "approval.requested",
        /// Such a call was approved, denied, or nobody decided in time.
        ApprovalDecided = "approval.decided",
        /// Something of the API goes away.
        ApiDeprecated = "api.deprecated",
    }
}

words! {
    /// How the connection to a mail server is protected.
    MailSecurity {
        /// TLS from the first byte.
        Tls = "tls",
        /// TLS after `STARTTLS`; without it nothing is sent.
        Starttls = "starttls",
        /// None: to this machine only, unless plain connections are allowed.
        None = "none",
    }
}

words! {
    /// Where a delivery stands.
    DeliveryStatus {
        /// It is on its way.
        Pending = "pending",
        /// It has arrived.
        Delivered = "delivered",
        /// It was given up.
        Dead = "dead",
    }
}

/// A mail server, and who writes to whom.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MailSettings {
    /// The server.
    #[schema(min_length = 1, max_length = 253)]
    pub host: String,
    /// Its port; 465 with `tls`, 587 with `starttls`, 25 with `none`, if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, minimum = 1, maximum = 65535)]
    pub port: Option<u16>,
    /// How the connection is protected; `starttls` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub security: Option<MailSecurity>,
    /// As whom to sign in there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, min_length = 1, max_length = 255)]
    pub username: Option<String>,
    /// The password. In a change it may be left out if server and user name stay as they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<SecretText>,
    /// Who writes.
    #[schema(min_length = 3, max_length = 255)]
    pub from: String,
    /// To whom.
    #[schema(min_items = 1, max_items = 20)]
    pub to: Vec<String>,
}

/// How people decide about tool calls in Slack.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SlackSettings {
    /// With what the app at Slack signs what people press; the stored one if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signing_secret: Option<SecretText>,
    /// Who the people there are: their member id at Slack, and the e-mail address of the user.
    /// Nobody else can decide there.
    pub people: BTreeMap<String, String>,
}

/// How people decide in Slack, as it may be shown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SlackActionsView {
    /// Who the people there are.
    pub people: BTreeMap<String, String>,
}

/// Whose news a channel wants: of any of these agents, and of any of these teams with all their
/// agents; all news if it names nobody.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NotificationFilter {
    /// The agents.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 100)]
    pub agent_ids: Vec<AgentId>,
    /// The teams.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 100)]
    pub team_ids: Vec<TeamId>,
}

/// A channel that is to be made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateNotificationChannel {
    /// What people call it, unique in the tenant.
    #[schema(min_length = 1, max_length = 100)]
    pub name: String,
    /// How it tells people.
    pub kind: ChannelKind,
    /// What is told through it; everything if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, min_items = 1, max_items = 30)]
    pub events: Option<Vec<NotificationEvent>>,
    /// Whose news it wants; all if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<NotificationFilter>,
    /// Whether anything is; true if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub enabled: Option<bool>,
    /// For `slack` and `webhook`: where to send it; `https`, and nothing inside the network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<SecretText>,
    /// For `email`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<MailSettings>,
    /// For `slack`: lets people decide there about tool calls.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slack: Option<SlackSettings>,
}

/// A change of a channel; what is absent stays.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(min_properties = 1)]
pub struct UpdateNotificationChannel {
    /// What people call it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, min_length = 1, max_length = 100)]
    pub name: Option<String>,
    /// What is told through it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, min_items = 1, max_items = 30)]
    pub events: Option<Vec<NotificationEvent>>,
    /// Whose news it wants; `{}` for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<NotificationFilter>,
    /// Whether anything is. What happens while it is off is not told later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub enabled: Option<bool>,
    /// For `slack` and `webhook`: where to send it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<SecretText>,
    /// For `email`: all settings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<MailSettings>,
    /// For `slack`: who decides there about tool calls.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slack: Option<SlackSettings>,
}

/// A mail server as it may be shown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MailView {
    /// The server.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is protected.
    pub security: MailSecurity,
    /// As whom we sign in there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub username: Option<String>,
    /// Who writes.
    pub from: String,
    /// To whom.
    pub to: Vec<String>,
}

/// A channel, without its secrets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct NotificationChannelView {
    /// The channel.
    pub id: ChannelId,
    /// What people call it.
    pub name: String,
    /// How it tells people.
    pub kind: ChannelKind,
    /// What is told through it.
    pub events: Vec<NotificationEvent>,
    /// Whose news it wants; absent for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<NotificationFilter>,
    /// Whether anything is. A webhook is switched off after 20 deliveries in a row that were given
    /// up.
    pub enabled: bool,
    /// Where it is sent, as far as that may be shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub url: Option<String>,
    /// The mail server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub email: Option<MailView>,
    /// How people decide about tool calls in Slack; absent if they do not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub slack: Option<SlackActionsView>,
    /// How many notices are on their way.
    pub pending: u64,
    /// How many were given up.
    pub dead: u64,
    /// Until when the other side wants to be left alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub resting_until: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// A new channel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct NotificationChannelCreated {
    /// The channel.
    #[serde(flatten)]
    pub channel: NotificationChannelView,
    /// For `webhook`: what its messages are signed with (`whsec_…`), shown this once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signing_secret: Option<SecretText>,
}

/// The new signing secret of a webhook.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SigningSecret {
    /// The channel.
    pub id: ChannelId,
    /// What its messages are signed with from now on, shown this once.
    pub signing_secret: SecretText,
    /// Since when.
    pub rotated_at: Timestamp,
}

/// A channel that is no more.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct NotificationChannelDeleted {
    /// The channel.
    pub id: ChannelId,
    /// Always true.
    pub deleted: bool,
}

/// How a test went.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct NotificationTest {
    /// The channel.
    pub id: ChannelId,
    /// Whether the test arrived.
    pub ok: bool,
    /// How long it took, in milliseconds.
    pub latency_ms: u64,
    /// Why it did not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub message: Option<String>,
}

/// One notice on its way through one channel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DeliveryView {
    /// The delivery: `webhook-id`, and part of the `Message-ID` of a mail.
    pub id: DeliveryId,
    /// The channel.
    pub channel_id: ChannelId,
    /// What happened; the same through all channels.
    pub event_id: EventId,
    /// What it is about: one of the events that channels can choose.
    pub event: String,
    /// What it says in one line.
    pub title: String,
    /// To whom, if not to the channel's own recipients.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub recipient: Option<String>,
    /// Where it stands.
    pub status: DeliveryStatus,
    /// How often it was tried.
    pub attempts: u32,
    /// When it is tried next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub next_attempt_at: Option<Timestamp>,
    /// Why it did not get through last time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub error: Option<String>,
    /// When it happened.
    pub created_at: Timestamp,
    /// When it arrived or was given up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub ended_at: Option<Timestamp>,
}

/// Which deliveries to list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct DeliveryQuery {
    /// The page, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1)]
    pub page: Option<u32>,
    /// How many on a page; 50 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1, maximum = 100)]
    pub per_page: Option<u32>,
    /// One or several of `pending`, `delivered` and `dead`, comma-separated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(pattern = "^(pending|delivered|dead)(, ?(pending|delivered|dead))*$")]
    pub status: Option<String>,
}
