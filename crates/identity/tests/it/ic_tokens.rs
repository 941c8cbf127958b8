//! Tokens of agents.

use std::time::Duration;

use iron_audit::Role;
use iron_identity::{
    Error, IcToken, IcTokenFilter, IcTokenStatus, NewIcToken, Permission, TokenIs,
};
use iron_primitives::{IcTokenId, Secret, TokenDigest, UserId};
use iron_store::{Db, Page, Sort, both_engines};

use crate::World;

fn for_agent(world: &World, owner: UserId) -> NewIcToken {
    NewIcToken {
        agent: world.time.environment.new_id(),
        project: world.made.project.id,
        owner,
        description: None,
        expires_at: None,
    }
}

async fn made(world: &World, new: NewIcToken) -> Result<(IcToken, Secret), Error> {
    let admin = world.admin(Permission::TokenIssue).await;
    let mut tx = world.tx().await;
    let made = world.identity.create_ic_token(&mut tx, &admin, new).await?;
    tx.commit().await.unwrap();
    Ok(made)
}

pub(crate) async fn token_owned_by(world: &World, owner: UserId) -> (IcToken, Secret) {
    made(world, for_agent(world, owner)).await.unwrap()
}

async fn is(world: &World, value: &Secret) -> Option<TokenIs> {
    let found = world
        .identity
        .find_ic_token(TokenDigest::of(value.expose()))
        .await
        .unwrap();
    found.map(|bearer| bearer.is)
}

