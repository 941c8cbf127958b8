//! Two tenants never see each other.

use iron_audit::Role;
use iron_identity::{
    ApiTokenFilter, Error, IcTokenFilter, Permission, ProjectChanges, UserChanges, UserFilter,
};
use iron_store::{Db, Page, Sort, both_engines};

use crate::{World, secret};

fn absent<T: std::fmt::Debug>(outcome: Result<T, Error>) {
    assert!(
        matches!(outcome, Err(Error::NotFound { .. })),
        "{outcome:?}"
    );
}

both_engines! {
    async fn what_belongs_to_another_tenant_is_not_found(db: Db) {
        let world = World::new(db).await;
        crate::tenants::second_tenant(&world, "boss@second.example").await;
        let dev = world.user("dev@example.com", Role::Developer).await;
        let (ic_token, _) = crate::ic_tokens::token_owned_by(&world, dev.id).await;
        crate::api_tokens::token_of(&world, "dev@example.com").await;
        let dev_evidence = world.may("dev@example.com", Permission::ApiTokenRead).await;
        let newest = || Sort::parse("-created_at", ApiTokenFilter::SORTS).unwrap();
        let api_token = world.identity
            .api_tokens(&dev_evidence, ApiTokenFilter::default(), newest(), Page::default())
            .await.unwrap().items[0].id;
        let session = world.identity.sessions(&dev_evidence).await.unwrap()[0].id;

        // The strongest that the other tenant has: its admin, with every permission.
        let boss = world.may("boss@second.example", Permission::UserManage).await;
        let identity = &world.identity;
        let hash = identity.hash_password(None, "new_password", secret("taken over!")).await.unwrap();
        let owner = world.may("dev@example.com", Permission::TeamRead).await;
        let mut own = world.tx().await;
        let new = iron_identity::NewTeam { name: "own".to_owned(), ..Default::default() };
        let team = identity.create_team(&mut own, &owner, new).await.unwrap().id;
        own.commit().await.unwrap();
        absent(identity.user(&world.db, &boss, dev.id).await);
        absent(identity.project(&world.db, &boss, world.made.project.id).await);
        absent(identity.ic_token(&world.db, &boss, ic_token.id).await);
        absent(identity.api_token(&world.db, &boss, api_token).await);
        absent(identity.session(&boss, session).await);
        absent(identity.tenant(&world.db, &boss, world.made.tenant.id).await);
        let mut tx = world.tx().await;
        absent(identity.update_user(&mut tx, &boss, dev.id, UserChanges::default()).await);
        absent(identity.set_role(&mut tx, &boss, dev.id, Role::Admin).await);
        absent(identity.suspend_user(&mut tx, &boss, dev.id, "x").await);
        absent(identity.activate_user(&mut tx, &boss, dev.id).await);
        absent(identity.reset_password(&mut tx, &boss, dev.id, &hash, false).await);
        absent(identity.delete_user(&mut tx, &boss, dev.id, None).await);
        absent(identity.end_session(&mut tx, &boss, session).await);
        absent(identity.revoke_api_token(&mut tx, &boss, api_token).await);
        absent(identity.rotate_ic_token(&mut tx, &boss, ic_token.id, 0).await);
        absent(identity.revoke_ic_token(&mut tx, &boss, ic_token.id).await);
        let project = world.made.project.id;
        absent(identity.update_project(&mut tx, &boss, project, ProjectChanges::default()).await);
        absent(identity.delete_project(&mut tx, &boss, project).await);
        let (count, _) = identity.revoke_ic_tokens_of(&mut tx, &boss, ic_token.agent_id).await.unwrap();
        assert_eq!(count, 0);
        absent(identity.team(&world.db, &boss, team).await);
        absent(identity.hold_team(&mut tx, &boss, team).await);
        absent(identity.keep_team(&mut tx, &boss, team).await);
        absent(identity.update_team(&mut tx, &boss, team, iron_identity::TeamChanges::default()).await);
        absent(identity.delete_team(&mut tx, &boss, team).await);
        let member = (team, dev.id);
        absent(identity.put_team_member(&mut tx, &boss, member, iron_identity::TeamRole::Lead).await);
        absent(identity.remove_team_member(&mut tx, &boss, team, dev.id).await);
        tx.commit().await.unwrap();

        let sort = || Sort::parse("created_at", UserFilter::SORTS).unwrap();
        let users = identity.users(&boss, &UserFilter::default(), sort(), Page::default()).await.unwrap();
        assert!(users.items.iter().all(|user| user.tenant_id == boss.tenant) && users.total == 1);
        let filter = IcTokenFilter { agent: Some(ic_token.agent_id), ..IcTokenFilter::default() };
        let created = || Sort::parse("created_at", IcTokenFilter::SORTS).unwrap();
        assert_eq!(identity.ic_tokens(&boss, filter, created(), Page::default()).await.unwrap().total, 0);
        let filter = ApiTokenFilter { user: Some(dev.id), ..ApiTokenFilter::default() };
        assert_eq!(identity.api_tokens(&boss, filter, newest(), Page::default()).await.unwrap().total, 0);
    }

    async fn an_heir_must_be_of_the_same_tenant(db: Db) {
        let world = World::new(db).await;
        let second = crate::tenants::second_tenant(&world, "boss@second.example").await;
        let dev = world.user("dev@example.com", Role::Developer).await;
        let admin = world.admin(Permission::UserManage).await;
        let mut tx = world.tx().await;
        let refused = world.identity.delete_user(&mut tx, &admin, dev.id, Some(second.admin.id)).await;
        assert!(matches!(refused, Err(Error::Invalid { field: "reassign_to", .. })));
    }
}
