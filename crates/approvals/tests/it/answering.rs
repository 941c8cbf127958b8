//! Signed answers and the links of letters, good ones and hostile ones; what people are told.

use std::collections::BTreeMap;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use iron_approvals::{
    Approval, ApprovalStatus, ChannelChange, ChannelFilter, ChannelKind, Error, Heard, Mail,
    NewApproval, NewChannel, Ruling, SignedAnswer, SlackActions, Verdict, Way,
};
use iron_audit::Role;
use iron_primitives::{ChannelId, Secret};
use iron_store::{Db, sql};
use serde_json::json;

use crate::asking::Office;
use crate::kit::Receiver;

const SLACK: &str = "8f742231b10e8888abcd99yyyzzz85a5";

fn tag(key: &[u8], content: &str) -> Vec<u8> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key);
    hmac::sign(&key, content.as_bytes()).as_ref().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// An answer with its headers, signed.
#[derive(Clone)]
struct Sent {
    timestamp: String,
    signature: String,
    body: String,
}

impl Sent {
    fn answer(&self) -> SignedAnswer<'_> {
        SignedAnswer {
            id: "msg_1",
            timestamp: &self.timestamp,
            signature: &self.signature,
            body: &self.body,
        }
    }
}

impl Office {
    fn now(&self) -> i64 {
        self.world.time.environment.now().seconds()
    }

    /// What a webhook says about an approval, signed with this secret at this instant.
    fn webhook(&self, secret: &Secret, at: i64, channel: ChannelId, approval: &Approval) -> Sent {
        let body = json!({
            "approval_id": approval.id, "channel_id": channel, "decision": "approve",
            "actor": "admin@example.com", "comment": "fine",
        });
        let body = body.to_string();
        let key = secret.expose().strip_prefix("whsec_").unwrap();
        let key = STANDARD.decode(key).unwrap();
        let tag = tag(&key, &format!("msg_1.{at}.{body}"));
        let signature = format!("v1,{}", STANDARD.encode(tag));
        let timestamp = at.to_string();
        Sent {
            timestamp,
            signature,
            body,
        }
    }

    /// What Slack says when this person presses this button.
    fn press(&self, user: &str, button: &str, approval: &Approval) -> Sent {
        let payload = json!({
            "type": "block_actions", "user": { "id": user, "username": "ada" },
            "actions": [{ "action_id": button, "value": approval.id, "type": "button" }],
            "response_url": "https://hooks.slack.com/actions/T1/2/3",
        });
        let mut body = form_urlencoded::Serializer::new(String::new());
        let body = body.append_pair("payload", &payload.to_string()).finish();
        let timestamp = self.now().to_string();
        let tag = tag(SLACK.as_bytes(), &format!("v0:{timestamp}:{body}"));
        let signature = format!("v0={}", hex(&tag));
        Sent {
            timestamp,
            signature,
            body,
        }
    }

    async fn slack(&self) -> ChannelId {
        let receiver = Receiver::new([]).await;
        let (channel, _) = self
            .world
            .channel(ChannelKind::Slack, "ops", &receiver.url)
            .await;
        let actions = Some(SlackActions {
            signing_secret: Some(Secret::new(SLACK.to_owned())),
            people: BTreeMap::from([("U2CERLKJA".to_owned(), self.admin.email.clone())]),
        });
        let change = ChannelChange {
            actions,
            ..ChannelChange::default()
        };
        let mut tx = self.world.db.begin().await.unwrap();
        let admin = self.world.admin();
        self.world
            .channels
            .update(&mut tx, &admin, channel.id, change)
            .await
            .unwrap();
        tx.commit().await.unwrap();
        channel.id
    }