both_engines! {
    async fn an_agent_has_one_live_token(db: Db) {
        let world = World::new(db).await;
        let new = for_agent(&world, world.made.admin.id);
        let (token, value) = made(&world, new.clone()).await.unwrap();
        assert_eq!(is(&world, &value).await, Some(TokenIs::Live));
        let second = made(&world, new.clone()).await;
        assert!(matches!(second, Err(Error::TokenAlreadyExists { token: known }) if known == token.id));
        let admin = world.admin(Permission::TokenDelete).await;
        let mut tx = world.tx().await;
        let (gone, stale) = world.identity.revoke_ic_token(&mut tx, &admin, token.id).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(gone.status, IcTokenStatus::Revoked);
        assert_eq!(stale, [TokenDigest::of(value.expose())]);
        assert_eq!(is(&world, &value).await, Some(TokenIs::Revoked));
        assert!(made(&world, new).await.is_ok());
    }

    async fn an_expired_token_makes_room_for_a_new_one(db: Db) {
        let world = World::new(db).await;
        let end = world.time.environment.now().plus(Duration::from_secs(60));
        let new = NewIcToken { expires_at: Some(end), ..for_agent(&world, world.made.admin.id) };
        let (_, value) = made(&world, new.clone()).await.unwrap();
        world.pass(60);
        assert_eq!(is(&world, &value).await, Some(TokenIs::Expired));
        assert!(made(&world, NewIcToken { expires_at: None, ..new }).await.is_ok());
    }

    async fn a_token_that_has_ended_is_renewed_once_its_replacement_has_ended_too(db: Db) {
        let world = World::new(db).await;
        let new = for_agent(&world, world.made.admin.id);
        let new = || {
            let end = world.time.environment.now().plus(Duration::from_secs(60));
            NewIcToken { expires_at: Some(end), ..new.clone() }
        };
        let (first, _) = made(&world, new()).await.unwrap();
        world.pass(60);
        let (second, _) = made(&world, new()).await.unwrap();
        let admin = world.admin(Permission::TokenRotate).await;
        let renew = async || {
            let mut tx = world.tx().await;
            let end = world.time.environment.now().plus(Duration::from_secs(600));
            let times = (Duration::from_secs(60), end);
            let renewed = world.identity.renew_ic_token(&mut tx, &admin, first.id, times).await?;
            tx.commit().await.unwrap();
            Ok(renewed.value)
        };
        let other = renew().await;
        assert!(matches!(other, Err(Error::TokenAlreadyExists { token }) if token == second.id));
        world.pass(60);
        let value = renew().await.unwrap();
        assert_eq!(is(&world, &value).await, Some(TokenIs::Live));
        let live = world.identity.live_ic_token(&world.db, &admin, first.agent_id).await.unwrap();
        assert_eq!(live.map(|live| live.id), Some(first.id));
    }

    async fn after_a_rotation_both_values_work_until_the_grace_is_over(db: Db) {
        let world = World::new(db).await;
        let (token, old) = token_owned_by(&world, world.made.admin.id).await;
        let admin = world.admin(Permission::TokenRotate).await;
        let mut tx = world.tx().await;
        let rotated = world.identity.rotate_ic_token(&mut tx, &admin, token.id, 1).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!((rotated.token.id, rotated.token.status), (token.id, IcTokenStatus::Rotating));
        assert_eq!(is(&world, &old).await, Some(TokenIs::Live));
        assert_eq!(is(&world, &rotated.value).await, Some(TokenIs::Live));
        let old_bearer = world.identity.find_ic_token(TokenDigest::of(old.expose())).await.unwrap().unwrap();
        assert_eq!(old_bearer.expires_at, rotated.token.previous_valid_until);
        let seen = world.identity.ic_token(&world.db, &admin, token.id).await.unwrap();
        assert!(seen.previous_last_used_at.is_some());
        world.pass(60 * 60);
        assert_eq!(is(&world, &old).await, Some(TokenIs::Revoked));
        assert_eq!(is(&world, &rotated.value).await, Some(TokenIs::Live));
        let seen = world.identity.ic_token(&world.db, &admin, token.id).await.unwrap();
        assert_eq!(seen.status, IcTokenStatus::Active);
    }

    async fn a_leaked_value_is_rotated_without_grace(db: Db) {
        let world = World::new(db).await;
        let (token, old) = token_owned_by(&world, world.made.admin.id).await;
        let admin = world.admin(Permission::TokenRotate).await;
        let mut tx = world.tx().await;
        let rotated = world.identity.rotate_ic_token(&mut tx, &admin, token.id, 0).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(is(&world, &old).await, None);
        assert_eq!(rotated.stale, [TokenDigest::of(old.expose())]);
        assert_eq!(rotated.token.status, IcTokenStatus::Active);
    }

    async fn a_second_rotation_ends_the_grace_of_the_first(db: Db) {
        let world = World::new(db).await;
        let (token, first) = token_owned_by(&world, world.made.admin.id).await;
        let admin = world.admin(Permission::TokenRotate).await;
        let mut tx = world.tx().await;
        let second = world.identity.rotate_ic_token(&mut tx, &admin, token.id, 24).await.unwrap();
        let third = world.identity.rotate_ic_token(&mut tx, &admin, token.id, 24).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(is(&world, &first).await, None);
        assert!(third.stale.contains(&TokenDigest::of(first.expose())), "runtimes forget the first too");
        assert_eq!(is(&world, &second.value).await, Some(TokenIs::Live));
    }

    async fn a_grace_is_at_most_a_day_and_a_dead_token_does_not_rotate(db: Db) {
        let world = World::new(db).await;
        let (token, _) = token_owned_by(&world, world.made.admin.id).await;
        let admin = world.admin(Permission::TokenRotate).await;
        let mut tx = world.tx().await;
        let long = world.identity.rotate_ic_token(&mut tx, &admin, token.id, 25).await;
        assert!(matches!(long, Err(Error::Invalid { field: "grace_hours", .. })));
        world.identity.revoke_ic_token(&mut tx, &admin, token.id).await.unwrap();
        let dead = world.identity.rotate_ic_token(&mut tx, &admin, token.id, 1).await;
        assert!(matches!(dead, Err(Error::InvalidTokenState { status: "revoked" })));
        let again = world.identity.revoke_ic_token(&mut tx, &admin, token.id).await;
        assert!(matches!(again, Err(Error::InvalidTokenState { .. })));
    }

    async fn a_token_stands_and_falls_with_its_owner_and_its_tenant(db: Db) {
        let world = World::new(db).await;
        let second = crate::tenants::second_tenant(&world, "boss@second.example").await;
        let dev = world.user("dev@example.com", Role::Developer).await;
        let (own, _) = token_owned_by(&world, world.made.admin.id).await;
        let (devs, old) = token_owned_by(&world, dev.id).await;
        let boss = world.may("boss@second.example", Permission::TokenIssue).await;
        let mut tx = world.tx().await;
        let new = for_agent(&world, second.admin.id);
        let (theirs, _) = world.identity.create_ic_token(&mut tx, &boss, new).await.unwrap();
        tx.commit().await.unwrap();
        let standing = async |id: IcTokenId| {
            let ids = [own.id, devs.id, theirs.id, world.time.environment.new_id()];
            let all = world.identity.ic_tokens_standing(&ids).await.unwrap();
            assert_eq!(all.len(), 3, "nothing is known of a stranger");
            (all[&id].revoked, all[&id].owner_suspended, all[&id].tenant_suspended)
        };
        for id in [own.id, devs.id, theirs.id] {
            assert_eq!(standing(id).await, (false, false, false));
        }
        let (users, tenants) = (Permission::UserManage, Permission::TenantManage);
        let (admin, platform) = (world.admin(users).await, world.admin(tenants).await);
        let rotates = world.admin(Permission::TokenRotate).await;
        let mut tx = world.tx().await;
        world.identity.suspend_user(&mut tx, &admin, dev.id, "away").await.unwrap();
        world.identity.suspend_tenant(&mut tx, &platform, second.tenant.id, "unpaid").await.unwrap();
        world.identity.rotate_ic_token(&mut tx, &rotates, devs.id, 0).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(is(&world, &old).await, None, "its value is another one");
        assert_eq!(standing(devs.id).await, (false, true, false));
        assert_eq!(standing(theirs.id).await, (false, false, true));
        assert_eq!(standing(own.id).await, (false, false, false));
        let admin = world.admin(Permission::TokenDelete).await;
        let mut tx = world.tx().await;
        world.identity.revoke_ic_token(&mut tx, &admin, own.id).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(standing(own.id).await, (true, false, false));
    }

    async fn a_deleted_agent_takes_its_tokens_along(db: Db) {
        let world = World::new(db).await;
        let (token, value) = token_owned_by(&world, world.made.admin.id).await;
        let admin = world.admin(Permission::AgentDelete).await;
        let mut tx = world.tx().await;
        let (count, stale) = world.identity.revoke_ic_tokens_of(&mut tx, &admin, token.agent_id).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!((count, stale.len()), (1, 1));
        assert_eq!(is(&world, &value).await, Some(TokenIs::Revoked));
    }

    async fn lists_tell_the_states_apart(db: Db) {
        let world = World::new(db).await;
        let owner = world.made.admin.id;
        let (active, _) = token_owned_by(&world, owner).await;
        let (rotating, _) = token_owned_by(&world, owner).await;
        let (revoked, _) = token_owned_by(&world, owner).await;
        let end = world.time.environment.now().plus(Duration::from_secs(30));
        let new = NewIcToken { expires_at: Some(end), ..for_agent(&world, owner) };
        let (expired, _) = made(&world, new).await.unwrap();
        let admin = world.admin(Permission::TokenIssue).await;
        let mut tx = world.tx().await;
        world.identity.rotate_ic_token(&mut tx, &admin, rotating.id, 24).await.unwrap();
        world.identity.revoke_ic_token(&mut tx, &admin, revoked.id).await.unwrap();
        tx.commit().await.unwrap();
        world.pass(31);
        let sort = || Sort::parse("created_at", IcTokenFilter::SORTS).unwrap();
        for (status, id) in [
            (IcTokenStatus::Active, active.id),
            (IcTokenStatus::Rotating, rotating.id),
            (IcTokenStatus::Revoked, revoked.id),
            (IcTokenStatus::Expired, expired.id),
        ] {
            let filter = IcTokenFilter { statuses: vec![status], ..IcTokenFilter::default() };
            let listed = world.identity.ic_tokens(&admin, filter, sort(), Page::default()).await.unwrap();
            let seen: Vec<_> = listed.items.iter().map(|token| (token.id, token.status)).collect();
            assert_eq!(seen, [(id, status)]);
        }
        let all = world.identity.ic_tokens(&admin, IcTokenFilter::default(), sort(), Page::default()).await.unwrap();
        assert_eq!(all.total, 4);
    }
}
