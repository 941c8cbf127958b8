//! Providers and their keys.

use iron_audit::Reach;
use iron_catalog::{Error, NewProvider, ProviderChange, ProviderFilter, SORTABLE};
use iron_llm::ProviderKind;
use iron_primitives::{ErrorKind, Secret};
use iron_store::{Db, Page, Sort, sql};

use crate::World;

const KEY: &str = "sk-canary-0123456789";

fn openai(name: &str) -> NewProvider {
    NewProvider {
        name: name.to_owned(),
        kind: ProviderKind::OpenAi,
        key: Some(Secret::new(KEY.to_owned())),
        base_url: None,
        organization: None,
        models: vec!["gpt-4o-mini".to_owned()],
        timeout_seconds: Some(30),
        shared: false,
    }
}

iron_store::both_engines! {
    async fn a_key_is_sealed_masked_and_opened_for_calls_only(db: Db) {
        let world = World::new(db).await;
        let admin = world.admin();
        let mut tx = world.db.begin().await.unwrap();
        let made = world.providers.create(&mut tx, &admin, openai("main")).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(made.masked_key.as_deref(), Some("sk-***"));

        let opened = world.providers.credential(world.tenant, made.id).await.unwrap();
        assert_eq!((opened.secret.expose(), opened.version), (KEY, 1));
        let foreign = world.environment.new_id();
        assert!(world.providers.credential(foreign, made.id).await.is_err());

        let rows = sql("SELECT * FROM providers").fetch_all(&world.db).await.unwrap();
        let stored: Vec<u8> = rows.first().unwrap().get("sealed_key").unwrap();
        assert!(!stored.windows(KEY.len()).any(|window| window == KEY.as_bytes()));
        let entries = sql("SELECT * FROM audit_outbox").fetch_all(&world.db).await.unwrap();
        assert!(!entries.is_empty());
        for entry in entries {
            let text: String = entry.get("entry").unwrap();
            assert!(!text.contains("canary"), "the key is in the audit log");
        }
    }
}

iron_store::both_engines! {
    async fn a_new_key_serves_the_next_call_and_a_deleted_one_none(db: Db) {
        let world = World::new(db).await;
        let admin = world.admin();
        let mut tx = world.db.begin().await.unwrap();
        let id = world.providers.create(&mut tx, &admin, openai("main")).await.unwrap().id;
        let change =
            ProviderChange { key: Some(Secret::new("sk-new".to_owned())), ..ProviderChange::default() };
        let changed = world.providers.update(&mut tx, &admin, id, change).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!((changed.key_version, changed.version), (2, 2));
        assert!(changed.key_rotated_at.is_some());
        let opened = world.providers.credential(world.tenant, id).await.unwrap();
        assert_eq!((opened.secret.expose(), opened.version), ("sk-new", 2));

        let mut tx = world.db.begin().await.unwrap();
        let rename =
            ProviderChange { name: Some("other".to_owned()), ..ProviderChange::default() };
        world.providers.update(&mut tx, &admin, id, rename).await.unwrap();
        tx.commit().await.unwrap();
        let opened = world.providers.credential(world.tenant, id).await.unwrap();
        assert_eq!(opened.secret.expose(), "sk-new", "a rename leaves the key alone");

        let mut tx = world.db.begin().await.unwrap();
        world.providers.delete(&mut tx, &admin, id).await.unwrap();
        tx.commit().await.unwrap();
        let gone = world.providers.credential(world.tenant, id).await.unwrap_err();
        assert_eq!(gone.kind(), ErrorKind::ResourceNotFound);
    }
}

