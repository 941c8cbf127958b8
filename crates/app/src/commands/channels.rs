//! `iron channels`.

use std::collections::BTreeMap;

use iron_primitives::{ChannelId, DeliveryId};
use iron_sdk::Client;
use iron_sdk::lists::PageQuery;
use iron_sdk::notifications::{
    ChannelKind, CreateNotificationChannel, DeliveryQuery, DeliveryView, MailSettings, MailView,
    NotificationChannelView, NotificationEvent, NotificationFilter, SlackSettings,
    UpdateNotificationChannel,
};

use super::providers::secret_from_stdin;
use super::resolve::{only, parse};
use crate::args::{About, Channels, Way};
use crate::connection::Connection;
use crate::console::Console;
use crate::failure::{Exit, Failure, Outcome};

pub(super) async fn run(verb: Channels, connection: &Connection, console: Console) -> Outcome {
    let client = connection.client().await?;
    match verb {
        Channels::List { paging } => {
            let query = PageQuery {
                page: Some(paging.page),
                per_page: Some(paging.per_page),
            };
            let list = client.list_notification_channels(&query).await?;
            console.show(&list, || table(console, &list.data))
        }
        Channels::Get { channel } => {
            let id = find(&client, &channel).await?;
            let view = client.get_notification_channel(id).await?;
            console.show(&view, || facts(console, &view))
        }
        Channels::Create {
            name,
            kind,
            events,
            about,
            way,
        } => create(&client, (name, kind, events), (about, way), console).await,
        Channels::Update {
            channel,
            name,
            events,
            enabled,
            about,
            all,
            way,
        } => {
            let id = find(&client, &channel).await?;
            let before = client.get_notification_channel(id).await?;
            let people = before.slack.map(|slack| slack.people);
            let change = UpdateNotificationChannel {
                name,
                events: chosen(&events)?,
                filter: filter_of(about).or_else(|| all.then(NotificationFilter::default)),
                enabled,
                url: url_of(&way)?,
                slack: slack_of(&way, people)?,
                email: mail_of(way, before.email)?,
            };
            let view = client.update_notification_channel(id, &change).await?;
            console.show(&view, || facts(console, &view))
        }
        Channels::Delete { channel, force } => {
            let id = find(&client, &channel).await?;
            console.confirm(&format!("delete the channel `{channel}`?"), force)?;
            let gone = client.delete_notification_channel(id).await?;
            console.show(&gone, || format!("deleted {}", gone.id))
        }
        Channels::RotateSecret { channel } => {
            let id = find(&client, &channel).await?;
            let rotated = client.rotate_notification_secret(id).await?;
            console.show(&rotated, || rotated.signing_secret.expose().to_owned())
        }
        Channels::Test { channel } => test(&client, &channel, console).await,
        Channels::Deliveries {
            channel,
            status,
            paging,
        } => {
            let id = find(&client, &channel).await?;
            let query = DeliveryQuery {
                page: Some(paging.page),
                per_page: Some(paging.per_page),
                status,
            };
            let list = client.list_notification_deliveries(id, &query).await?;
            console.show(&list, || deliveries(console, &list.data))
        }
        Channels::Retry { delivery } => {
            let id: DeliveryId = parse(&delivery, "a delivery id such as `delivery_…`")?;
            let view = client.retry_notification_delivery(id).await?;
            console.show(&view, || deliveries(console, std::slice::from_ref(&view)))
        }
    }
}

async fn create(
    client: &Client,
    (name, kind, events): (String, ChannelKind, Vec<String>),
    (about, way): (About, Way),
    console: Console,
) -> Outcome {
    let body = CreateNotificationChannel {
        name,
        kind,
        events: chosen(&events)?,
        filter: filter_of(about),
        enabled: None,
        url: url_of(&way)?,
        slack: slack_of(&way, None)?,
        email: mail_of(way, None)?,
    };
    let made = client.create_notification_channel(&body).await?;
    console.show(&made, || {
        let mut text = facts(console, &made.channel);
        if let Some(secret) = &made.signing_secret {
            text.push_str(&format!("\nsigned with {}", secret.expose()));
        }
        text
    })?;
    console.note("`iron channels test` shows whether it gets there");
    Ok(())
}

async fn test(client: &Client, channel: &str, console: Console) -> Outcome {
    let id = find(client, channel).await?;
    let tried = client.test_notification_channel(id).await?;
    console.show(&tried, || match &tried.message {
        None => format!("it arrived after {} ms", tried.latency_ms),
        Some(message) => format!("it did not arrive: {message}"),
    })?;
    match tried.ok {
        true => Ok(()),
        false => Err(Failure::new(
            Exit::Problems,
            "CHANNEL_FAILED",
            "the test did not arrive",
        )),
    }
}

fn filter_of(about: About) -> Option<NotificationFilter> {
    let names_somebody = !about.agents.is_empty() || !about.teams.is_empty();
    names_somebody.then_some(NotificationFilter {
        agent_ids: about.agents,
        team_ids: about.teams,
    })
}

fn chosen(words: &[String]) -> Outcome<Option<Vec<NotificationEvent>>> {
    let read = |word: &String| {
        NotificationEvent::from_word(word.trim()).ok_or_else(|| {
            let known = NotificationEvent::ALL.iter().map(|event| event.as_str());
            let known = known.collect::<Vec<_>>().join(", ");
            Failure::usage(format!("`{word}` is no event")).hint(format!("events: {known}"))
        })
    };
    let events: Vec<NotificationEvent> = words.iter().map(read).collect::<Outcome<_>>()?;
    Ok(Some(events).filter(|events| !events.is_empty()))
}

