//! What is kept long enough goes from the journal and from what is shown, together.

use std::time::Duration;

use iron_audit::{Archive, Entry, Error, Retention, VerifyRange};
use iron_journal::FrameKind;
use iron_store::{Db, both_engines, sql};

use crate::kit::{Server, World};

/// Writes entries until some segments are full and archived.
async fn live(world: &World, server: &mut Server) {
    let folder = world.folder.path();
    let segments = || {
        let entries = std::fs::read_dir(folder).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name.ends_with(".segment")).count()
    };
    let before = segments();
    for _ in 0..2_000 {
        let mut tx = world.db.begin().await.unwrap();
        for _ in 0..10 {
            let entry = Entry::new("agent.create", "agent").resource("some agent");
            world
                .audit
                .write(&mut tx, &world.admin(), entry)
                .await
                .unwrap();
        }
        tx.commit().await.unwrap();
        server.settle().await;
        if segments() >= before + 2 {
            break;
        }
    }
    server.journal.checkpoint().unwrap();
    let snapshot = server
        .journal
        .append(FrameKind::LeaseSnapshot, b"all")
        .unwrap();
    server.journal.durable(snapshot).await.unwrap();
    server.settle().await;
    assert!(server.journal.retire(server.journal.position()).unwrap() > 0);
}

async fn shown(world: &World) -> u64 {
    let count = sql("SELECT COUNT(*) AS shown FROM audit_entries");
    let row = count.fetch_one(&world.db).await.unwrap();
    row.get::<i64>("shown").unwrap().unsigned_abs()
}

async fn assert_proven(world: &World) {
    let admin = world.admin();
    let verified = world.log.verify(&admin, VerifyRange::default());
    let verified = verified.await.unwrap();
    assert!(verified.is_valid(), "{verified:?}");
}

both_engines! {
    async fn what_is_old_goes_from_journal_and_database_and_the_rest_is_proven(db: Db) {
        let mut world = World::new(db).await;
        world.segment_bytes = Some(16_000);
        let mut server = world.start().await;
        live(&world, &mut server).await;
        world.time.clock.advance(Duration::from_secs(89 * 86_400));
        live(&world, &mut server).await;
        let all = shown(&world).await;
        assert_proven(&world).await;

        let archive = tempfile::tempdir().unwrap();
        let place = Archive::Folder(archive.path().to_owned());
        let keep = |days, archive| Retention::new(world.audit.clone(), server.journal.clone(), days, archive);
        assert_eq!(keep(1, place.clone()).run_once().await.unwrap(), None, "never before 90 days");
        world.time.clock.advance(Duration::from_secs(10 * 86_400));
        let nobody = Archive::Command("/bin/false".into());
        let refused = keep(90, nobody).run_once().await;
        assert!(matches!(refused, Err(Error::Archive { .. })), "{refused:?}");
        assert_eq!(shown(&world).await, all);

        let purge = keep(90, place.clone()).run_once().await.unwrap().expect("something was old");
        assert!(purge.records > 0);
        assert_eq!(shown(&world).await, all - purge.records);
        let archived = std::fs::read_dir(archive.path()).unwrap().count();
        assert_eq!(archived, usize::try_from(purge.through - purge.from + 1).unwrap());
        assert_proven(&world).await;
        let mut again = keep(90, place);
        assert_eq!(again.run_once().await.unwrap(), None);

        // A server that starts anew goes on from there.
        drop(again);
        drop(server);
        let mut server = world.start().await;
        live(&world, &mut server).await;
        assert_proven(&world).await;
    }
}
