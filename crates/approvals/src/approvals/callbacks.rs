//! Signed answers: what people press in Slack, and what webhooks send back.
//!
//! An answer proves that it comes from the other end of a channel, not who has decided: that is
//! the actor it names, an active user of the channel's tenant, and he may no more than he could by
//! himself. What is signed names the approval, so that it fits no other one; it is good for five
//! minutes, and once.

use std::time::Duration;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use iron_primitives::{ApprovalId, ChannelId, TenantId, Timestamp, TokenDigest};
use iron_store::sql;
use serde::Deserialize;

use super::{Approvals, Verdict};
use crate::channels::{Secrets, store as channels};
use crate::{Channel, Error, Settings};

/// How far the clock of the other side may be from ours, and how old an answer may be.
const GOOD_FOR: Duration = Duration::from_secs(300);

/// An answer as it came, before anything is believed of it.
#[derive(Debug, Clone, Copy)]
pub struct SignedAnswer<'a> {
    /// The `webhook-id`; empty for Slack, which has none.
    pub id: &'a str,
    /// When it was signed, in Unix seconds.
    pub timestamp: &'a str,
    /// The signature, or several, separated by spaces.
    pub signature: &'a str,
    /// The body, byte for byte.
    pub body: &'a str,
}

/// An answer whose signature is good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    /// Whose channel it came through.
    pub tenant: TenantId,
    /// The channel.
    pub channel: ChannelId,
    /// The approval.
    pub approval: ApprovalId,
    /// Who is said to have decided: the address of a user.
    pub actor: String,
    /// What.
    pub verdict: Verdict,
    /// And why.
    pub comment: Option<String>,
}

/// What a webhook sends.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WebhookAnswer {
    approval_id: ApprovalId,
    channel_id: ChannelId,
    decision: Word,
    actor: String,
    #[serde(default)]
    comment: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Word {
    Approve,
    Deny,
}

/// What is read of what Slack sends when somebody presses a button:
/// <https://docs.slack.dev/reference/interaction-payloads/block_actions-payload>.
#[derive(Deserialize)]
struct SlackAnswer {
    user: SlackUser,
    actions: Vec<SlackAction>,
}

#[derive(Deserialize)]
struct SlackUser {
    id: String,
}

#[derive(Deserialize)]
struct SlackAction {
    action_id: String,
    value: String,
}

impl Approvals {
    /// Takes what a webhook sends back about this approval, signed with the channel's secret as
    /// <https://www.standardwebhooks.com> describes.
    ///
    /// # Errors
    /// [`Error::BadSignature`] whenever anything does not fit; [`Error::Replayed`].
    pub async fn hear_webhook(
        &self,
        approval: ApprovalId,
        answer: SignedAnswer<'_>,
    ) -> Result<Heard, Error> {
        let said: WebhookAnswer =
            serde_json::from_str(answer.body).map_err(|_| Error::BadSignature)?;
        let (channel, secrets) = self.open_channel(said.channel_id).await?;
        let Settings::Webhook { .. } = channel.settings else {
            return Err(Error::BadSignature);
        };
        let key = secrets.signing.ok_or(Error::BadSignature)?;
        let key = key.strip_prefix("whsec_").ok_or(Error::BadSignature)?;
        let key = STANDARD.decode(key).map_err(|_| Error::BadSignature)?;
        let content = format!("{}.{}.{}", answer.id, answer.timestamp, answer.body);
        let mut signatures = answer.signature.split(' ');
        let is_signed = signatures.any(|one| {
            let tag = one.strip_prefix("v1,").map(|tag| STANDARD.decode(tag));
            tag.is_some_and(|tag| tag.is_ok_and(|tag| fits(&key, &content, &tag)))
        });
        let is_fresh = is_fresh(answer.timestamp, self.environment.now());
        if !is_signed || !is_fresh || said.approval_id != approval {
            return Err(Error::BadSignature);
        }
        self.remember(&channel, &content).await?;
        Ok(Heard {
            tenant: channel.tenant,
            channel: channel.id,
            approval,
            actor: said.actor,
            verdict: match said.decision {
                Word::Approve => Verdict::Approve,
                Word::Deny => Verdict::Deny,
            },
            comment: said.comment,
        })
    }

