//! Receivers that are slow, busy or gone.

use std::time::Duration;

use iron_approvals::{ChannelKind, DeliveryStatus};
use iron_store::Db;

use crate::kit::{Receiver, Says, World};

/// Longer than the first waits and shorter than an attempt is kept.
const LONG: Duration = Duration::from_secs(20);

iron_store::both_engines! {
    async fn whoever_asks_for_patience_gets_it_from_all_servers(db: Db) {
        let world = World::new(db).await;
        let receiver = Receiver::new([Says::Patience("30"), Says::Patience("30")]).await;
        let (channel, _) = world.channel(ChannelKind::Slack, "ops", &receiver.url).await;
        for number in 0..5 {
            world.announce(&format!("thing {number}")).await;
        }
        let servers = [world.server(), world.server()];
        receiver.hears(1).await;
        let resting = async || {
            let admin = world.admin();
            world.channels.get(&admin, channel.id).await.unwrap().resting_until
        };
        let until = |seconds| world.time.environment.now().plus(Duration::from_secs(seconds));
        while resting().await < until(30) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        // Both may have been on their way when the first was sent back; nobody else is.
        let before = receiver.heard().len();
        assert!(before <= 2, "{before}");
        world.time.clock.advance(Duration::from_secs(29));
        world.announce("one more").await;
        assert!(resting().await > world.time.environment.now());
        world.time.clock.advance(Duration::from_secs(60));
        receiver.hears(before + 1).await;
        world.time.clock.advance(Duration::from_secs(60));
        let found = world.all_are(&channel, DeliveryStatus::Delivered).await;
        assert_eq!(found.len(), 6);
        servers.into_iter().for_each(|server| server.abort());
    }

    async fn one_that_does_not_answer_holds_up_nobody_else(db: Db) {
        let world = World::new(db).await;
        let (slow, quick) = (Receiver::new([Says::Nothing]).await, Receiver::new([]).await);
        let (stuck, _) = world.channel(ChannelKind::Slack, "slow", &slow.url).await;
        let (other, _) = world.channel(ChannelKind::Slack, "quick", &quick.url).await;
        world.announce("first").await;
        let server = world.server();
        slow.hears(1).await;
        for number in 0..5 {
            world.announce(&format!("thing {number}")).await;
        }
        world.all_are(&other, DeliveryStatus::Delivered).await;
        assert_eq!(quick.heard().len(), 6);
        assert_eq!(slow.heard().len(), 1);
        let waiting = world.deliveries(&stuck).await;
        assert!(waiting.iter().all(|one| one.status == DeliveryStatus::Pending));
        server.abort();
    }

    async fn what_failed_for_a_while_arrives_later(db: Db) {
        let world = World::new(db).await;
        let receiver = Receiver::new([Says::Status(500), Says::Status(502)]).await;
        let (channel, _) = world.channel(ChannelKind::Webhook, "hook", &receiver.url).await;
        world.announce("a line").await;
        let server = world.server();
        for failures in 1..=2 {
            receiver.hears(failures).await;
            loop {
                let now = world.time.environment.now();
                let found = world.deliveries(&channel).await;
                if found[0].error.is_some() && found[0].due_at > now && found[0].due_at < now.plus(LONG) {
                    break;
                }
                assert!(found[0].status == DeliveryStatus::Pending, "{found:?}");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            world.time.clock.advance(LONG);
        }
        let found = world.all_are(&channel, DeliveryStatus::Delivered).await;
        assert_eq!((found[0].attempts, found[0].error.as_deref()), (3, None));
        server.abort();
    }

    async fn what_is_refused_for_good_is_dead_until_somebody_sends_it_again(db: Db) {
        let world = World::new(db).await;
        let receiver = Receiver::new([Says::Status(410)]).await;
        let (channel, _) = world.channel(ChannelKind::Slack, "ops", &receiver.url).await;
        world.announce("a line").await;
        let server = world.server();
        let dead = world.all_are(&channel, DeliveryStatus::Dead).await;
        assert_eq!(dead[0].error.as_deref(), Some("the answer was 410"));
        let backlogs = world.channels.backlogs(&world.admin()).await.unwrap();
        assert_eq!(backlogs.get(&channel.id), Some(&(0, 1)));

        let admin = world.admin();
        let mut tx = world.db.begin().await.unwrap();
        let again = world.channels.retry(&mut tx, &admin, dead[0].id);
        assert_eq!(again.await.unwrap().status, DeliveryStatus::Pending);
        tx.commit().await.unwrap();
        world.all_are(&channel, DeliveryStatus::Delivered).await;
        let mut tx = world.db.begin().await.unwrap();
        let refused = world.channels.retry(&mut tx, &admin, dead[0].id);
        assert!(refused.await.is_err(), "it has arrived");
        drop(tx);
        server.abort();
    }
}
