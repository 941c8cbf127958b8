//! The check that the API offers.

use std::time::Duration;

use iron_audit::{Entry, VerifyRange};
use iron_primitives::AuditId;
use iron_store::{both_engines, sql};

use crate::kit::World;

/// Three entries, a minute apart.
async fn three(world: &World) -> Vec<AuditId> {
    let mut server = world.start().await;
    let mut ids = Vec::new();
    for _ in 0..3 {
        world.time.clock.advance(Duration::from_secs(60));
        let mut tx = world.db.begin().await.unwrap();
        let entry = Entry::new("agent.create", "agent").resource("agent_1");
        ids.push(
            world
                .audit
                .write(&mut tx, &world.admin(), entry)
                .await
                .unwrap(),
        );
        tx.commit().await.unwrap();
    }
    server.settle().await;
    server.journal.checkpoint().unwrap();
    world.time.clock.advance(Duration::from_secs(60));
    ids
}

both_engines! {
    async fn an_untouched_log_is_valid_as_a_whole_and_in_part(db: iron_store::Db) {
        let world = World::new(db).await;
        let begun = world.environment.now();
        three(&world).await;
        let whole = world.log.verify(&world.admin(), VerifyRange::default()).await.unwrap();
        assert!(whole.is_valid(), "{whole:?}");
        assert_eq!(whole.checked, 3);
        let part = VerifyRange { start: None, end: Some(begun.plus(Duration::from_secs(121))) };
        let part = world.log.verify(&world.admin(), part).await.unwrap();
        assert_eq!((part.is_valid(), part.checked), (true, 2));
        let stranger = world.caller(world.environment.new_id(), world.environment.new_id());
        let other = world.log.verify(&stranger, VerifyRange::default()).await.unwrap();
        assert_eq!((other.is_valid(), other.checked), (true, 0));
    }

    async fn a_row_that_was_changed_added_or_removed_is_named(db: iron_store::Db) {
        let world = World::new(db).await;
        let ids = three(&world).await;
        let bad = async || {
            let found = world.log.verify(&world.admin(), VerifyRange::default()).await.unwrap();
            (found.is_valid(), found.first_bad_id)
        };
        sql("UPDATE audit_entries SET action = 'agent.read' WHERE id = $1").bind(ids[1]).execute(&world.db).await.unwrap();
        assert_eq!(bad().await, (false, Some(ids[1].to_string())));
        sql("DELETE FROM audit_entries WHERE id = $1").bind(ids[1]).execute(&world.db).await.unwrap();
        assert_eq!(bad().await, (false, Some(ids[1].to_string())));
        let made_up: AuditId = world.environment.new_id();
        sql("UPDATE audit_entries SET id = $2 WHERE id = $1").bind(ids[0]).bind(made_up).execute(&world.db).await.unwrap();
        assert_eq!(bad().await, (false, Some(made_up.to_string())));
    }

    async fn a_journal_that_was_changed_is_not_valid(db: iron_store::Db) {
        let world = World::new(db).await;
        three(&world).await;
        let segment = world.folder.path().join("0000000000.segment");
        let mut bytes = std::fs::read(&segment).unwrap();
        bytes[300] ^= 1;
        std::fs::write(&segment, bytes).unwrap();
        let found = world.log.verify(&world.admin(), VerifyRange::default()).await.unwrap();
        assert!(found.fault.is_some_and(|fault| fault.contains("damaged")));
    }
}
