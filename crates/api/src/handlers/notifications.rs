//! How people are told: channels, and what went through them.

use axum::extract::State;
use iron_approvals::{ChannelChange, DeliveryFilter, DeliveryStatus, NewChannel};
use iron_audit::Authorised;
use iron_identity::Permission;
use iron_primitives::{ChannelId, DeliveryId};
use iron_sdk::SecretText;
use iron_sdk::lists::{List, PageQuery};
use iron_sdk::notifications::{
    CreateNotificationChannel, DeliveryQuery, DeliveryView, NotificationChannelCreated,
    NotificationChannelDeleted, NotificationChannelView, NotificationTest, SigningSecret,
    UpdateNotificationChannel,
};

use crate::answer::{Answer, Created, Tagged, list, page};
use crate::caller::Caller;
use crate::failure::Failure;
use crate::input::{IfMatch, Input, Params, PathId};
use crate::query::words;
use crate::state::Api;
use crate::view;

/// Makes a notification channel; a webhook's signing secret is shown this once.
#[utoipa::path(post, path = "/notification-channels", tag = "notifications",
    request_body = CreateNotificationChannel, responses(
    (status = 201, description = "The channel", body = NotificationChannelCreated),
))]
pub(crate) async fn create_notification_channel(
    State(api): State<Api>,
    caller: Caller,
    Input(body): Input<CreateNotificationChannel>,
) -> Result<Created<NotificationChannelCreated>, Failure> {
    let authorised = caller.may(Permission::ConfigWrite)?;
    let (mail, password) = body.email.map(view::mail_of).unzip();
    let new = NewChannel {
        name: body.name,
        kind: view::channel_kind_of(body.kind),
        topics: body.events.as_deref().map(view::topics_of),
        filter: body.filter.map(view::filter_of).unwrap_or_default(),
        enabled: body.enabled.unwrap_or(true),
        url: body.url.map(SecretText::into_secret),
        mail,
        password: password.flatten(),
        actions: body.slack.map(view::actions_of),
    };
    let mut tx = api.db.begin().await?;
    let (channel, signing) = api.channels.create(&mut tx, &authorised, new).await?;
    tx.commit().await?;
    Ok(Created {
        location: format!("/api/v1/notification-channels/{}", channel.id),
        view: NotificationChannelCreated {
            channel: view::channel(channel, (0, 0), api.environment.now()),
            signing_secret: signing.map(SecretText::from),
        },
    })
}

/// Lists the notification channels of the tenant by name.
#[utoipa::path(get, path = "/notification-channels", tag = "notifications", params(PageQuery),
    responses((status = 200, description = "The channels", body = List<NotificationChannelView>)))]
pub(crate) async fn list_notification_channels(
    State(api): State<Api>,
    caller: Caller,
    Params(query): Params<PageQuery>,
) -> Result<Answer<List<NotificationChannelView>>, Failure> {
    let authorised = caller.may(Permission::ConfigWrite)?;
    let page = page(query.page, query.per_page);
    let found = api.channels.list(&authorised, page).await?;
    let backlogs = api.channels.backlogs(&authorised).await?;
    let now = api.environment.now();
    Ok(list(found, page, |channel| {
        let backlog = backlogs.get(&channel.id).copied().unwrap_or_default();
        view::channel(channel, backlog, now)
    }))
}

/// One notification channel.
#[utoipa::path(get, path = "/notification-channels/{channel_id}", tag = "notifications",
    params(("channel_id" = ChannelId, Path, description = "The channel")), responses(
    (status = 200, description = "The channel", body = NotificationChannelView),
))]
pub(crate) async fn get_notification_channel(
    State(api): State<Api>,
    caller: Caller,
    PathId(id): PathId<ChannelId>,
) -> Result<Tagged<NotificationChannelView>, Failure> {
    let authorised = caller.may(Permission::ConfigWrite)?;
    let channel = api.channels.get(&authorised, id).await?;
    tagged(&api, &authorised, channel).await
}

/// Changes a notification channel.
#[utoipa::path(patch, path = "/notification-channels/{channel_id}", tag = "notifications",
    request_body = UpdateNotificationChannel,
    params(("channel_id" = ChannelId, Path, description = "The channel")), responses(
    (status = 200, description = "The channel", body = NotificationChannelView),
))]
pub(crate) async fn update_notification_channel(
    State(api): State<Api>,
    caller: Caller,
    PathId(id): PathId<ChannelId>,
    if_match: IfMatch,
    Input(body): Input<UpdateNotificationChannel>,
) -> Result<Tagged<NotificationChannelView>, Failure> {
    let authorised = caller.may(Permission::ConfigWrite)?;
    let (mail, password) = body.email.map(view::mail_of).unzip();
    let change = ChannelChange {
        name: body.name,
        topics: body.events.as_deref().map(view::topics_of),
        filter: body.filter.map(view::filter_of),
        enabled: body.enabled,
        url: body.url.map(SecretText::into_secret),
        mail,
        password: password.flatten(),
        actions: body.slack.map(view::actions_of),
    };
    let mut tx = api.db.begin().await?;
    let before = api.channels.hold(&mut tx, &authorised, id).await?;
    if_match.allows_since(before.updated_at)?;
    let channels = &api.channels;
    let channel = channels.update(&mut tx, &authorised, id, change).await?;
    tx.commit().await?;
    api.channels.wake();
    tagged(&api, &authorised, channel).await
}

