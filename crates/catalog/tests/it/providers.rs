//! Providers and their keys.

use iron_audit::Reach;
use iron_catalog::{Error, NewProvider, ProviderChange, ProviderFilter, SORTABLE};
use iron_llm::{ProviderConfig, ProviderKind};
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
        config: ProviderConfig::default(),
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
    async fn a_key_does_not_follow_its_provider_to_another_address_or_role(db: Db) {
        const AWS_KEY: &str = "AKIDEXAMPLE0000000:secret";
        let world = World::new(db).await;
        let admin = world.admin();
        let mut tx = world.db.begin().await.unwrap();
        let region = Some("eu-central-1".to_owned());
        let new = NewProvider {
            kind: ProviderKind::AwsBedrock,
            key: Some(Secret::new(AWS_KEY.to_owned())),
            config: ProviderConfig { region: region.clone(), ..ProviderConfig::default() },
            ..openai("aws")
        };
        let made = world.providers.create(&mut tx, &admin, new).await.unwrap();
        tx.commit().await.unwrap();
        let role_arn = Some("arn:aws:iam::123456789012:role/caller".to_owned());
        let config = ProviderConfig { region, role_arn, ..ProviderConfig::default() };
        let elsewhere = ProviderConfig { sts_url: Some("https://evil.example".to_owned()), ..config.clone() };
        let base_url = Some(Some("https://evil.example".to_owned()));
        for change in [
            ProviderChange { config: Some(config), ..ProviderChange::default() },
            ProviderChange { config: Some(elsewhere), ..ProviderChange::default() },
            ProviderChange { base_url, ..ProviderChange::default() },
        ] {
            let mut tx = world.db.begin().await.unwrap();
            let moved = world.providers.update(&mut tx, &admin, made.id, change.clone()).await;
            assert!(matches!(moved, Err(Error::Invalid { field: "api_key", .. })), "{moved:?}");
            let knowing = ProviderChange { key: Some(Secret::new(AWS_KEY.to_owned())), ..change };
            world.providers.update(&mut tx, &admin, made.id, knowing).await.unwrap();
        }
    }
}

