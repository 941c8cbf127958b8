//! Channels that want news of some only, and webhooks to which nothing gets through.

use std::time::Duration;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use iron_approvals::{ChannelChange, ChannelFilter, ChannelKind, DeliveryStatus, Notice, Topic};
use iron_primitives::{AgentId, TeamId};
use iron_store::Db;

use crate::kit::{Receiver, Says, World};

async fn tell(world: &World, notice: &Notice) {
    let mut tx = world.db.begin().await.unwrap();
    let announced = world.channels.announce(&mut tx, world.tenant, notice);
    announced.await.unwrap();
    tx.commit().await.unwrap();
    world.channels.wake();
}

async fn change(world: &World, id: iron_primitives::ChannelId, change: ChannelChange) {
    let mut tx = world.db.begin().await.unwrap();
    let admin = world.admin();
    let changed = world.channels.update(&mut tx, &admin, id, change).await;
    changed.unwrap();
    tx.commit().await.unwrap();
}

iron_store::both_engines! {
    async fn a_channel_with_a_filter_is_told_of_those_alone(db: Db) {
        let world = World::new(db).await;
        let receiver = Receiver::new([]).await;
        let (channel, _) = world.channel(ChannelKind::Webhook, "hook", &receiver.url).await;
        let environment = &world.time.environment;
        let (agent, other): (AgentId, AgentId) = (environment.new_id(), environment.new_id());
        let team: TeamId = environment.new_id();
        let filter = ChannelFilter { agents: vec![agent], teams: vec![team] };
        let some = ChannelChange { filter: Some(filter.clone()), ..ChannelChange::default() };
        change(&world, channel.id, some).await;
        let stored = world.channels.get(&world.admin(), channel.id).await.unwrap();
        assert_eq!(stored.filter, Some(filter));
        let notice = |title: &str| Notice::new(Topic::BudgetWarning, title);
        tell(&world, &notice("nobody's")).await;
        tell(&world, &notice("another's").about_agent(other, None)).await;
        tell(&world, &notice("its own").about_agent(agent, None)).await;
        tell(&world, &notice("of its team").about_agent(other, Some(team))).await;
        let titles = |found: Vec<iron_approvals::Delivery>| {
            let mut titles: Vec<_> = found.into_iter().map(|one| one.title).collect();
            titles.sort_unstable();
            titles
        };
        assert_eq!(titles(world.deliveries(&channel).await), ["its own", "of its team"]);
        let all = ChannelChange { filter: Some(ChannelFilter::default()), ..ChannelChange::default() };
        change(&world, channel.id, all).await;
        tell(&world, &notice("nobody's")).await;
        assert_eq!(world.deliveries(&channel).await.len(), 3);
    }

    async fn a_webhook_to_which_nothing_gets_through_is_switched_off(db: Db) {
        let world = World::new(db).await;
        let broken = Receiver::new(std::iter::repeat_n(Says::Status(410), 20)).await;
        let (channel, _) = world.channel(ChannelKind::Webhook, "hook", &broken.url).await;
        let (slack, _) = world.channel(ChannelKind::Slack, "ops", &broken.url).await;
        let off = ChannelChange { enabled: Some(false), ..ChannelChange::default() };
        change(&world, slack.id, off).await;
        let server = world.server();
        for number in 0..19 {
            world.announce(&format!("thing {number}")).await;
        }
        world.all_are(&channel, DeliveryStatus::Dead).await;
        let still = world.channels.get(&world.admin(), channel.id).await.unwrap();
        assert!(still.enabled, "nineteen are not enough");
        world.announce("one too many").await;
        world.all_are(&channel, DeliveryStatus::Dead).await;
        for _ in 0..100 {
            let now = world.channels.get(&world.admin(), channel.id).await.unwrap();
            if !now.enabled {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        world.announce("nobody hears it").await;
        let found = world.deliveries(&channel).await;
        assert_eq!(found.len(), 20, "what happens while it is off is not told");
        let on = ChannelChange { enabled: Some(true), ..ChannelChange::default() };
        change(&world, channel.id, on).await;
        world.announce("well again").await;
        broken.hears(21).await;
        let now = world.channels.get(&world.admin(), channel.id).await.unwrap();
        assert!(now.enabled);
        server.abort();
    }

    async fn one_that_arrives_makes_those_before_forgotten(db: Db) {
        let world = World::new(db).await;
        let says = std::iter::repeat_n(Says::Status(410), 15)
            .chain([Says::Status(200)])
            .chain(std::iter::repeat_n(Says::Status(410), 15));
        let receiver = Receiver::new(says).await;
        let (channel, _) = world.channel(ChannelKind::Webhook, "hook", &receiver.url).await;
        let server = world.server();
        for number in 0..31 {
            world.announce(&format!("thing {number}")).await;
        }
        receiver.hears(31).await;
        let now = world.channels.get(&world.admin(), channel.id).await.unwrap();
        assert!(now.enabled);
        server.abort();
    }

    async fn of_servers_that_tell_something_at_once_one_does(db: Db) {
        let world = World::new(db).await;
        let receiver = Receiver::new([]).await;
        let (channel, _) = world.channel(ChannelKind::Webhook, "hook", &receiver.url).await;
        let notice = Notice::new(Topic::ErrorThresholdBreached, "calls fail");
        let quiet = Duration::from_secs(300);
        let tell = async |subject: &str| {
            let mut tx = world.db.begin().await.unwrap();
            let told = world.channels
                .announce_at_most_every(&mut tx, world.tenant, (subject, quiet), &notice)
                .await
                .unwrap();
            tx.commit().await.unwrap();
            told
        };
        assert!(tell("a").await);
        assert!(!tell("a").await);
        assert!(tell("b").await, "that is something else");
        world.time.clock.advance(quiet);
        assert!(tell("a").await, "it is still so");
        assert_eq!(world.deliveries(&channel).await.len(), 3);
    }

    async fn a_receiver_can_check_by_hand(db: Db) {
        let world = World::new(db).await;
        let receiver = Receiver::new([]).await;
        let (_, secret) = world.channel(ChannelKind::Webhook, "hook", &receiver.url).await;
        world.announce("the building burns").await;
        let server = world.server();
        let heard = receiver.hears(1).await;
        let header = |name: &str| heard[0].headers[name].to_str().unwrap().to_owned();
        assert_eq!(header("x-ironcage-event"), "budget.exceeded");
        assert_eq!(header("x-ironcage-delivery"), header("webhook-id"));
        let signature = header("x-ironcage-signature");
        let (time, tag) = signature.split_once(",v1=").unwrap();
        let time = time.strip_prefix("t=").unwrap();
        let secret = secret.unwrap();
        let key = STANDARD.decode(secret.expose().strip_prefix("whsec_").unwrap()).unwrap();
        let key = hmac::Key::new(hmac::HMAC_SHA256, &key);
        let signed = format!("{time}.{}", heard[0].body);
        hmac::verify(&key, signed.as_bytes(), &hex::decode(tag).unwrap()).expect("it fits");
        server.abort();
    }
}
