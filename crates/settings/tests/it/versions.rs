//! Versions, and what other servers see of them.

use iron_audit::{Audit, Authorised, Credential, Grounds, Reach, RequestFacts, Role};
use iron_primitives::{TenantId, UserId};
use iron_settings::{Chain, Defaults, Document, Draft, Error, Settings, Version};
use iron_store::{Db, Page, both_engines};
use iron_testkit::TestEnvironment;
use serde_json::json;

struct World {
    db: Db,
    audit: Audit,
    time: TestEnvironment,
    settings: Settings,
    tenant: TenantId,
    user: UserId,
}

impl World {
    async fn new(db: Db) -> World {
        let tables = [iron_audit::MIGRATIONS, iron_settings::MIGRATIONS];
        db.migrate(&tables).await.unwrap();
        let time = TestEnvironment::seeded(3);
        let audit = Audit::new(
            db.clone(),
            time.environment.new_id(),
            time.environment.clone(),
        );
        let (tenant, user) = (time.environment.new_id(), time.environment.new_id());
        let settings = server(&db, &audit, &time).await;
        World {
            db,
            audit,
            time,
            settings,
            tenant,
            user,
        }
    }

    async fn another_server(&self) -> Settings {
        server(&self.db, &self.audit, &self.time).await
    }

    fn authorised(&self) -> Authorised {
        Authorised::attest(Grounds {
            tenant: self.tenant,
            user: self.user,
            role: Role::Admin,
            credential: Credential::Session(self.time.environment.new_id()),
            reach: Reach::Tenant,
            platform_admin: false,
            request: RequestFacts {
                request_id: self.time.environment.new_id(),
                method: "PUT".to_owned(),
                endpoint: "/api/v1/config".to_owned(),
                ip: None,
                user_agent: None,
                trace_id: None,
            },
        })
    }

    async fn set(&self, chain: &Chain, draft: Draft) -> Result<Option<Version>, Error> {
        let authorised = self.authorised();
        let mut tx = self.db.begin().await.unwrap();
        let held = self
            .settings
            .hold(&mut tx, &authorised, chain.clone())
            .await?;
        let set = self
            .settings
            .set(&mut tx, &authorised, held, draft, None)
            .await?;
        tx.commit().await.unwrap();
        self.settings.refresh().await?;
        Ok(set)
    }

    async fn idle(&self, chain: &Chain, minutes: i64) -> Result<i64, Error> {
        let yaml = format!("security:\n  session_idle_minutes: {minutes}\n");
        let document = Document::from_yaml(&yaml).unwrap();
        let set = self.set(chain, Draft::Whole(document)).await?;
        Ok(set.unwrap().version)
    }

    fn minutes(&self, settings: &Settings) -> u64 {
        settings.security(Some(self.tenant)).session_idle.as_secs() / 60
    }
}

async fn server(db: &Db, audit: &Audit, time: &TestEnvironment) -> Settings {
    let (db, audit, environment) = (db.clone(), audit.clone(), time.environment.clone());
    Settings::open(db, audit, environment, Defaults::default())
        .await
        .unwrap()
}

both_engines! {
    async fn another_server_sees_a_change_when_it_asks(db: Db) {
        let world = World::new(db).await;
        let other = world.another_server().await;
        assert_eq!((world.minutes(&world.settings), world.minutes(&other)), (30, 30));
        world.idle(&Chain::tenant(world.tenant), 10).await.unwrap();
        assert_eq!((world.minutes(&world.settings), world.minutes(&other)), (10, 30));
        assert!(other.refresh().await.unwrap());
        assert_eq!(world.minutes(&other), 10);
        assert!(!other.refresh().await.unwrap());
        let stranger = world.time.environment.new_id();
        assert_eq!(other.security(Some(stranger)).session_idle.as_secs(), 30 * 60);
    }
}

both_engines! {
    async fn what_was_set_before_and_became_too_loose_is_bounded_and_stands_in_nobodys_way(db: Db) {
        let world = World::new(db).await;
        let tenant = Chain::tenant(world.tenant);
        world.idle(&tenant, 60).await.unwrap_err();
        world.idle(&Chain::system(), 120).await.unwrap();
        world.idle(&tenant, 60).await.unwrap();
        world.idle(&Chain::system(), 20).await.unwrap();
        assert_eq!(world.minutes(&world.settings), 20);
        let refused = world.idle(&tenant, 30).await.unwrap_err();
        let Error::Wrong(wrong) = refused else { panic!("{refused}") };
        assert!(wrong[0].problem.contains("20 by the system"), "{}", wrong[0]);
        let other = json!({"display": {"timezone": "Europe/Berlin"}});
        let patch = iron_settings::Patch::from_json(other.as_object().unwrap()).unwrap();
        let set = world.set(&tenant, Draft::Patch(patch)).await.unwrap().unwrap();
        assert_eq!(set.document.get("security.session_idle_minutes"), Some(&json!(60)));
    }
}

both_engines! {
    async fn going_back_writes_a_new_version_with_the_old_content(db: Db) {
        let world = World::new(db).await;
        let chain = Chain::tenant(world.tenant);
        for minutes in [10, 20, 15] {
            world.idle(&chain, minutes).await.unwrap();
        }
        let back = world.set(&chain, Draft::Again(1)).await.unwrap().unwrap();
        assert_eq!((back.version, world.minutes(&world.settings)), (4, 10));
        let again = world.set(&chain, Draft::Again(1)).await.unwrap().unwrap();
        assert_eq!(again.version, 4, "what changes nothing is no new version");
        let missing = world.set(&chain, Draft::Again(9)).await.unwrap_err();
        assert!(matches!(missing, Error::NoVersion { version: 9 }));
        let page = Page { page: 1, per_page: 10 };
        let all = world.settings.versions(&world.authorised(), &chain, page).await.unwrap();
        let numbers: Vec<_> = all.items.iter().map(|one| one.version).collect();
        assert_eq!(numbers, [4, 3, 2, 1]);
        let stranger = Chain::tenant(world.time.environment.new_id());
        let none = world.settings.versions(&world.authorised(), &stranger, page).await.unwrap();
        assert_eq!(none.total, 0);
    }
}

both_engines! {
    async fn two_who_change_at_once_both_have_their_change(db: Db) {
        let world = World::new(db).await;
        let chain = Chain::tenant(world.tenant);
        let of = |json: serde_json::Value| {
            Draft::Patch(iron_settings::Patch::from_json(json.as_object().unwrap()).unwrap())
        };
        let changes = (0..10).map(|turn| match turn % 2 {
            0 => world.set(&chain, of(json!({"security": {"session_idle_minutes": 5 + turn}}))),
            _ => world.set(&chain, of(json!({"security": {"password_min_length": 8 + turn}}))),
        });
        for change in futures_util::future::join_all(changes).await {
            change.unwrap();
        }
        let newest = world.settings.newest(&world.authorised(), &chain).await.unwrap().unwrap();
        assert_eq!((newest.version, newest.document.iter().count()), (10, 2));
    }
}

both_engines! {
    async fn a_level_takes_only_what_it_may_have(db: Db) {
        let world = World::new(db).await;
        for (chain, yaml) in [
            (Chain::user(world.tenant, world.user), "security:\n  session_idle_minutes: 10\n"),
            (Chain::tenant(world.tenant), "rate_limits:\n  anonymous_per_hour: 1\n"),
        ] {
            let document = Document::from_yaml(yaml).unwrap();
            let refused = world.set(&chain, Draft::Whole(document)).await.unwrap_err();
            assert!(matches!(refused, Error::Wrong(wrong) if wrong.len() == 1));
        }
    }
}