fn url_of(way: &Way) -> Outcome<Option<iron_sdk::SecretText>> {
    match way.url_stdin {
        true => secret_from_stdin().map(Some),
        false => Ok(way.url.clone().map(Into::into)),
    }
}

/// Who decides in Slack: those who were named, beside those who do already.
fn slack_of(way: &Way, before: Option<BTreeMap<String, String>>) -> Outcome<Option<SlackSettings>> {
    if !way.slack_secret_stdin && way.slack_people.is_empty() {
        return Ok(None);
    }
    let mut people = before.unwrap_or_default();
    for person in &way.slack_people {
        let (member, address) = person.split_once('=').ok_or_else(|| {
            Failure::usage(format!("`{person}` is not `MEMBER_ID=ADDRESS`"))
                .hint("Slack shows the member id in the profile of a person")
        })?;
        match address {
            "" => people.remove(member),
            address => people.insert(member.to_owned(), address.to_owned()),
        };
    }
    let signing_secret = match way.slack_secret_stdin {
        true => Some(secret_from_stdin()?),
        false => None,
    };
    Ok(Some(SlackSettings {
        signing_secret,
        people,
    }))
}

/// The mail settings that were named, over those that there are.
fn mail_of(way: Way, before: Option<MailView>) -> Outcome<Option<MailSettings>> {
    let untouched = way.host.is_none()
        && way.port.is_none()
        && way.security.is_none()
        && way.username.is_none()
        && way.from.is_none()
        && way.to.is_empty()
        && !way.password_stdin;
    if untouched {
        return Ok(None);
    }
    let password = match way.password_stdin {
        true => Some(secret_from_stdin()?),
        false => None,
    };
    let needed = |value: Option<String>, flag: &str| {
        value.ok_or_else(|| Failure::usage(format!("mail needs `{flag}`")))
    };
    let old = before.as_ref();
    let to = match way.to.is_empty() {
        true => old.map(|mail| mail.to.clone()).unwrap_or_default(),
        false => way.to,
    };
    Ok(Some(MailSettings {
        host: needed(way.host.or(old.map(|mail| mail.host.clone())), "--host")?,
        port: way.port.or(old.map(|mail| mail.port)),
        security: way.security.or(old.map(|mail| mail.security)),
        username: way.username.or(old.and_then(|mail| mail.username.clone())),
        password,
        from: needed(way.from.or(old.map(|mail| mail.from.clone())), "--from")?,
        to,
    }))
}

/// The channel of this id or exactly this name.
async fn find(client: &Client, text: &str) -> Outcome<ChannelId> {
    if let Ok(id) = text.parse() {
        return Ok(id);
    }
    let mut named = Vec::new();
    for page in 1.. {
        let query = PageQuery {
            page: Some(page),
            per_page: Some(100),
        };
        let found = client.list_notification_channels(&query).await?.data;
        let matches = found.iter().filter(|one| one.name == text);
        named.extend(matches.map(|one| one.id));
        if found.len() < 100 {
            break;
        }
    }
    only(text, "channel", named.into_iter())
}

fn table(console: Console, channels: &[NotificationChannelView]) -> String {
    let rows = channels.iter().map(|one| {
        vec![
            one.id.to_string(),
            one.name.clone(),
            one.kind.to_string(),
            if one.enabled { "on" } else { "off" }.to_owned(),
            one.pending.to_string(),
            one.dead.to_string(),
        ]
    });
    let headings = ["id", "name", "kind", "state", "pending", "dead"];
    console.table(&headings, rows.collect())
}

fn facts(console: Console, channel: &NotificationChannelView) -> String {
    let events = channel.events.iter().map(|event| event.as_str());
    let state = if channel.enabled { "on" } else { "off" };
    let mut lines = vec![
        ("id", channel.id.to_string()),
        ("name", channel.name.clone()),
        ("kind", channel.kind.to_string()),
        ("state", state.to_owned()),
        ("events", events.collect::<Vec<_>>().join(", ")),
    ];
    if let Some(filter) = &channel.filter {
        let agents = filter.agent_ids.iter().map(ToString::to_string);
        let teams = filter.team_ids.iter().map(ToString::to_string);
        let whose = agents.chain(teams).collect::<Vec<_>>();
        lines.push(("news of", whose.join(", ")));
    }
    if let Some(url) = &channel.url {
        lines.push(("url", url.clone()));
    }
    if let Some(slack) = &channel.slack {
        let people = slack.people.iter();
        let people = people.map(|(member, address)| format!("{member} = {address}"));
        lines.push(("decide there", people.collect::<Vec<_>>().join(", ")));
        let path = format!("/api/v1/notification-channels/{}/slack-actions", channel.id);
        lines.push(("request url", path));
    }
    if let Some(mail) = &channel.email {
        lines.push((
            "server",
            format!("{}:{} ({})", mail.host, mail.port, mail.security),
        ));
        lines.push(("from", mail.from.clone()));
        lines.push(("to", mail.to.join(", ")));
    }
    lines.push(("pending", channel.pending.to_string()));
    lines.push(("dead", channel.dead.to_string()));
    if let Some(until) = channel.resting_until {
        lines.push(("left alone until", until.to_string()));
    }
    console.facts(&lines)
}

fn deliveries(console: Console, deliveries: &[DeliveryView]) -> String {
    let rows = deliveries.iter().map(|one| {
        vec![
            one.id.to_string(),
            one.event.clone(),
            one.status.to_string(),
            one.attempts.to_string(),
            one.created_at.to_string(),
            one.error.clone().unwrap_or_else(|| one.title.clone()),
        ]
    });
    let headings = ["id", "event", "status", "tries", "created", "what"];
    console.table(&headings, rows.collect())
}
