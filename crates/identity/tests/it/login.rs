//! Signing in, and being kept from it.

use iron_identity::{Bootstrap, Error, Permission, Presented};
use iron_primitives::ErrorKind;
use iron_store::{Db, both_engines};

use crate::{ADMIN, PASSWORD, World, secret};

both_engines! {
    async fn the_first_start_makes_one_admin_and_a_second_start_none(db: Db) {
        let world = World::new(db).await;
        assert!(!world.identity.needs_bootstrap().await.unwrap());
        let wish = Bootstrap { email: "other@example.com".to_owned(), password: None };
        let prepared = world.identity.prepare_bootstrap(wish).await.unwrap();
        let mut tx = world.tx().await;
        assert!(world.identity.bootstrap(&mut tx, &prepared).await.unwrap().is_none());
        drop(tx);
        let made = &world.made;
        assert_eq!((made.tenant.slug.as_str(), made.project.name.as_str()), ("default", "default"));
        assert!(made.admin.platform_admin && !made.admin.must_change_password);
        assert_eq!(world.actions().await, ["tenant.bootstrap"]);
    }

    async fn a_drawn_password_is_good_once_and_must_be_changed(db: Db) {
        db.migrate(&[iron_audit::MIGRATIONS, iron_identity::MIGRATIONS]).await.unwrap();
        let world = {
            // A platform whose admin was given no password.
            let time = iron_testkit::TestEnvironment::seeded(3);
            let environment = time.environment.clone();
            let audit = iron_audit::Audit::new(db.clone(), environment.new_id(), environment.clone());
            let config = iron_identity::Config {
                password_cost: iron_identity::PasswordCost::LOWEST,
                ..iron_identity::Config::default()
            };
            let identity = iron_identity::Identity::new(db.clone(), audit, environment, config, &[9; 32]).unwrap();
            let wish = Bootstrap { email: ADMIN.to_owned(), password: None };
            let prepared = identity.prepare_bootstrap(wish).await.unwrap();
            let mut tx = db.begin().await.unwrap();
            let first = identity.bootstrap(&mut tx, &prepared).await.unwrap().unwrap();
            tx.commit().await.unwrap();
            let drawn = first.password.unwrap();
            assert!(drawn.expose().len() >= 20);
            (World { db, identity, time, made: first.made }, drawn)
        };
        let (world, drawn) = world;
        let signed_in = world.sign_in(ADMIN, drawn.expose()).await.unwrap();
        let caller = world.caller(&signed_in.access_token).await.unwrap();
        let refused = world.identity.authorise(&caller, Permission::UserManage, world.request());
        assert!(matches!(refused, Err(Error::PasswordChangeRequired)));

        let own = world.identity.authorise(&caller, Permission::PasswordChange, world.request()).unwrap();
        world.identity.check_own_password(&own, drawn.clone()).await.unwrap();
        let wrong = world.identity.check_own_password(&own, secret("wrong")).await;
        assert!(matches!(wrong, Err(Error::InvalidCredentials)));
        let hash = world.identity.hash_password(None, "new_password", secret(PASSWORD)).await.unwrap();
        let mut tx = world.tx().await;
        world.identity.change_password(&mut tx, &own, &hash).await.unwrap();
        tx.commit().await.unwrap();

        let caller = world.caller(&signed_in.access_token).await.unwrap();
        assert!(world.identity.authorise(&caller, Permission::UserManage, world.request()).is_ok());
        assert!(world.sign_in(ADMIN, drawn.expose()).await.is_err());
        assert!(world.sign_in(ADMIN, PASSWORD).await.is_ok());
    }

    async fn the_address_is_read_in_any_case_and_the_password_in_its_own(db: Db) {
        let world = World::new(db).await;
        assert!(world.sign_in(" Admin@Example.COM ", PASSWORD).await.is_ok());
        let wrong = world.sign_in(ADMIN, &PASSWORD.to_uppercase()).await;
        assert!(matches!(wrong, Err(Error::InvalidCredentials)));
    }

    async fn an_unknown_address_is_answered_and_locked_like_a_known_one(db: Db) {
        let world = World::new(db).await;
        let mut answers = Vec::new();
        for address in [ADMIN, "nobody@example.com"] {
            let mut kinds = Vec::new();
            for attempt in 0..12 {
                let mut login = world.login_of(address, "wrong password");
                login.request.ip = Some(format!("198.51.100.{attempt}"));
                kinds.push(world.identity.login(login).await.unwrap_err().kind());
            }
            answers.push(kinds);
        }
        assert_eq!(answers[0], answers[1]);
        assert_eq!(&answers[0][..10], &[ErrorKind::InvalidCredentials; 10]);
        assert_eq!(&answers[0][10..], &[ErrorKind::AccountLocked; 2]);
    }

    async fn a_locked_account_refuses_the_right_password_until_the_lock_ends(db: Db) {
        let world = World::new(db).await;
        for attempt in 0..10 {
            let mut login = world.login_of(ADMIN, "wrong password");
            login.request.ip = Some(format!("198.51.100.{attempt}"));
            assert!(world.identity.login(login).await.is_err());
        }
        assert!(matches!(world.sign_in(ADMIN, PASSWORD).await, Err(Error::AccountLocked { .. })));
        world.pass(15 * 60 - 1);
        assert!(matches!(world.sign_in(ADMIN, PASSWORD).await, Err(Error::AccountLocked { .. })));
        world.pass(2);
        assert!(world.sign_in(ADMIN, PASSWORD).await.is_ok());
        // The failures of before are forgiven: ten more are needed to lock again.
        for attempt in 0..9 {
            let mut login = world.login_of(ADMIN, "wrong password");
            login.request.ip = Some(format!("198.51.100.{attempt}"));
            assert!(matches!(world.identity.login(login).await, Err(Error::InvalidCredentials)));
        }
        assert!(world.sign_in(ADMIN, PASSWORD).await.is_ok());
    }

    async fn a_hundred_attempts_at_once_are_no_more_than_ten(db: Db) {
        let world = World::new(db).await;
        let attempts: Vec<_> = (0..40).map(|attempt| {
            let mut login = world.login_of(ADMIN, "wrong password");
            login.request.ip = Some(format!("198.51.100.{attempt}"));
            let identity = world.identity.clone();
            tokio::spawn(async move { identity.login(login).await.unwrap_err().kind() })
        }).collect();
        let mut looked_at = 0;
        for attempt in attempts {
            match attempt.await.unwrap() {
                ErrorKind::InvalidCredentials => looked_at += 1,
                kind => assert_eq!(kind, ErrorKind::AccountLocked),
            }
        }
        assert_eq!(looked_at, 10);
    }

    async fn an_address_that_fails_five_times_waits(db: Db) {
        let world = World::new(db).await;
        for number in 0..5 {
            let failed = world.sign_in(&format!("user{number}@example.com"), "wrong").await;
            assert!(matches!(failed, Err(Error::InvalidCredentials)));
            world.pass(10);
        }
        let waiting = world.sign_in(ADMIN, PASSWORD).await;
        assert!(matches!(waiting, Err(Error::TooManyFailures { .. })), "{waiting:?}");
        let mut elsewhere = world.login_of(ADMIN, PASSWORD);
        elsewhere.request.ip = Some("203.0.113.9".to_owned());
        assert!(world.identity.login(elsewhere).await.is_ok());
        // The oldest of the five is forgotten after five minutes.
        world.pass(5 * 60 - 49);
        assert!(world.sign_in(ADMIN, PASSWORD).await.is_ok());
    }

    async fn logins_that_succeed_do_not_count_against_an_address(db: Db) {
        let world = World::new(db).await;
        for _ in 0..12 {
            world.sign_in(ADMIN, PASSWORD).await.unwrap();
        }
    }

    async fn an_address_known_in_two_tenants_needs_the_tenants_name(db: Db) {
        let world = World::new(db).await;
        crate::tenants::second_tenant(&world, ADMIN).await;
        assert!(matches!(world.sign_in(ADMIN, PASSWORD).await, Err(Error::InvalidCredentials)));
        let mut named = world.login_of(ADMIN, PASSWORD);
        named.tenant = Some("default".to_owned());
        let signed_in = world.identity.login(named.clone()).await.unwrap();
        assert_eq!(signed_in.user.tenant_id, world.made.tenant.id);
        named.tenant = Some("second".to_owned());
        let signed_in = world.identity.login(named).await.unwrap();
        assert_ne!(signed_in.user.tenant_id, world.made.tenant.id);
    }

    async fn every_login_and_every_failure_leaves_an_entry_without_the_password(db: Db) {
        let world = World::new(db).await;
        world.sign_in(ADMIN, PASSWORD).await.unwrap();
        world.sign_in(ADMIN, "a wrong one").await.unwrap_err();
        world.sign_in("nobody@example.com", "a wrong one").await.unwrap_err();
        let actions = world.actions().await;
        assert_eq!(actions.iter().filter(|a| *a == "auth.login").count(), 1);
        assert_eq!(actions.iter().filter(|a| *a == "auth.login_failed").count(), 2);
        let rows = iron_store::sql("SELECT entry FROM audit_outbox").fetch_all(&world.db).await.unwrap();
        for row in rows {
            let entry: String = row.get("entry").unwrap();
            assert!(!entry.contains(PASSWORD) && !entry.contains("a wrong one"), "{entry}");
            assert!(!entry.contains("argon2"), "{entry}");
        }
    }

    async fn nothing_of_a_session_can_be_used_from_what_is_stored(db: Db) {
        let world = World::new(db).await;
        let signed_in = world.sign_in(ADMIN, PASSWORD).await.unwrap();
        let row = iron_store::sql("SELECT refresh_digest FROM sessions").fetch_one(&world.db).await.unwrap();
        let stored: Vec<u8> = row.get("refresh_digest").unwrap();
        assert_ne!(stored, signed_in.refresh_token.expose().as_bytes());
        let shown = Presented::Bearer(signed_in.refresh_token.expose());
        assert!(matches!(world.identity.authenticate(shown).await, Err(Error::InvalidToken)));
    }
}