iron_store::both_engines! {
    async fn deployments_are_kept_and_travel_with_the_call(db: Db) {
        let world = World::new(db).await;
        let admin = world.admin();
        let mut tx = world.db.begin().await.unwrap();
        let new = NewProvider {
            kind: ProviderKind::AzureOpenAi,
            base_url: Some("https://example.openai.azure.com/openai".to_owned()),
            config: ProviderConfig {
                api_version: Some("2024-10-21".to_owned()),
                deployments: [("prod".to_owned(), "gpt-4o".to_owned())].into(),
                ..ProviderConfig::default()
            },
            ..openai("azure")
        };
        let made = world.providers.create(&mut tx, &admin, new).await.unwrap();
        tx.commit().await.unwrap();
        let deployments = [("next".to_owned(), "gpt-5".to_owned())].into();
        let change = ProviderChange {
            config: Some(ProviderConfig { deployments, ..ProviderConfig::default() }),
            ..ProviderChange::default()
        };
        let mut tx = world.db.begin().await.unwrap();
        let changed = world.providers.update(&mut tx, &admin, made.id, change).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(changed.config.api_version, None);
        let routed = world.providers.for_call(made.tenant, &[made.id]).await.unwrap();
        assert_eq!(routed[0].config, changed.config);
        assert_eq!(routed[0].config.served("gpt-5").sent, "next");
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
        let configured = |kind, deployment: &str| NewProvider {
            kind,
            base_url: Some("https://example.openai.azure.com".to_owned()),
            config: ProviderConfig {
                deployments: [(deployment.to_owned(), "gpt-4o".to_owned())].into(),
                ..ProviderConfig::default()
            },
            ..openai("a")
        };
        let placed = |location: &str| NewProvider {
            kind: ProviderKind::Vertex,
            config: ProviderConfig {
                project: Some("acme-prod".to_owned()),
                location: Some(location.to_owned()),
                ..ProviderConfig::default()
            },
            ..openai("a")
        };
        let bedrock = |region: &str, key: &str| NewProvider {
            kind: ProviderKind::AwsBedrock,
            key: Some(key.to_owned().into()),
            config: ProviderConfig {
                region: Some(region.to_owned()),
                ..ProviderConfig::default()
            },
            ..openai("a")
        };
        let azure = ProviderKind::AzureOpenAi;
        let cases = cases.into_iter().chain([
            (NewProvider { kind: azure, ..openai("a") }, "base_url"),
            (configured(ProviderKind::OpenAi, "prod"), "config"),
            (configured(azure, "../prod"), "config.deployments"),
            (NewProvider { key: Some("{\"tenant_id\":\"a/b\"}".to_owned().into()), ..configured(azure, "prod") }, "api_key"),
            (NewProvider { kind: ProviderKind::Together, key: None, ..openai("a") }, "api_key"),
            (NewProvider { kind: ProviderKind::HuggingFace, ..openai("a") }, "api_key"),
            (NewProvider { kind: ProviderKind::Vertex, ..openai("a") }, "config.project"),
            (NewProvider { kind: ProviderKind::AwsBedrock, ..openai("a") }, "config.region"),
            (bedrock("evil.example/", "AKIDEXAMPLE0000000:secret"), "config.region"),
            (bedrock("eu-central-1", "sk-1234"), "api_key"),
            (bedrock("eu-central-1", "akid:secret"), "api_key"),
            (placed("global"), "api_key"),
            (placed("evil.example/"), "config.location"),
        ]);
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

iron_store::both_engines! {
    async fn a_stored_key_does_not_follow_its_provider_to_another_address(db: Db) {
        let world = World::new(db).await;
        let admin = world.admin();
        let mut tx = world.db.begin().await.unwrap();
        let id = world.providers.create(&mut tx, &admin, openai("main")).await.unwrap().id;
        let to = |url: Option<&str>, key: Option<&str>| ProviderChange {
            base_url: Some(url.map(str::to_owned)),
            key: key.map(|key| Secret::new(key.to_owned())),
            ..ProviderChange::default()
        };
        let elsewhere = Some("https://collector.example/v1");
        let refused = world.providers.update(&mut tx, &admin, id, to(elsewhere, None)).await.unwrap_err();
        assert_eq!(refused.field().as_deref(), Some("api_key"));
        let moved = world.providers.update(&mut tx, &admin, id, to(elsewhere, Some("sk-theirs"))).await.unwrap();
        assert_eq!((moved.base_url.as_deref(), moved.key_version), (elsewhere, 2));
        let same = world.providers.update(&mut tx, &admin, id, to(elsewhere, None)).await.unwrap();
        assert_eq!(same.key_version, 2);
        let back = world.providers.update(&mut tx, &admin, id, to(None, None)).await.unwrap_err();
        assert_eq!(back.field().as_deref(), Some("api_key"));
        // Where there is no key there is nothing to lose.
        let local = NewProvider {
            kind: ProviderKind::Local,
            key: None,
            base_url: Some("http://127.0.0.1:11434/v1".to_owned()),
            ..openai("local")
        };
        let id = world.providers.create(&mut tx, &admin, local).await.unwrap().id;
        world.providers.update(&mut tx, &admin, id, to(Some("http://127.0.0.1:8000/v1"), None)).await.unwrap();
        tx.commit().await.unwrap();
    }
}

iron_store::both_engines! {
    async fn another_tenant_can_neither_read_nor_change_nor_delete_a_provider(db: Db) {
        let world = World::new(db).await;
        let admin = world.admin();
        let mut tx = world.db.begin().await.unwrap();
        let id = world.providers.create(&mut tx, &admin, openai("main")).await.unwrap().id;
        tx.commit().await.unwrap();
        let foreign = world.caller(world.environment.new_id(), Reach::Tenant);
        let mut kinds = vec![world.providers.get(&foreign, id).await.unwrap_err().kind()];
        let mut tx = world.db.begin().await.unwrap();
        let change = ProviderChange { shared: Some(true), ..ProviderChange::default() };
        kinds.push(world.providers.update(&mut tx, &foreign, id, change).await.unwrap_err().kind());
        kinds.push(world.providers.delete(&mut tx, &foreign, id).await.unwrap_err().kind());
        tx.commit().await.unwrap();
        assert_eq!(kinds, [ErrorKind::ResourceNotFound; 3]);
        assert!(world.providers.for_call(foreign.tenant, &[id]).await.unwrap().is_empty());
        assert!(!world.providers.get(&admin, id).await.unwrap().shared);
    }
}

#[test]
fn the_tables_are_the_same_on_both_engines() {
    iron_store::testing::assert_schemas_agree(&[iron_catalog::MIGRATIONS]);
}
