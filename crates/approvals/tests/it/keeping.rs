//! Making, changing and ending channels.

use iron_approvals::{
    ChannelChange, ChannelFilter, ChannelKind, DeliveryStatus, Error, Mail, NewChannel, Notice,
    Topic,
};
use iron_primitives::{ErrorKind, Secret};
use iron_store::Db;

use crate::kit::{Receiver, World};

fn mail() -> Mail {
    Mail {
        host: "localhost".to_owned(),
        port: 2525,
        security: "none".to_owned(),
        username: Some("iron".to_owned()),
        from: "iron@example.com".to_owned(),
        to: vec!["ops@example.com".to_owned()],
    }
}

fn by_mail() -> NewChannel {
    NewChannel {
        name: "mail".to_owned(),
        kind: ChannelKind::Email,
        topics: None,
        filter: ChannelFilter::default(),
        enabled: true,
        url: None,
        mail: Some(mail()),
        password: Some(Secret::new("hush".to_owned())),
        actions: None,
    }
}

iron_store::both_engines! {
    async fn a_stored_password_follows_no_channel_to_another_server(db: Db) {
        let world = World::new(db).await;
        let admin = world.admin();
        let mut tx = world.db.begin().await.unwrap();
        let (channel, _) = world.channels.create(&mut tx, &admin, by_mail()).await.unwrap();
        tx.commit().await.unwrap();
        let elsewhere = Mail { host: "127.0.0.1".to_owned(), ..mail() };
        let change = |mail, password: Option<&str>| ChannelChange {
            mail: Some(mail),
            password: password.map(|text| Secret::new(text.to_owned())),
            ..ChannelChange::default()
        };
        let mut tx = world.db.begin().await.unwrap();
        let moved = change(elsewhere.clone(), None);
        let refused = world.channels.update(&mut tx, &admin, channel.id, moved).await.unwrap_err();
        assert!(matches!(refused, Error::Invalid { field: "email.password", .. }), "{refused}");
        // Other recipients need no password, and whoever knows it may move the channel.
        let more = Mail { to: vec!["ada@example.com".to_owned()], ..mail() };
        world.channels.update(&mut tx, &admin, channel.id, change(more, None)).await.unwrap();
        let moved = change(elsewhere, Some("hush"));
        world.channels.update(&mut tx, &admin, channel.id, moved).await.unwrap();
        tx.commit().await.unwrap();
    }

    async fn whom_it_concerns_gets_one_copy_by_mail(db: Db) {
        let world = World::new(db).await;
        let admin = world.admin();
        let mut tx = world.db.begin().await.unwrap();
        let (first, _) = world.channels.create(&mut tx, &admin, by_mail()).await.unwrap();
        let second = NewChannel { name: "other".to_owned(), ..by_mail() };
        let (second, _) = world.channels.create(&mut tx, &admin, second).await.unwrap();
        let notice = Notice::new(Topic::BudgetRequestDecided, "yes").concerns("ada@example.com");
        world.channels.announce(&mut tx, world.tenant, &notice).await.unwrap();
        // Who is among the recipients anyway needs none.
        let notice = Notice::new(Topic::BudgetRequestDecided, "no").concerns("ops@example.com");
        world.channels.announce(&mut tx, world.tenant, &notice).await.unwrap();
        tx.commit().await.unwrap();
        let mut all = world.deliveries(&first).await;
        all.extend(world.deliveries(&second).await);
        assert_eq!(all.len(), 5);
        let copies: Vec<_> = all.iter().filter_map(|one| one.recipient.as_deref()).collect();
        assert_eq!(copies, ["ada@example.com"]);
    }

    async fn channels_hear_what_they_are_on_for(db: Db) {
        let world = World::new(db).await;
        let admin = world.admin();
        let receiver = Receiver::new([]).await;
        let (channel, _) = world.channel(ChannelKind::Slack, "ops", &receiver.url).await;
        let (off, _) = world.channel(ChannelKind::Slack, "off", &receiver.url).await;
        let (other, _) = world.channel(ChannelKind::Slack, "other", &receiver.url).await;
        let mut tx = world.db.begin().await.unwrap();
        let change = ChannelChange { enabled: Some(false), ..ChannelChange::default() };
        world.channels.update(&mut tx, &admin, off.id, change).await.unwrap();
        let topics = Some(vec![Topic::BudgetWarning]);
        let change = ChannelChange { topics, ..ChannelChange::default() };
        world.channels.update(&mut tx, &admin, other.id, change).await.unwrap();
        tx.commit().await.unwrap();
        world.announce("a line").await;
        assert_eq!(world.deliveries(&channel).await.len(), 1);
        assert!(world.deliveries(&off).await.is_empty());
        assert!(world.deliveries(&other).await.is_empty());
    }

    async fn a_channel_that_ends_takes_its_outbox_along(db: Db) {
        let world = World::new(db).await;
        let admin = world.admin();
        let receiver = Receiver::new([]).await;
        let (channel, _) = world.channel(ChannelKind::Webhook, "hook", &receiver.url).await;
        let name = NewChannel { name: "hook".to_owned(), ..by_mail() };
        let mut tx = world.db.begin().await.unwrap();
        let refused = world.channels.create(&mut tx, &admin, name).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::DuplicateName);
        drop(tx);
        let mut tx = world.db.begin().await.unwrap();
        let (_, fresh) = world.channels.rotate_secret(&mut tx, &admin, channel.id).await.unwrap();
        assert!(fresh.expose().starts_with("whsec_"));
        tx.commit().await.unwrap();
        world.announce("a line").await;
        assert_eq!(world.deliveries(&channel).await[0].status, DeliveryStatus::Pending);
        let mut tx = world.db.begin().await.unwrap();
        world.channels.delete(&mut tx, &admin, channel.id).await.unwrap();
        tx.commit().await.unwrap();
        let gone = world.channels.get(&admin, channel.id).await.unwrap_err();
        assert_eq!(gone.kind(), ErrorKind::ResourceNotFound);
    }
}