/// Deletes a notification channel, with what is on its way through it.
#[utoipa::path(delete, path = "/notification-channels/{channel_id}", tag = "notifications",
    params(("channel_id" = ChannelId, Path, description = "The channel")), responses(
    (status = 200, description = "It is deleted", body = NotificationChannelDeleted),
))]
pub(crate) async fn delete_notification_channel(
    State(api): State<Api>,
    caller: Caller,
    PathId(id): PathId<ChannelId>,
    if_match: IfMatch,
) -> Result<Answer<NotificationChannelDeleted>, Failure> {
    let authorised = caller.may(Permission::ConfigWrite)?;
    let mut tx = api.db.begin().await?;
    let before = api.channels.hold(&mut tx, &authorised, id).await?;
    if_match.allows_since(before.updated_at)?;
    api.channels.delete(&mut tx, &authorised, id).await?;
    tx.commit().await?;
    Ok(Answer(NotificationChannelDeleted { id, deleted: true }))
}

/// Sends a test through a notification channel and says how it went.
#[utoipa::path(post, path = "/notification-channels/{channel_id}/test", tag = "notifications",
    params(("channel_id" = ChannelId, Path, description = "The channel")), responses(
    (status = 200, description = "How it went", body = NotificationTest),
))]
pub(crate) async fn test_notification_channel(
    State(api): State<Api>,
    caller: Caller,
    PathId(id): PathId<ChannelId>,
) -> Result<Answer<NotificationTest>, Failure> {
    let authorised = caller.may(Permission::ConfigWrite)?;
    let tried = api.courier.test(&authorised, id).await?;
    Ok(Answer(NotificationTest {
        id,
        ok: tried.problem.is_none(),
        latency_ms: tried.took_ms,
        message: tried.problem,
    }))
}

/// Gives a webhook a new signing secret; the former one is used no more.
#[utoipa::path(post, path = "/notification-channels/{channel_id}/rotate-secret",
    tag = "notifications",
    params(("channel_id" = ChannelId, Path, description = "The channel")), responses(
    (status = 200, description = "The new secret", body = SigningSecret),
))]
pub(crate) async fn rotate_notification_secret(
    State(api): State<Api>,
    caller: Caller,
    PathId(id): PathId<ChannelId>,
) -> Result<Answer<SigningSecret>, Failure> {
    let authorised = caller.may(Permission::ConfigWrite)?;
    let mut tx = api.db.begin().await?;
    let rotated = api.channels.rotate_secret(&mut tx, &authorised, id).await?;
    tx.commit().await?;
    let (channel, secret) = rotated;
    Ok(Answer(SigningSecret {
        id,
        signing_secret: secret.into(),
        rotated_at: channel.updated_at,
    }))
}

/// Lists what was told through a notification channel, the newest first.
#[utoipa::path(get, path = "/notification-channels/{channel_id}/deliveries",
    tag = "notifications", params(DeliveryQuery,
    ("channel_id" = ChannelId, Path, description = "The channel")), responses(
    (status = 200, description = "The deliveries", body = List<DeliveryView>),
))]
pub(crate) async fn list_notification_deliveries(
    State(api): State<Api>,
    caller: Caller,
    PathId(id): PathId<ChannelId>,
    Params(query): Params<DeliveryQuery>,
) -> Result<Answer<List<DeliveryView>>, Failure> {
    let authorised = caller.may(Permission::ConfigWrite)?;
    let known: Vec<_> = DeliveryStatus::ALL
        .iter()
        .map(|one| (one.as_str(), *one))
        .collect();
    let filter = DeliveryFilter {
        statuses: words("status", query.status.as_deref(), &known)?,
    };
    let page = page(query.page, query.per_page);
    let channels = &api.channels;
    let found = channels.deliveries(&authorised, id, &filter, page).await?;
    Ok(list(found, page, view::delivery))
}

/// Sends a dead delivery again.
#[utoipa::path(post, path = "/notification-deliveries/{delivery_id}/retry", tag = "notifications",
    params(("delivery_id" = DeliveryId, Path, description = "The delivery")), responses(
    (status = 200, description = "The delivery, pending", body = DeliveryView),
))]
pub(crate) async fn retry_notification_delivery(
    State(api): State<Api>,
    caller: Caller,
    PathId(id): PathId<DeliveryId>,
) -> Result<Answer<DeliveryView>, Failure> {
    let authorised = caller.may(Permission::ConfigWrite)?;
    let mut tx = api.db.begin().await?;
    let delivery = api.channels.retry(&mut tx, &authorised, id).await?;
    tx.commit().await?;
    api.channels.wake();
    Ok(Answer(view::delivery(delivery)))
}

async fn tagged(
    api: &Api,
    authorised: &Authorised,
    channel: iron_approvals::Channel,
) -> Result<Tagged<NotificationChannelView>, Failure> {
    let backlogs = api.channels.backlogs(authorised).await?;
    let backlog = backlogs.get(&channel.id).copied().unwrap_or_default();
    let changed = channel.updated_at;
    let view = view::channel(channel, backlog, api.environment.now());
    Ok(Tagged::new(view, changed))
}
