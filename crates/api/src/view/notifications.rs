//! Notification channels.

use iron_approvals::{
    Channel, ChannelFilter, Delivery, Mail, Secrecy, Settings, SlackActions, Topic,
};
use iron_primitives::{Secret, Timestamp};
use iron_sdk::SecretText;
use iron_sdk::notifications::{
    ChannelKind, DeliveryStatus, DeliveryView, MailSecurity, MailSettings, MailView,
    NotificationChannelView, NotificationEvent, NotificationFilter, SlackActionsView,
    SlackSettings,
};

/// A channel, and how many deliveries of it are on their way and dead.
pub(crate) fn channel(
    channel: Channel,
    (pending, dead): (u64, u64),
    now: Timestamp,
) -> NotificationChannelView {
    let (url, email, slack) = match channel.settings {
        Settings::Email(mail) => (None, Some(mail_view(mail)), None),
        Settings::Webhook { shown } => (Some(shown), None, None),
        Settings::Slack {
            shown,
            interactive,
            people,
        } => {
            let actions = interactive.then_some(SlackActionsView { people });
            (Some(shown), None, actions)
        }
    };
    NotificationChannelView {
        id: channel.id,
        name: channel.name,
        kind: match channel.kind {
            iron_approvals::ChannelKind::Email => ChannelKind::Email,
            iron_approvals::ChannelKind::Slack => ChannelKind::Slack,
            iron_approvals::ChannelKind::Webhook => ChannelKind::Webhook,
        },
        events: channel.topics.into_iter().filter_map(event).collect(),
        filter: channel.filter.map(|filter| NotificationFilter {
            agent_ids: filter.agents,
            team_ids: filter.teams,
        }),
        enabled: channel.enabled,
        url,
        email,
        slack,
        pending,
        dead,
        resting_until: Some(channel.resting_until).filter(|until| *until > now),
        created_at: channel.created_at,
        updated_at: channel.updated_at,
    }
}

fn event(topic: Topic) -> Option<NotificationEvent> {
    NotificationEvent::from_word(topic.as_str())
}

fn mail_view(mail: Mail) -> MailView {
    MailView {
        host: mail.host,
        port: mail.port,
        security: MailSecurity::from_word(&mail.security).unwrap_or(MailSecurity::Tls),
        username: mail.username,
        from: mail.from,
        to: mail.to,
    }
}

/// The mail server that a request names, and its password.
pub(crate) fn mail_of(settings: MailSettings) -> (Mail, Option<Secret>) {
    let (secrecy, usual_port) = match settings.security.unwrap_or(MailSecurity::Starttls) {
        MailSecurity::Tls => (Secrecy::Tls, 465),
        MailSecurity::Starttls => (Secrecy::Starttls, 587),
        MailSecurity::None => (Secrecy::None, 25),
    };
    let mail = Mail {
        host: settings.host,
        port: settings.port.unwrap_or(usual_port),
        security: secrecy.as_str().to_owned(),
        username: settings.username,
        from: settings.from,
        to: settings.to,
    };
    (mail, settings.password.map(SecretText::into_secret))
}

/// How people decide in Slack, as a request says it.
pub(crate) fn actions_of(settings: SlackSettings) -> SlackActions {
    SlackActions {
        signing_secret: settings.signing_secret.map(SecretText::into_secret),
        people: settings.people,
    }
}

/// The kind that a request names.
pub(crate) const fn channel_kind_of(kind: ChannelKind) -> iron_approvals::ChannelKind {
    match kind {
        ChannelKind::Email => iron_approvals::ChannelKind::Email,
        ChannelKind::Slack => iron_approvals::ChannelKind::Slack,
        ChannelKind::Webhook => iron_approvals::ChannelKind::Webhook,
    }
}

/// Whose news a request wants.
pub(crate) fn filter_of(filter: NotificationFilter) -> ChannelFilter {
    ChannelFilter {
        agents: filter.agent_ids,
        teams: filter.team_ids,
    }
}

/// The topics that a request names.
pub(crate) fn topics_of(events: &[NotificationEvent]) -> Vec<Topic> {
    let words = events.iter().map(|event| event.as_str());
    words.filter_map(|word| word.parse().ok()).collect()
}

/// A delivery.
pub(crate) fn delivery(delivery: Delivery) -> DeliveryView {
    let pending = delivery.status == iron_approvals::DeliveryStatus::Pending;
    DeliveryView {
        id: delivery.id,
        channel_id: delivery.channel,
        event_id: delivery.event,
        event: delivery.topic.as_str().to_owned(),
        title: delivery.title,
        recipient: delivery.recipient,
        status: match delivery.status {
            iron_approvals::DeliveryStatus::Pending => DeliveryStatus::Pending,
            iron_approvals::DeliveryStatus::Delivered => DeliveryStatus::Delivered,
            iron_approvals::DeliveryStatus::Dead => DeliveryStatus::Dead,
        },
        attempts: delivery.attempts,
        next_attempt_at: pending.then_some(delivery.due_at),
        error: delivery.error,
        created_at: delivery.created_at,
        ended_at: delivery.ended_at,
    }
}
