//! Signed answers: what people press in Slack, and what webhooks send back.
//!
//! The signature says through which channel an answer came; it names the actor, who may no more
//! than he could with a credential of his own.

use axum::body::Body;
use axum::extract::{Request, State};
use http::{HeaderMap, StatusCode};
use iron_approvals::{Approval, Error, Heard, Ruling, SignedAnswer, Way};
use iron_audit::{Credential, RequestFacts};
use iron_identity::{Permission, Sought};
use iron_net::problem::Problem;
use iron_primitives::{ApprovalId, ChannelId, ErrorKind};
use iron_sdk::approvals::{AnswerApproval, ApprovalView, SlackAction};
use iron_store::bound_to;

use crate::answer::Answer;
use crate::caller::Facts;
use crate::failure::Failure;
use crate::input::PathId;
use crate::state::Api;
use crate::view;

const MOST_OF_A_COMMENT: usize = 1_000;

/// Takes what a webhook sends back about a tool call, signed as its own messages are:
/// `webhook-id`, `webhook-timestamp` and `webhook-signature` over the body.
#[utoipa::path(post, path = "/approvals/{approval_id}/callback", tag = "approvals",
    request_body = AnswerApproval,
    params(("approval_id" = ApprovalId, Path, description = "The approval")),
    responses((status = 200, description = "The approval", body = ApprovalView)))]
pub(crate) async fn answer_approval(
    State(api): State<Api>,
    Facts(facts): Facts,
    PathId(id): PathId<ApprovalId>,
    request: Request,
) -> Result<Answer<ApprovalView>, Failure> {
    let (parts, body) = request.into_parts();
    let body = text(&api, body).await?;
    let header = |name| header(&parts.headers, name);
    let answer = SignedAnswer {
        id: header("webhook-id"),
        timestamp: header("webhook-timestamp"),
        signature: header("webhook-signature"),
        body: &body,
    };
    let heard = api.approvals.hear_webhook(id, answer).await?;
    let approval = rule(&api, facts, heard).await?;
    Ok(Answer(view::approval(approval)))
}

/// Takes what Slack sends when somebody presses a button under a message of this channel. Set this
/// address as the Request URL of the app's interactivity.
#[utoipa::path(post, path = "/notification-channels/{channel_id}/slack-actions",
    tag = "approvals",
    request_body(content = SlackAction, content_type = "application/x-www-form-urlencoded"),
    params(("channel_id" = ChannelId, Path, description = "The channel")),
    responses((status = 200, description = "It was taken")))]
pub(crate) async fn answer_from_slack(
    State(api): State<Api>,
    Facts(facts): Facts,
    PathId(channel): PathId<ChannelId>,
    request: Request,
) -> Result<StatusCode, Failure> {
    let (parts, body) = request.into_parts();
    let body = text(&api, body).await?;
    let answer = SignedAnswer {
        id: "",
        timestamp: header(&parts.headers, "x-slack-request-timestamp"),
        signature: header(&parts.headers, "x-slack-signature"),
        body: &body,
    };
    let heard = api.approvals.hear_slack(channel, answer).await?;
    rule(&api, facts, heard).await?;
    Ok(StatusCode::OK)
}

/// Decides as the user whom a signed answer names.
async fn rule(api: &Api, facts: RequestFacts, heard: Heard) -> Result<Approval, Failure> {
    bound_to(heard.tenant, async {
        let sought = Sought {
            emails: vec![heard.actor.to_lowercase()],
            ..Sought::default()
        };
        let mut tx = api.db.snapshot().await?;
        let found = api.identity.active_among(&mut tx, heard.tenant, &sought);
        let user = found.await?.pop();
        tx.commit().await?;
        let actor = heard.actor;
        let user = user.ok_or(Error::UnknownActor { actor })?;
        let credential = Credential::Channel(heard.channel);
        let caller = api.identity.vouched_for(heard.tenant, user.id, credential);
        let caller = caller.await?;
        let permission = Permission::ApprovalDecide;
        let authorised = api.identity.authorise(&caller, permission, facts)?;
        let ruling = Ruling {
            approval: heard.approval,
            email: user.email,
            verdict: heard.verdict,
            comment: heard.comment.map(shortened),
            way: Way::Channel(heard.channel),
        };
        Ok(api.approvals.decide(&authorised, ruling).await?)
    })
    .await
}

/// What people write on pages and elsewhere, as much of it as is kept.
pub(super) fn shortened(comment: String) -> String {
    comment.chars().take(MOST_OF_A_COMMENT).collect()
}

/// A body byte for byte, since its signature is over just that.
pub(super) async fn text(api: &Api, body: Body) -> Result<String, Failure> {
    let bytes = api.config.body.read(body).await?;
    String::from_utf8(bytes.to_vec()).map_err(|_| {
        let message = "the body must be UTF-8";
        Problem::new(ErrorKind::MalformedRequest, message).into()
    })
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    let value = headers.get(name).and_then(|value| value.to_str().ok());
    value.unwrap_or_default()
}