    async fn mail(&self) {
        let mail = Mail {
            host: "localhost".to_owned(),
            port: 2525,
            security: "none".to_owned(),
            username: None,
            from: "iron@example.com".to_owned(),
            to: vec!["ops@example.com".to_owned()],
        };
        let new = NewChannel {
            name: "mail".to_owned(),
            kind: ChannelKind::Email,
            topics: None,
            filter: ChannelFilter::default(),
            enabled: true,
            url: None,
            mail: Some(mail),
            password: None,
            actions: None,
        };
        let mut tx = self.world.db.begin().await.unwrap();
        let admin = self.world.admin();
        self.world
            .channels
            .create(&mut tx, &admin, new)
            .await
            .unwrap();
        tx.commit().await.unwrap();
    }

    /// Whom letters went to, and the tokens of their links.
    async fn letters(&self) -> Vec<(String, String)> {
        let rows = sql("SELECT recipient, enclosed FROM notification_deliveries
             WHERE enclosed IS NOT NULL ORDER BY recipient")
        .fetch_all(&self.world.db)
        .await
        .unwrap();
        let letter = |row: &iron_store::Row| {
            let sealed: Vec<u8> = row.get("enclosed").unwrap();
            let text = String::from_utf8(sealed.into_iter().rev().collect()).unwrap();
            let (_, token) = text.split_once("token=").unwrap();
            (row.get("recipient").unwrap(), token.to_owned())
        };
        rows.iter().map(letter).collect()
    }

    fn ruling(&self, approval: &Approval, way: Way) -> Ruling {
        Ruling {
            approval: approval.id,
            email: self.admin.email.clone(),
            verdict: Verdict::Approve,
            comment: None,
            way,
        }
    }
}

iron_store::both_engines! {
    async fn a_webhook_answers_once_and_signed(db: Db) {
        let office = Office::new(db).await;
        let receiver = Receiver::new([]).await;
        let (channel, secret) = office.world.channel(ChannelKind::Webhook, "hook", &receiver.url).await;
        let secret = secret.unwrap();
        let asked = office.ask(office.call()).await;
        assert_eq!(asked.channels, [channel.id]);
        let sent = office.webhook(&secret, office.now(), channel.id, &asked);
        let heard = office.approvals.hear_webhook(asked.id, sent.answer()).await.unwrap();
        assert_eq!(heard, Heard {
            tenant: office.world.tenant, channel: channel.id, approval: asked.id,
            actor: office.admin.email.clone(), verdict: Verdict::Approve,
            comment: Some("fine".to_owned()),
        });
        let again = office.approvals.hear_webhook(asked.id, sent.answer()).await.unwrap_err();
        assert!(matches!(again, Error::Replayed), "{again}");
        let ruling = office.ruling(&asked, Way::Channel(channel.id));
        let decided = office.approvals.decide(&office.may(&office.admin), ruling).await.unwrap();
        assert_eq!(decided.decisions[0].way, channel.id.to_string());
    }

    async fn hostile_webhooks_are_not_believed(db: Db) {
        let office = Office::new(db).await;
        let receiver = Receiver::new([]).await;
        let (channel, secret) = office.world.channel(ChannelKind::Webhook, "hook", &receiver.url).await;
        let (other, foreign) = office.world.channel(ChannelKind::Webhook, "other", &receiver.url).await;
        let (secret, foreign) = (secret.unwrap(), foreign.unwrap());
        let asked = office.ask(office.call()).await;
        let now = office.now();
        let good = office.webhook(&secret, now, channel.id, &asked);
        let unknown = office.world.time.environment.new_id();
        let slack = office.slack().await;
        let edited = Sent { body: good.body.replace("approve", "deny"), ..good.clone() };
        for (why, sent) in [
            ("another secret", office.webhook(&foreign, now, channel.id, &asked)),
            ("another channel", office.webhook(&secret, now, other.id, &asked)),
            ("no channel", office.webhook(&secret, now, unknown, &asked)),
            ("a channel of Slack", office.webhook(&secret, now, slack, &asked)),
            ("too old", office.webhook(&secret, now - 301, channel.id, &asked)),
            ("from the future", office.webhook(&secret, now + 301, channel.id, &asked)),
            ("an edited body", edited),
            ("no signature", Sent { signature: String::new(), ..good.clone() }),
            ("another time", Sent { timestamp: (now - 1).to_string(), ..good.clone() }),
            ("no body", Sent { body: String::new(), ..good.clone() }),
        ] {
            let refused = office.approvals.hear_webhook(asked.id, sent.answer()).await.unwrap_err();
            assert!(matches!(refused, Error::BadSignature), "{why}: {refused}");
        }
        // What is signed for one approval fits no other one.
        let elsewhere = office.approvals.hear_webhook(unknown_approval(&office), good.answer());
        assert!(matches!(elsewhere.await, Err(Error::BadSignature)));
        // Several signatures, as while a secret is rotated: one of them has to fit.
        let signature = format!("v1,AAAA {}", good.signature);
        let several = Sent { signature, ..good };
        office.approvals.hear_webhook(asked.id, several.answer()).await.unwrap();
    }

    async fn a_button_in_slack_counts_as_what_that_user_says(db: Db) {
        let office = Office::new(db).await;
        let channel = office.slack().await;
        let asked = office.ask(office.call()).await;
        let sent = office.press("U2CERLKJA", "deny", &asked);
        let heard = office.approvals.hear_slack(channel, sent.answer()).await.unwrap();
        assert_eq!((heard.actor.as_str(), heard.verdict), ("admin@example.com", Verdict::Deny));
        assert_eq!((heard.approval, heard.channel), (asked.id, channel));
        let again = office.approvals.hear_slack(channel, sent.answer()).await.unwrap_err();
        assert!(matches!(again, Error::Replayed), "{again}");
        let stranger = office.press("U000000", "approve", &asked);
        let refused = office.approvals.hear_slack(channel, stranger.answer()).await.unwrap_err();
        assert!(matches!(refused, Error::UnknownActor { .. }), "{refused}");
        let other = office.press("U2CERLKJA", "open_page", &asked);
        let refused = office.approvals.hear_slack(channel, other.answer()).await.unwrap_err();
        assert!(matches!(refused, Error::Invalid { .. }), "{refused}");
        office.later(301);
        let late = Sent { timestamp: (office.now() - 301).to_string(), ..sent.clone() };
        for hostile in [late, Sent { signature: "v0=00".to_owned(), ..sent.clone() }, sent] {
            let refused = office.approvals.hear_slack(channel, hostile.answer()).await.unwrap_err();
            assert!(matches!(refused, Error::BadSignature), "{refused}");
        }
    }

    async fn slack_shows_buttons_where_answers_are_believed(db: Db) {
        let office = Office::new(db).await;
        let with = Receiver::new([]).await;
        let (channel, _) = office.world.channel(ChannelKind::Slack, "with", &with.url).await;
        let without = Receiver::new([]).await;
        office.world.channel(ChannelKind::Slack, "without", &without.url).await;
        let actions = |secret: Option<&str>| Some(SlackActions {
            signing_secret: secret.map(|text| Secret::new(text.to_owned())),
            people: BTreeMap::new(),
        });
        let admin = office.world.admin();
        let mut tx = office.world.db.begin().await.unwrap();
        let none = ChannelChange { actions: actions(None), ..ChannelChange::default() };
        let refused = office.world.channels.update(&mut tx, &admin, channel.id, none).await;
        assert!(matches!(refused, Err(Error::Invalid { field: "slack.signing_secret", .. })));
        let change = ChannelChange { actions: actions(Some(SLACK)), ..ChannelChange::default() };
        office.world.channels.update(&mut tx, &admin, channel.id, change).await.unwrap();
        tx.commit().await.unwrap();
        let asked = office.ask(office.call()).await;
        let server = office.world.server();
        let shown: serde_json::Value = serde_json::from_str(&with.hears(1).await[0].body).unwrap();
        let buttons = shown["blocks"][1]["elements"].as_array().unwrap();
        let values: Vec<_> = buttons.iter().map(|button| &button["value"]).collect();
        assert_eq!(values, [&json!(asked.id), &json!(asked.id)]);
        let plain: serde_json::Value = serde_json::from_str(&without.hears(1).await[0].body).unwrap();
        assert!(plain.get("blocks").is_none(), "{plain}");
        server.abort();
    }

    async fn a_letter_lets_one_person_decide_once(db: Db) {
        let office = Office::new(db).await;
        office.mail().await;
        let second = office.person(Role::Admin, "second");
        let call = NewApproval { owner: second.user, forbid_own: true, quorum: 2, ..office.call() };
        let asked = office.ask(call).await;
        let letters = office.letters().await;
        let to: Vec<_> = letters.iter().map(|(to, _)| to.as_str()).collect();
        assert_eq!(to, ["admin@example.com"], "the owner may not decide here");
        let token = &letters[0].1;
        let letter = office.approvals.open_link(asked.id, token).await.unwrap();
        assert_eq!((letter.user, letter.approval.id), (office.admin.user, asked.id));
        // Looking changes nothing, however often.
        office.approvals.open_link(asked.id, token).await.unwrap();
        let elsewhere = office.approvals.open_link(unknown_approval(&office), token).await;
        assert!(matches!(elsewhere, Err(Error::DeadLink)));
        let guessed = office.approvals.open_link(asked.id, &token.replace(&token[..1], "-")).await;
        assert!(matches!(guessed, Err(Error::DeadLink)));
        // Somebody else's link decides nothing for him.
        let third = office.person(Role::Admin, "third");
        let way = Way::Link(letter.digest);
        let refused = office.approvals.decide(&office.may(&third), office.ruling(&asked, way)).await;
        assert!(matches!(refused, Err(Error::DeadLink)), "{refused:?}");
        let ruling = office.ruling(&asked, way);
        let said = office.approvals.decide(&office.may(&office.admin), ruling).await.unwrap();
        assert_eq!(said.status, ApprovalStatus::Pending, "a second one is needed");
        let used = office.approvals.open_link(asked.id, token).await;
        assert!(matches!(used, Err(Error::DeadLink)));
    }

    async fn a_link_ends_with_its_approval(db: Db) {
        let office = Office::new(db).await;
        office.mail().await;
        let asked = office.ask(office.call()).await;
        let (_, token) = office.letters().await.remove(0);
        office.later(300);
        let late = office.approvals.open_link(asked.id, &token).await;
        assert!(matches!(late, Err(Error::DeadLink)));
        office.approvals.tidy().await.unwrap();
        let left = sql("SELECT digest FROM approval_links").fetch_all(&office.world.db).await;
        assert!(left.unwrap().is_empty());
    }

    async fn what_people_are_told_holds_no_secret(db: Db) {
        let office = Office::new(db).await;
        office.mail().await;
        let receiver = Receiver::new([]).await;
        office.world.channel(ChannelKind::Webhook, "hook", &receiver.url).await;
        let arguments = json!({
            "to": "ada@example.com",
            "password": "hunter2-hunter2",
            "headers": { "Authorization": "Bearer hunter3-hunter3" },
            "options": [{ "api_key": "hunter4-hunter4" }],
            "note": "a\nApproved: <!channel> yes",
        });
        let asked = office.ask(NewApproval { arguments, ..office.call() }).await;
        office.says(&office.admin, Verdict::Approve, &asked).await.unwrap();
        let told = office.told().await;
        let recorded = format!("{:?} {asked:?}", office.recorded().await);
        for secret in ["hunter2", "hunter3", "hunter4"] {
            assert!(!told.contains(secret), "{told}");
            assert!(!recorded.contains(secret), "{recorded}");
        }
        assert!(told.contains("ada@example.com"), "{told}");
        let (_, token) = &office.letters().await[0];
        assert!(!told.contains(token.as_str()), "the link stands sealed only");
    }
}

fn unknown_approval(office: &Office) -> iron_primitives::ApprovalId {
    office.world.time.environment.new_id()
}
