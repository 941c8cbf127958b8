//! Invitations: made, accepted once, replaced, taken back.

use std::sync::Arc;

use iron_audit::Role;
use iron_identity::{
    Acceptance, Error, Invitation, NewTenant, NewUser, Permission, Plan, SignedIn, UserChanges,
    UserStatus,
};
use iron_primitives::{ErrorKind, Secret};
use iron_store::{Db, both_engines, sql};

use crate::{PASSWORD, World, secret};

const ADA: &str = "ada@example.com";

async fn invited(world: &World) -> Invitation {
    let admin = world.admin(Permission::UserManage).await;
    let new = NewUser {
        email: ADA.to_owned(),
        name: "Ada".to_owned(),
        role: Role::Developer,
        password: None,
    };
    let mut tx = world.tx().await;
    let user = world
        .identity
        .create_user(&mut tx, &admin, new)
        .await
        .unwrap();
    let made = world
        .identity
        .invite(&mut tx, &admin, user.id)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    made
}

async fn accept(world: &World, token: &Secret, password: &str) -> Result<SignedIn, Error> {
    let wish = Acceptance {
        token: token.clone(),
        password: secret(password),
        cookie: false,
        request: world.request(),
    };
    world.identity.accept_invitation(wish).await
}

both_engines! {
    async fn an_invitation_sets_the_password_and_signs_in_once(db: Db) {
        let world = World::new(db).await;
        let made = invited(&world).await;
        assert!(matches!(world.sign_in(ADA, PASSWORD).await, Err(Error::InvalidCredentials)));
        // A password that does not do costs nothing but another try.
        let refused = accept(&world, &made.token, "short").await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Validation);
        let here = accept(&world, &made.token, PASSWORD).await.unwrap();
        assert_eq!(here.user.status, UserStatus::Active);
        assert!(!here.user.must_change_password);
        world.caller(&here.access_token).await.unwrap();
        world.sign_in(ADA, PASSWORD).await.unwrap();
        let again = accept(&world, &made.token, PASSWORD).await.unwrap_err();
        assert!(matches!(again, Error::InvalidInvitation), "{again}");
        assert_eq!(world.entries_of("user.accept_invitation").await, 1);
        assert_eq!(world.entries_of("auth.invitation_refused").await, 1);
    }

    async fn of_two_who_accept_at_once_one_is_let_in(db: Db) {
        let world = Arc::new(World::new(db).await);
        let made = invited(&world).await;
        let tries = ["first password", "other password"].map(|password| {
            let (world, token) = (world.clone(), made.token.clone());
            tokio::spawn(async move { accept(&world, &token, password).await.is_ok() })
        });
        let mut good = 0;
        for one in tries {
            good += usize::from(one.await.unwrap());
        }
        assert_eq!(good, 1);
    }

    async fn whatever_is_wrong_with_an_invitation_is_told_alike(db: Db) {
        let world = World::new(db).await;
        let admin = world.admin(Permission::UserManage).await;
        let replaced = invited(&world).await;
        let id = replaced.user.id;
        let mut tx = world.tx().await;
        let taken_back = world.identity.invite(&mut tx, &admin, id).await.unwrap();
        tx.commit().await.unwrap();
        let mut said = Vec::new();
        let mut refuse = async |token: &Secret| {
            said.push(accept(&world, token, PASSWORD).await.unwrap_err().to_string());
        };
        refuse(&replaced.token).await;
        refuse(&secret("iv_unknown")).await;
        let mut tx = world.tx().await;
        world.identity.cancel_invitation(&mut tx, &admin, id).await.unwrap();
        world.identity.cancel_invitation(&mut tx, &admin, id).await.unwrap();
        tx.commit().await.unwrap();
        refuse(&taken_back.token).await;
        let mut tx = world.tx().await;
        let late = world.identity.invite(&mut tx, &admin, id).await.unwrap();
        tx.commit().await.unwrap();
        world.pass(3 * 24 * 60 * 60);
        refuse(&late.token).await;
        said.dedup();
        assert_eq!(said.len(), 1, "{said:?}");
        assert_eq!(world.entries_of("user.cancel_invitation").await, 1);
    }

    async fn an_invitation_follows_neither_another_address_nor_a_suspension(db: Db) {
        let world = World::new(db).await;
        let admin = world.admin(Permission::UserManage).await;
        let made = invited(&world).await;
        let id = made.user.id;
        let mut tx = world.tx().await;
        let moved = UserChanges { email: Some("eve@example.com".to_owned()), name: None };
        world.identity.update_user(&mut tx, &admin, id, moved).await.unwrap();
        tx.commit().await.unwrap();
        assert!(accept(&world, &made.token, PASSWORD).await.is_err());
        let mut tx = world.tx().await;
        let made = world.identity.invite(&mut tx, &admin, id).await.unwrap();
        world.identity.suspend_user(&mut tx, &admin, id, "not now").await.unwrap();
        let refused = world.identity.invite(&mut tx, &admin, id).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::InvalidState);
        world.identity.activate_user(&mut tx, &admin, id).await.unwrap();
        tx.commit().await.unwrap();
        assert!(accept(&world, &made.token, PASSWORD).await.is_err());
    }

    async fn the_first_admin_of_a_tenant_is_invited_until_somebody_is_there(db: Db) {
        let world = World::new(db).await;
        let platform = world.admin(Permission::TenantManage).await;
        let new = NewTenant {
            name: "Second".to_owned(),
            slug: "second".to_owned(),
            plan: Plan::Pro,
            quotas: iron_identity::Quotas::default(),
            admin_email: "boss@second.example".to_owned(),
            admin_password: None,
        };
        let mut tx = world.tx().await;
        let made = world.identity.create_tenant(&mut tx, &platform, new).await.unwrap();
        let tenant = made.tenant.id;
        let invite = world.identity.invite_first_admin(&mut tx, &platform, tenant);
        let lost = invite.await.unwrap();
        let invite = world.identity.invite_first_admin(&mut tx, &platform, tenant);
        let found = invite.await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(found.user.id, made.admin.id);
        assert!(accept(&world, &lost.token, PASSWORD).await.is_err());
        let boss = accept(&world, &found.token, PASSWORD).await.unwrap();
        assert_eq!(boss.user.tenant_id, tenant);
        let mut tx = world.tx().await;
        let refused = world.identity.invite_first_admin(&mut tx, &platform, tenant).await;
        assert!(matches!(refused, Err(Error::TenantHasAdmin)));
    }

    async fn a_token_stands_nowhere(db: Db) {
        let world = World::new(db).await;
        let made = invited(&world).await;
        let rows = sql("SELECT entry FROM audit_outbox").fetch_all(&world.db).await.unwrap();
        for row in rows {
            assert!(!row.get::<String>("entry").unwrap().contains(made.token.expose()));
        }
        let stored = sql("SELECT digest FROM invitations").fetch_one(&world.db).await.unwrap();
        let digest: Vec<u8> = stored.get("digest").unwrap();
        assert_eq!(digest.len(), 32);
    }
}
