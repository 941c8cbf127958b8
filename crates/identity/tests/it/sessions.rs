//! Sessions: used, refreshed, resting, ended.

use iron_audit::Role;
use iron_identity::{Error, InvalidReason, Permission, Presented};
use iron_primitives::TokenKind;
use iron_store::{Db, both_engines};

use crate::{ADMIN, PASSWORD, World, secret};

const HOUR: u64 = 60 * 60;

both_engines! {
    async fn an_access_token_ends_after_an_hour_of_use(db: Db) {
        let world = World::new(db).await;
        let signed_in = world.sign_in(ADMIN, PASSWORD).await.unwrap();
        for _ in 0..3 {
            world.pass(HOUR / 3 - 10);
            assert!(world.caller(&signed_in.access_token).await.is_ok());
        }
        world.pass(30);
        let ended = world.caller(&signed_in.access_token).await;
        assert!(matches!(ended, Err(Error::TokenExpired)), "{ended:?}");
    }

    async fn a_session_that_rests_for_half_an_hour_is_over_but_may_be_revived(db: Db) {
        let world = World::new(db).await;
        let signed_in = world.sign_in(ADMIN, PASSWORD).await.unwrap();
        world.pass(HOUR / 2 + 1);
        assert!(matches!(world.caller(&signed_in.access_token).await, Err(Error::TokenExpired)));
        world.pass(20 * 24 * HOUR);
        let revived = world.identity.refresh(&signed_in.refresh_token, &world.request()).await.unwrap();
        assert!(world.caller(&revived.access_token).await.is_ok());
        assert_eq!(revived.session_id, signed_in.session_id);
    }

    async fn a_cookie_session_that_rests_cannot_be_revived(db: Db) {
        let world = World::new(db).await;
        let mut login = world.login_of(ADMIN, PASSWORD);
        login.cookie = true;
        let signed_in = world.identity.login(login).await.unwrap();
        world.pass(HOUR / 2 + 1);
        let revived = world.identity.refresh(&signed_in.refresh_token, &world.request()).await;
        assert!(matches!(revived, Err(Error::TokenExpired)));
    }

    async fn a_cookie_session_writes_only_with_its_csrf_token(db: Db) {
        let world = World::new(db).await;
        let mut login = world.login_of(ADMIN, PASSWORD);
        login.cookie = true;
        let signed_in = world.identity.login(login).await.unwrap();
        let csrf = signed_in.csrf_token.clone().unwrap();
        let access = signed_in.access_token.expose();
        for (shown, writes, good) in [
            (Some(csrf.expose()), true, true),
            (None, false, true),
            (None, true, false),
            (Some(""), true, false),
            (Some("guess"), true, false),
        ] {
            let outcome = world.identity.authenticate(Presented::Cookie { access, csrf: shown, writes }).await;
            assert_eq!(outcome.is_ok(), good, "{shown:?} {writes}");
        }
        // A session that was opened without cookies has no csrf token and cannot get by without.
        let plain = world.sign_in(ADMIN, PASSWORD).await.unwrap();
        let cookie = Presented::Cookie { access: plain.access_token.expose(), csrf: Some(""), writes: true };
        assert!(matches!(world.identity.authenticate(cookie).await, Err(Error::CsrfFailed)));
    }

    async fn a_refresh_token_is_good_once_and_its_reuse_ends_the_session_for_everybody(db: Db) {
        let world = World::new(db).await;
        let stolen = world.sign_in(ADMIN, PASSWORD).await.unwrap();
        let request = world.request();
        let owner = world.identity.refresh(&stolen.refresh_token, &request).await.unwrap();
        assert!(world.caller(&owner.access_token).await.is_ok());

        let thief = world.identity.refresh(&stolen.refresh_token, &request).await;
        assert!(matches!(thief, Err(Error::TokenRevoked)), "{thief:?}");
        assert!(matches!(world.caller(&owner.access_token).await, Err(Error::TokenRevoked)));
        let owner_again = world.identity.refresh(&owner.refresh_token, &request).await;
        assert!(matches!(owner_again, Err(Error::TokenRevoked)));
        assert_eq!(world.entries_of("auth.refresh_reused").await, 1);
    }

    async fn of_two_refreshes_at_once_at_most_one_succeeds(db: Db) {
        let world = World::new(db).await;
        let signed_in = world.sign_in(ADMIN, PASSWORD).await.unwrap();
        let tries: Vec<_> = (0..6).map(|_| {
            let (identity, token, request) =
                (world.identity.clone(), signed_in.refresh_token.clone(), world.request());
            tokio::spawn(async move { identity.refresh(&token, &request).await.is_ok() })
        }).collect();
        let mut succeeded = 0;
        for attempt in tries {
            succeeded += usize::from(attempt.await.unwrap());
        }
        assert_eq!(succeeded, 1);
    }

    async fn a_refresh_token_ends_after_thirty_days_and_other_texts_are_none(db: Db) {
        let world = World::new(db).await;
        let signed_in = world.sign_in(ADMIN, PASSWORD).await.unwrap();
        world.pass(30 * 24 * HOUR + 1);
        let late = world.identity.refresh(&signed_in.refresh_token, &world.request()).await;
        assert!(matches!(late, Err(Error::TokenExpired)));
        for text in ["", "rt_", "rt_AAAA", signed_in.access_token.expose()] {
            let outcome = world.identity.refresh(&secret(text), &world.request()).await;
            assert!(matches!(outcome, Err(Error::InvalidToken)), "{text}");
        }
    }

    async fn sessions_that_are_long_over_are_forgotten(db: Db) {
        let world = World::new(db).await;
        world.sign_in(ADMIN, PASSWORD).await.unwrap();
        world.pass(31 * 24 * HOUR);
        let kept = world.sign_in(ADMIN, PASSWORD).await.unwrap();
        world.pass(30 * 24 * HOUR);
        world.sign_in(ADMIN, PASSWORD).await.unwrap();
        let rows = iron_store::sql("SELECT id FROM sessions ORDER BY created_at")
            .fetch_all(&world.db).await.unwrap();
        assert_eq!(rows.len(), 2);
        assert_eq!(rows[0].get::<iron_primitives::SessionId>("id").unwrap(), kept.session_id);
    }

    async fn logging_out_ends_one_session_or_all(db: Db) {
        let world = World::new(db).await;
        let first = world.sign_in(ADMIN, PASSWORD).await.unwrap();
        let second = world.sign_in(ADMIN, PASSWORD).await.unwrap();
        let third = world.sign_in(ADMIN, PASSWORD).await.unwrap();
        let caller = world.caller(&first.access_token).await.unwrap();
        let own = world.identity.authorise(&caller, Permission::SessionManage, world.request()).unwrap();
        assert_eq!(world.identity.sessions(&own).await.unwrap().len(), 3);
        let mut tx = world.tx().await;
        assert_eq!(world.identity.logout(&mut tx, &own, false).await.unwrap(), 1);
        tx.commit().await.unwrap();
        assert!(matches!(world.caller(&first.access_token).await, Err(Error::TokenRevoked)));
        assert!(world.caller(&second.access_token).await.is_ok());
        let mut tx = world.tx().await;
        assert_eq!(world.identity.logout(&mut tx, &own, true).await.unwrap(), 2);
        tx.commit().await.unwrap();
        assert!(matches!(world.caller(&third.access_token).await, Err(Error::TokenRevoked)));
    }

    async fn a_new_password_ends_the_other_sessions(db: Db) {
        let world = World::new(db).await;
        let here = world.sign_in(ADMIN, PASSWORD).await.unwrap();
        let there = world.sign_in(ADMIN, PASSWORD).await.unwrap();
        let caller = world.caller(&here.access_token).await.unwrap();
        let own = world.identity.authorise(&caller, Permission::PasswordChange, world.request()).unwrap();
        let hash = world.identity.hash_password(None, "new_password", secret("another password")).await.unwrap();
        let mut tx = world.tx().await;
        let (_, ended) = world.identity.change_password(&mut tx, &own, &hash).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(ended, 1);
        assert!(world.caller(&here.access_token).await.is_ok());
        assert!(matches!(world.caller(&there.access_token).await, Err(Error::TokenRevoked)));
    }

    async fn guessing_the_present_password_locks_like_a_login(db: Db) {
        let world = World::new(db).await;
        let own = world.admin(Permission::PasswordChange).await;
        for _ in 0..10 {
            let wrong = world.identity.check_own_password(&own, secret("guess")).await;
            assert!(matches!(wrong, Err(Error::InvalidCredentials)));
        }
        let locked = world.identity.check_own_password(&own, secret(PASSWORD)).await;
        assert!(matches!(locked, Err(Error::AccountLocked { .. })));
    }

    async fn an_admin_may_end_anybodys_session_and_others_only_their_own(db: Db) {
        let world = World::new(db).await;
        world.user("dev@example.com", Role::Developer).await;
        let dev = world.sign_in("dev@example.com", PASSWORD).await.unwrap();
        let admin = world.admin(Permission::SessionManage).await;
        let own = world.may("dev@example.com", Permission::SessionManage).await;
        let admins = world.identity.sessions(&admin).await.unwrap()[0].id;
        let mut tx = world.tx().await;
        let refused = world.identity.end_session(&mut tx, &own, admins).await;
        assert!(matches!(refused, Err(Error::InsufficientPermissions { .. })));
        let at = world.identity.end_session(&mut tx, &admin, dev.session_id).await.unwrap();
        let again = world.identity.end_session(&mut tx, &admin, dev.session_id).await.unwrap();
        assert_eq!(at, again);
        tx.commit().await.unwrap();
        assert!(matches!(world.caller(&dev.access_token).await, Err(Error::TokenRevoked)));
    }

    async fn anybody_may_ask_what_a_token_is_worth(db: Db) {
        let world = World::new(db).await;
        let signed_in = world.sign_in(ADMIN, PASSWORD).await.unwrap();
        let request = world.request();
        let good = world.identity.inspect(signed_in.access_token.expose(), &request).await.unwrap();
        assert_eq!((good.kind, good.reason), (None, None));
        assert_eq!(good.user.unwrap().id, world.made.admin.id);
        for (text, kind) in [
            ("nonsense", None),
            ("at_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", Some(TokenKind::Api)),
            ("ic_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", Some(TokenKind::Ic)),
        ] {
            let answer = world.identity.inspect(text, &request).await.unwrap();
            assert_eq!((answer.kind, answer.reason), (kind, Some(InvalidReason::InvalidToken)), "{text}");
        }
        world.pass(2 * HOUR);
        let late = world.identity.inspect(signed_in.access_token.expose(), &request).await.unwrap();
        assert_eq!(late.reason, Some(InvalidReason::TokenExpired));
    }
}