iron_store::both_engines! {
    async fn forms_that_cannot_work_are_refused_by_field(db: Db) {
        let world = World::new(db).await;
        let admin = world.admin();
        let no_key = NewProvider { key: None, ..openai("a") };
        let key = |text: &str| Some(Secret::new(text.to_owned()));
        let cases = [
            (no_key, "api_key"),
            (NewProvider { key: key("sk-with space"), ..openai("a") }, "api_key"),
            (NewProvider { key: key("pk-1"), ..openai("a") }, "api_key"),
            (NewProvider { name: String::new(), ..openai("a") }, "name"),
            (NewProvider { timeout_seconds: Some(0), ..openai("a") }, "timeout_seconds"),
            (NewProvider { models: vec![String::new()], ..openai("a") }, "models"),
            (NewProvider { kind: ProviderKind::Local, ..openai("a") }, "base_url"),
            (NewProvider { base_url: Some("http://example.com".to_owned()), ..openai("a") }, "base_url"),
            (NewProvider { base_url: Some("https://169.254.169.254/".to_owned()), ..openai("a") }, "base_url"),
        ];
        for (new, field) in cases {
            let mut tx = world.db.begin().await.unwrap();
            let refused = world.providers.create(&mut tx, &admin, new).await.unwrap_err();
            assert_eq!(refused.field().as_deref(), Some(field), "{refused}");
            assert_eq!(refused.kind(), ErrorKind::Validation);
        }
    }
}

iron_store::both_engines! {
    async fn a_developer_changes_own_providers_and_assigns_own_or_shared_ones(db: Db) {
        let world = World::new(db).await;
        let admin = world.admin();
        let mut tx = world.db.begin().await.unwrap();
        let private = world.providers.create(&mut tx, &admin, openai("private")).await.unwrap().id;
        let shared = NewProvider { shared: true, ..openai("shared") };
        let shared = world.providers.create(&mut tx, &admin, shared).await.unwrap().id;
        let developer = world.caller(world.tenant, Reach::Own(world.environment.new_id()));
        let own = world.providers.create(&mut tx, &developer, openai("own")).await.unwrap().id;

        let refused = world.providers.read(&mut tx, &developer, shared).await.unwrap_err();
        assert!(matches!(refused, Error::OutOfReach { .. }), "{refused}");
        world.providers.read(&mut tx, &developer, own).await.unwrap();
        world.providers.check_assignable(&mut tx, &developer, &[own, shared]).await.unwrap();
        let refused =
            world.providers.check_assignable(&mut tx, &developer, &[own, private]).await.unwrap_err();
        assert_eq!(refused.field().as_deref(), Some("providers[1]"));
        world.providers.check_assignable(&mut tx, &admin, &[own, private]).await.unwrap();

        let foreign = world.caller(world.environment.new_id(), Reach::Tenant);
        let refused = world.providers.read(&mut tx, &foreign, shared).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::ResourceNotFound);
        assert!(world.providers.check_assignable(&mut tx, &foreign, &[shared]).await.is_err());
        tx.commit().await.unwrap();
        let sort = Sort::parse("name", SORTABLE).unwrap();
        let all = ProviderFilter::default();
        let seen = world.providers.list(&foreign, &all, sort, Page::default()).await.unwrap();
        assert_eq!(seen.total, 0);
        let seen = world.providers.list(&developer, &all, sort, Page::default()).await.unwrap();
        assert_eq!(seen.total, 3);
    }
}

iron_store::both_engines! {
    async fn calls_get_active_providers_in_the_agents_order(db: Db) {
        let world = World::new(db).await;
        let admin = world.admin();
        let mut tx = world.db.begin().await.unwrap();
        let mut ids = Vec::new();
        for name in ["a", "b", "c"] {
            ids.push(world.providers.create(&mut tx, &admin, openai(name)).await.unwrap().id);
        }
        let off = ProviderChange { active: Some(false), ..ProviderChange::default() };
        world.providers.update(&mut tx, &admin, ids[1], off).await.unwrap();
        tx.commit().await.unwrap();
        ids.reverse();
        let found = world.providers.for_call(world.tenant, &ids).await.unwrap();
        let order: Vec<_> = found.iter().map(|provider| provider.id).collect();
        assert_eq!(order, [ids[0], ids[2]]);
        assert_eq!(found[0].timeout_ms, 30_000);
        assert_eq!(found[0].base_url, "https://api.openai.com");
    }
}
