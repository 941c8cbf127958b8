use iron_store::Db;

iron_store::both_engines! {
    async fn the_database_tells_its_version_and_its_clock(db: Db) {
        let before = db.vitals().await.unwrap();
        let after = db.vitals().await.unwrap();
        assert!(before.version.split('.').next().unwrap().parse::<u32>().is_ok(), "{before:?}");
        assert!(before.clock.seconds() > 1_700_000_000, "{before:?}");
        assert!(after.clock >= before.clock, "{before:?} {after:?}");
    }
}