    /// Takes what Slack sends when somebody presses a button under a message of this channel,
    /// signed with the secret of the app there.
    ///
    /// # Errors
    /// As [`Approvals::hear_webhook`]; [`Error::UnknownActor`] for a person of Slack whom the
    /// channel does not know.
    pub async fn hear_slack(
        &self,
        channel: ChannelId,
        answer: SignedAnswer<'_>,
    ) -> Result<Heard, Error> {
        let (channel, secrets) = self.open_channel(channel).await?;
        let Settings::Slack { people, .. } = &channel.settings else {
            return Err(Error::BadSignature);
        };
        let key = secrets.signing.ok_or(Error::BadSignature)?;
        let content = format!("v0:{}:{}", answer.timestamp, answer.body);
        let tag = answer.signature.strip_prefix("v0=").and_then(from_hex);
        let is_signed = tag.is_some_and(|tag| fits(key.as_bytes(), &content, &tag));
        if !is_signed || !is_fresh(answer.timestamp, self.environment.now()) {
            return Err(Error::BadSignature);
        }
        self.remember(&channel, &content).await?;
        let (user, verdict, approval) = pressed(answer.body)?;
        let actor = people.get(&user).cloned();
        Ok(Heard {
            tenant: channel.tenant,
            channel: channel.id,
            approval,
            actor: actor.ok_or(Error::UnknownActor { actor: user })?,
            verdict,
            comment: None,
        })
    }

    /// A channel and its secrets; nobody is told whether there is one.
    async fn open_channel(&self, id: ChannelId) -> Result<(Channel, Secrets), Error> {
        let channel = channels::anywhere(&self.db, id).await?;
        let channel = channel
            .filter(|channel| channel.enabled)
            .ok_or(Error::BadSignature)?;
        let sealed = channels::sealed(&self.db, channel.tenant, id).await?;
        let secrets = self.channels.opened(&channel, &sealed).await?;
        Ok((channel, secrets))
    }

    /// Takes an answer once.
    async fn remember(&self, channel: &Channel, content: &str) -> Result<(), Error> {
        let taken = sql(
            "INSERT INTO approval_callbacks (tenant_id, channel_id, digest, expires_at)
             VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
        )
        .bind(channel.tenant)
        .bind(channel.id)
        .bind(TokenDigest::of(content))
        .bind(self.environment.now().plus(GOOD_FOR).plus(GOOD_FOR))
        .execute(&self.db)
        .await?;
        if taken == 0 {
            return Err(Error::Replayed);
        }
        Ok(())
    }
}

/// Who has pressed what under which approval.
fn pressed(body: &str) -> Result<(String, Verdict, ApprovalId), Error> {
    let unfit = || Error::Invalid {
        field: "payload",
        problem: "expected the action of a button under an approval",
    };
    let mut fields = form_urlencoded::parse(body.as_bytes());
    let (_, payload) = fields
        .find(|(name, _)| name == "payload")
        .ok_or_else(unfit)?;
    let said: SlackAnswer = serde_json::from_str(&payload).map_err(|_| unfit())?;
    let [action] = said.actions.as_slice() else {
        return Err(unfit());
    };
    let verdict = action.action_id.parse().map_err(|_| unfit())?;
    let approval = action.value.parse().map_err(|_| unfit())?;
    Ok((said.user.id, verdict, approval))
}

fn fits(key: &[u8], content: &str, tag: &[u8]) -> bool {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key);
    hmac::verify(&key, content.as_bytes(), tag).is_ok()
}

fn is_fresh(timestamp: &str, now: Timestamp) -> bool {
    let seconds: Option<i64> = timestamp.parse().ok();
    seconds.is_some_and(|at| at.abs_diff(now.seconds()) <= GOOD_FOR.as_secs())
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let pairs = text.as_bytes().chunks(2);
    let byte = |pair: &[u8]| {
        let is_hex = pair.len() == 2 && pair.iter().all(u8::is_ascii_hexdigit);
        let pair = std::str::from_utf8(pair).ok().filter(|_| is_hex)?;
        u8::from_str_radix(pair, 16).ok()
    };
    pairs.map(byte).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slack_is_believed_as_its_documents_say() {
        // The example of <https://docs.slack.dev/authentication/verifying-requests-from-slack>.
        let body = "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow\
             &channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner\
             &command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2F\
             commands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN\
             &trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";
        let content = format!("v0:1531420618:{body}");
        let tag = "a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503";
        let key = b"8f742231b10e8888abcd99yyyzzz85a5";
        assert!(fits(key, &content, &from_hex(tag).expect("is hexadecimal")));
        assert!(!fits(
            b"another",
            &content,
            &from_hex(tag).expect("is hexadecimal")
        ));
    }

    #[test]
    fn an_answer_is_good_for_five_minutes_in_both_directions() {
        let now = Timestamp::from_seconds(1_700_000_000);
        for (seconds, good) in [
            (0, true),
            (300, true),
            (-300, true),
            (301, false),
            (-301, false),
        ] {
            let timestamp = (now.seconds() + seconds).to_string();
            assert_eq!(is_fresh(&timestamp, now), good, "{seconds}");
        }
        assert!(!is_fresh("", now));
        assert!(!is_fresh("soon", now));
    }

    #[test]
    fn tags_of_odd_shapes_are_none() {
        for text in ["0", "0g", "+1", "é0"] {
            assert_eq!(from_hex(text), None, "{text}");
        }
    }
}
