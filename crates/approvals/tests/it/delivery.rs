//! What was announced gets there, once where all is well and at least once where it is not.

use std::time::Duration;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use iron_approvals::{ChannelKind, DeliveryStatus, Notice, Topic};
use iron_store::Db;
use iron_telemetry::DeliveryOutcome;

use crate::kit::{Receiver, Says, World};

iron_store::both_engines! {
    async fn of_several_servers_one_tells_each_thing_once(db: Db) {
        let world = World::new(db).await;
        let receiver = Receiver::new([]).await;
        let (channel, _) = world.channel(ChannelKind::Slack, "ops", &receiver.url).await;
        for number in 0..20 {
            world.announce(&format!("thing {number}")).await;
        }
        let servers = [world.server(), world.server(), world.server()];
        let found = world.all_are(&channel, DeliveryStatus::Delivered).await;
        assert_eq!(found.len(), 20);
        assert_eq!(receiver.heard().len(), 20, "nothing was said twice");
        assert!(found.iter().all(|one| one.attempts == 1), "{found:?}");
        let count = world.metrics.notifications.ended(DeliveryOutcome::Delivered).get();
        assert_eq!(count, 20);
        servers.into_iter().for_each(|server| server.abort());
    }

    async fn what_was_not_committed_is_not_told(db: Db) {
        let world = World::new(db).await;
        let receiver = Receiver::new([]).await;
        let (channel, _) = world.channel(ChannelKind::Slack, "ops", &receiver.url).await;
        let notice = Notice::new(Topic::BudgetExceeded, "never happened");
        let mut tx = world.db.begin().await.unwrap();
        world.channels.announce(&mut tx, world.tenant, &notice).await.unwrap();
        tx.rollback().await.unwrap();
        world.announce("happened").await;
        let server = world.server();
        let heard = receiver.hears(1).await;
        world.all_are(&channel, DeliveryStatus::Delivered).await;
        assert_eq!(receiver.heard().len(), 1);
        assert!(heard[0].body.contains("*happened*"), "{heard:?}");
        server.abort();
    }

    async fn a_server_that_vanishes_has_only_postponed_it(db: Db) {
        let world = World::new(db).await;
        let receiver = Receiver::new([Says::Nothing]).await;
        let (channel, _) = world.channel(ChannelKind::Webhook, "hook", &receiver.url).await;
        world.announce("the building burns").await;
        let first = world.server();
        receiver.hears(1).await;
        first.abort();
        // Its attempt goes on in a task of its own, as in a process that hangs.
        let second = world.server();
        world.time.clock.advance(Duration::from_secs(31));
        let heard = receiver.hears(2).await;
        let ids: Vec<_> = heard.iter().map(|one| one.headers["webhook-id"].clone()).collect();
        assert_eq!(ids[0], ids[1], "whoever listens can tell that it is the same");
        let found = world.all_are(&channel, DeliveryStatus::Delivered).await;
        assert_eq!(found[0].attempts, 2);
        second.abort();
    }

    async fn webhooks_prove_who_sent_them(db: Db) {
        let world = World::new(db).await;
        let receiver = Receiver::new([]).await;
        let (channel, secret) = world.channel(ChannelKind::Webhook, "hook", &receiver.url).await;
        world.announce("a line").await;
        let server = world.server();
        let heard = receiver.hears(1).await;
        let head = |name: &str| heard[0].headers[name].to_str().unwrap().to_owned();
        let signed = format!("{}.{}.{}", head("webhook-id"), head("webhook-timestamp"), heard[0].body);
        let secret = secret.unwrap();
        let key = STANDARD.decode(secret.expose().strip_prefix("whsec_").unwrap()).unwrap();
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), signed.as_bytes());
        assert_eq!(head("webhook-signature"), format!("v1,{}", STANDARD.encode(tag)));
        let body: serde_json::Value = serde_json::from_str(&heard[0].body).unwrap();
        assert_eq!(body["type"], "budget.exceeded");
        assert_eq!(body["tenant_id"], world.tenant.to_string());
        assert_eq!(body["facts"]["limit"], "$5.00");
        let found = world.all_are(&channel, DeliveryStatus::Delivered).await;
        assert_eq!(body["id"], found[0].event.to_string());
        server.abort();
    }

    async fn a_test_is_sent_at_once_and_says_what_is_wrong(db: Db) {
        let world = World::new(db).await;
        let receiver = Receiver::new([Says::Status(404)]).await;
        let (channel, _) = world.channel(ChannelKind::Slack, "ops", &receiver.url).await;
        let courier = world.courier();
        let tried = courier.test(&world.admin(), channel.id).await.unwrap();
        assert_eq!(tried.problem.as_deref(), Some("the answer was 404"));
        let tried = courier.test(&world.admin(), channel.id).await.unwrap();
        assert_eq!(tried.problem, None);
        assert!(world.deliveries(&channel).await.is_empty(), "a test is not kept");
    }
}
