//! A user's tokens for programs.

use iron_audit::Role;
use iron_identity::{ApiTokenFilter, ApiTokenStatus, Error, NewApiToken, Permission};
use iron_primitives::Secret;
use iron_store::{Db, Page, Sort, both_engines};

use crate::{ADMIN, World};

fn named(name: &str) -> NewApiToken {
    NewApiToken {
        name: name.to_owned(),
        description: None,
        expires_at: None,
    }
}

pub(crate) async fn token_of(world: &World, email: &str) -> Secret {
    let own = world.may(email, Permission::ApiTokenCreate).await;
    let mut tx = world.tx().await;
    let (_, value) = world
        .identity
        .create_api_token(&mut tx, &own, named("ci"))
        .await
        .unwrap();
    tx.commit().await.unwrap();
    value
}

both_engines! {
    async fn a_token_carries_its_owners_present_role(db: Db) {
        let world = World::new(db).await;
        let dev = world.user("dev@example.com", Role::Developer).await;
        let token = token_of(&world, "dev@example.com").await;
        let caller = world.caller(&token).await.unwrap();
        assert_eq!((caller.user.id, caller.user.role), (dev.id, Role::Developer));
        let admin = world.admin(Permission::UserManage).await;
        let mut tx = world.tx().await;
        world.identity.set_role(&mut tx, &admin, dev.id, Role::Viewer).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(world.caller(&token).await.unwrap().user.role, Role::Viewer);
    }

    async fn a_token_cannot_mint_another_or_change_the_password(db: Db) {
        let world = World::new(db).await;
        let token = token_of(&world, ADMIN).await;
        let caller = world.caller(&token).await.unwrap();
        for permission in [Permission::ApiTokenCreate, Permission::PasswordChange] {
            let refused = world.identity.authorise(&caller, permission, world.request());
            assert!(matches!(refused, Err(Error::InsufficientPermissions { .. })), "{permission:?}");
        }
        assert!(world.identity.authorise(&caller, Permission::ApiTokenRead, world.request()).is_ok());
    }

    async fn a_revoked_token_says_so_and_revoking_twice_gives_the_same_answer(db: Db) {
        let world = World::new(db).await;
        let own = world.admin(Permission::ApiTokenCreate).await;
        let mut tx = world.tx().await;
        let (token, value) = world.identity.create_api_token(&mut tx, &own, named("ci")).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(token.token_prefix, &value.expose()[..8]);
        let mut tx = world.tx().await;
        let first = world.identity.revoke_api_token(&mut tx, &own, token.id).await.unwrap();
        tx.commit().await.unwrap();
        world.pass(60);
        let mut tx = world.tx().await;
        let second = world.identity.revoke_api_token(&mut tx, &own, token.id).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(first, second);
        assert_eq!(first.status, ApiTokenStatus::Revoked);
        assert!(matches!(world.caller(&value).await, Err(Error::TokenRevoked)));
        assert_eq!(world.entries_of("api_token.revoke").await, 1);
    }

    async fn a_token_ends_at_its_moment_which_must_lie_ahead(db: Db) {
        let world = World::new(db).await;
        let own = world.admin(Permission::ApiTokenCreate).await;
        let now = world.time.environment.now();
        let mut tx = world.tx().await;
        let past = NewApiToken { expires_at: Some(now), ..named("past") };
        let refused = world.identity.create_api_token(&mut tx, &own, past).await;
        assert!(matches!(refused, Err(Error::Invalid { field: "expires_at", .. })));
        let soon = NewApiToken { expires_at: Some(now.plus(std::time::Duration::from_secs(5))), ..named("soon") };
        let (_, value) = world.identity.create_api_token(&mut tx, &own, soon).await.unwrap();
        tx.commit().await.unwrap();
        assert!(world.caller(&value).await.is_ok());
        world.pass(5);
        assert!(matches!(world.caller(&value).await, Err(Error::TokenExpired)));
    }

    async fn uses_are_counted_by_day(db: Db) {
        let world = World::new(db).await;
        let value = token_of(&world, ADMIN).await;
        for _ in 0..3 {
            world.caller(&value).await.unwrap();
        }
        let own = world.admin(Permission::ApiTokenRead).await;
        let sort = || Sort::parse("name", ApiTokenFilter::SORTS).unwrap();
        let listed = world.identity.api_tokens(&own, ApiTokenFilter::default(), sort(), Page::default()).await.unwrap();
        assert_eq!((listed.items[0].total_requests, listed.items[0].requests_today), (3, 3));
        world.pass(24 * 60 * 60);
        let listed = world.identity.api_tokens(&own, ApiTokenFilter::default(), sort(), Page::default()).await.unwrap();
        assert_eq!((listed.items[0].total_requests, listed.items[0].requests_today), (3, 0));
        world.caller(&value).await.unwrap();
        let one = world.identity.api_token(&world.db, &own, listed.items[0].id).await.unwrap();
        assert_eq!((one.total_requests, one.requests_today), (4, 1));
    }

    async fn everybody_sees_his_own_tokens_and_an_admin_all(db: Db) {
        let world = World::new(db).await;
        world.user("dev@example.com", Role::Developer).await;
        token_of(&world, "dev@example.com").await;
        token_of(&world, ADMIN).await;
        let sort = || Sort::parse("-created_at", ApiTokenFilter::SORTS).unwrap();
        let dev = world.may("dev@example.com", Permission::ApiTokenRead).await;
        let foreign = ApiTokenFilter { user: Some(world.made.admin.id), ..ApiTokenFilter::default() };
        let seen = world.identity.api_tokens(&dev, foreign, sort(), Page::default()).await.unwrap();
        assert!(seen.items.iter().all(|token| token.user_id == dev.user));
        let admin = world.admin(Permission::ApiTokenRead).await;
        let all = world.identity.api_tokens(&admin, ApiTokenFilter::default(), sort(), Page::default()).await.unwrap();
        assert_eq!(all.total, 2);
        let admins = all.items.iter().find(|token| token.user_id == admin.user).unwrap();
        let refused = world.identity.api_token(&world.db, &dev, admins.id).await;
        assert!(matches!(refused, Err(Error::InsufficientPermissions { .. })));
    }
}
