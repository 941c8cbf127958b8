//! People: what an admin may do to them and what not.

use iron_audit::Role;
use iron_identity::{Error, NewUser, Permission, UserChanges, UserFilter, UserStatus};
use iron_store::{Db, Page, Sort, both_engines};

use crate::{ADMIN, PASSWORD, World, secret};

fn by_email() -> Sort {
    Sort::parse("email", UserFilter::SORTS).unwrap()
}

both_engines! {
    async fn an_invited_user_signs_in_once_a_password_is_set(db: Db) {
        let world = World::new(db).await;
        let admin = world.admin(Permission::UserManage).await;
        let new = NewUser {
            email: "New@Example.com".to_owned(),
            name: "New".to_owned(),
            role: Role::Viewer,
            password: None,
        };
        let mut tx = world.tx().await;
        let user = world.identity.create_user(&mut tx, &admin, new).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!((user.status, user.email.as_str()), (UserStatus::Invited, "new@example.com"));
        assert!(world.sign_in("new@example.com", "").await.is_err());
        let hash = world.identity.hash_password(None, "new_password", secret(PASSWORD)).await.unwrap();
        let mut tx = world.tx().await;
        let user = world.identity.reset_password(&mut tx, &admin, user.id, &hash, true).await.unwrap();
        tx.commit().await.unwrap();
        assert!(user.status == UserStatus::Active && user.must_change_password);
        assert!(world.sign_in("new@example.com", PASSWORD).await.is_ok());
    }

    async fn two_users_of_a_tenant_cannot_share_an_address_in_any_spelling(db: Db) {
        let world = World::new(db).await;
        let dev = world.user("dev@example.com", Role::Developer).await;
        let admin = world.admin(Permission::UserManage).await;
        let twin = NewUser {
            email: "DEV@example.com".to_owned(),
            name: "Twin".to_owned(),
            role: Role::Viewer,
            password: None,
        };
        let mut tx = world.tx().await;
        let refused = world.identity.create_user(&mut tx, &admin, twin.clone()).await;
        assert!(matches!(refused, Err(Error::DuplicateEmail)), "{refused:?}");
        drop(tx);
        let mut tx = world.tx().await;
        let changes = UserChanges { email: Some(ADMIN.to_owned()), name: None };
        let refused = world.identity.update_user(&mut tx, &admin, dev.id, changes).await;
        assert!(matches!(refused, Err(Error::DuplicateEmail)));
        drop(tx);
        // The address of a deleted user is free again.
        let mut tx = world.tx().await;
        world.identity.delete_user(&mut tx, &admin, dev.id, None).await.unwrap();
        world.identity.create_user(&mut tx, &admin, twin).await.unwrap();
        tx.commit().await.unwrap();
    }

    async fn suspension_acts_at_once_on_sessions_and_tokens(db: Db) {
        let world = World::new(db).await;
        let dev = world.user("dev@example.com", Role::Developer).await;
        let token = crate::api_tokens::token_of(&world, "dev@example.com").await;
        let session = world.sign_in("dev@example.com", PASSWORD).await.unwrap();
        let admin = world.admin(Permission::UserManage).await;
        let mut tx = world.tx().await;
        let user = world.identity.suspend_user(&mut tx, &admin, dev.id, "left").await.unwrap();
        tx.commit().await.unwrap();
        assert!(user.suspended_at.is_some());
        assert!(matches!(world.caller(&session.access_token).await, Err(Error::AccountDisabled)));
        assert!(matches!(world.caller(&token).await, Err(Error::AccountDisabled)));
        let login = world.sign_in("dev@example.com", PASSWORD).await;
        assert!(matches!(login, Err(Error::AccountDisabled)), "{login:?}");
        let guess = world.sign_in("dev@example.com", "wrong password").await;
        assert!(matches!(guess, Err(Error::InvalidCredentials)), "who does not know it learns nothing");

        let mut tx = world.tx().await;
        world.identity.activate_user(&mut tx, &admin, dev.id).await.unwrap();
        tx.commit().await.unwrap();
        assert!(world.caller(&token).await.is_ok());
        assert!(matches!(world.caller(&session.access_token).await, Err(Error::TokenRevoked)));
    }

    async fn a_role_change_acts_on_the_next_request(db: Db) {
        let world = World::new(db).await;
        let dev = world.user("dev@example.com", Role::Developer).await;
        let session = world.sign_in("dev@example.com", PASSWORD).await.unwrap();
        let admin = world.admin(Permission::UserManage).await;
        let mut tx = world.tx().await;
        world.identity.set_role(&mut tx, &admin, dev.id, Role::Auditor).await.unwrap();
        tx.commit().await.unwrap();
        let caller = world.caller(&session.access_token).await.unwrap();
        let refused = world.identity.authorise(&caller, Permission::AgentCreate, world.request());
        assert!(matches!(refused, Err(Error::InsufficientPermissions { .. })));
    }

    async fn nobody_changes_his_own_role_or_removes_himself(db: Db) {
        let world = World::new(db).await;
        let admin = world.admin(Permission::UserManage).await;
        let me = world.made.admin.id;
        let mut tx = world.tx().await;
        let identity = &world.identity;
        let outcomes = [
            identity.set_role(&mut tx, &admin, me, Role::Viewer).await.unwrap_err(),
            identity.suspend_user(&mut tx, &admin, me, "x").await.unwrap_err(),
            identity.delete_user(&mut tx, &admin, me, None).await.unwrap_err(),
        ];
        assert!(outcomes.iter().all(|error| matches!(error, Error::SelfModification)));
    }

    async fn an_admin_of_the_tenant_cannot_touch_a_platform_admin(db: Db) {
        let world = World::new(db).await;
        world.user("chief@example.com", Role::Admin).await;
        let chief = world.may("chief@example.com", Permission::UserManage).await;
        let root = world.made.admin.id;
        let hash = world.identity.hash_password(None, "new_password", secret("taken over")).await.unwrap();
        let mut tx = world.tx().await;
        let identity = &world.identity;
        let changes = UserChanges { email: Some("mine@example.com".to_owned()), name: None };
        let outcomes = [
            identity.reset_password(&mut tx, &chief, root, &hash, false).await.unwrap_err(),
            identity.set_role(&mut tx, &chief, root, Role::Viewer).await.unwrap_err(),
            identity.suspend_user(&mut tx, &chief, root, "x").await.unwrap_err(),
            identity.update_user(&mut tx, &chief, root, changes).await.unwrap_err(),
            identity.delete_user(&mut tx, &chief, root, None).await.unwrap_err(),
        ];
        assert!(outcomes.iter().all(|e| matches!(e, Error::InsufficientPermissions { .. })), "{outcomes:?}");
    }

    async fn two_admins_who_remove_each_other_leave_one(db: Db) {
        let world = World::new(db).await;
        let (one, two) = crate::tenants::two_admins(&world).await;
        let tries: Vec<_> = [(one.clone(), two.user), (two, one.user)].into_iter().map(|(by, whom)| {
            let (identity, db) = (world.identity.clone(), world.db.clone());
            tokio::spawn(async move {
                let mut tx = db.begin().await.unwrap();
                let outcome = identity.set_role(&mut tx, &by, whom, Role::Viewer).await;
                if outcome.is_ok() {
                    tx.commit().await.unwrap();
                }
                outcome.map(drop)
            })
        }).collect();
        let mut refused = 0;
        for attempt in tries {
            match attempt.await.unwrap() {
                Ok(()) => {}
                Err(Error::LastAdmin) => refused += 1,
                Err(other) => panic!("{other}"),
            }
        }
        assert_eq!(refused, 1);
    }

    async fn the_own_profile_holds_the_name_and_nothing_else(db: Db) {
        let world = World::new(db).await;
        let dev = world.user("dev@example.com", Role::Developer).await;
        let own = world.may("dev@example.com", Permission::ProfileWrite).await;
        let mut tx = world.tx().await;
        let name = UserChanges { name: Some("Newer".to_owned()), email: None };
        assert_eq!(world.identity.update_user(&mut tx, &own, dev.id, name.clone()).await.unwrap().name, "Newer");
        let email = UserChanges { name: None, email: Some("b@example.com".to_owned()) };
        let refused = world.identity.update_user(&mut tx, &own, dev.id, email).await;
        assert!(matches!(refused, Err(Error::InsufficientPermissions { .. })));
        let admin = world.made.admin.id;
        let refused = world.identity.update_user(&mut tx, &own, admin, name).await;
        assert!(matches!(refused, Err(Error::InsufficientPermissions { .. })));
    }

    async fn a_deleted_user_leaves_his_agents_tokens_to_an_heir(db: Db) {
        let world = World::new(db).await;
        let dev = world.user("dev@example.com", Role::Developer).await;
        let (token, _) = crate::ic_tokens::token_owned_by(&world, dev.id).await;
        crate::api_tokens::token_of(&world, "dev@example.com").await;
        let admin = world.admin(Permission::UserManage).await;
        let mut tx = world.tx().await;
        let nobody = world.time.environment.new_id();
        for heir in [nobody, dev.id] {
            let refused = world.identity.delete_user(&mut tx, &admin, dev.id, Some(heir)).await;
            assert!(matches!(refused, Err(Error::Invalid { field: "reassign_to", .. })));
        }
        let gone = world.identity.delete_user(&mut tx, &admin, dev.id, None).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!((gone.api_tokens_revoked, gone.reassigned_to), (1, admin.user));
        let kept = world.identity.ic_token(&world.db, &admin, token.id).await.unwrap();
        assert_eq!(kept.owner_id, admin.user);
        assert!(world.sign_in("dev@example.com", PASSWORD).await.is_err());
        let shown = world.identity.user(&world.db, &admin, dev.id).await.unwrap();
        assert_eq!(shown.status, UserStatus::Deleted);
        let mut tx = world.tx().await;
        let again = world.identity.delete_user(&mut tx, &admin, dev.id, None).await;
        assert!(matches!(again, Err(Error::NotFound { .. })));
    }

    async fn lists_filter_sort_and_page(db: Db) {
        let world = World::new(db).await;
        world.user("a@example.com", Role::Developer).await;
        world.user("b@example.com", Role::Viewer).await;
        world.user("c@example.com", Role::Developer).await;
        let admin = world.admin(Permission::UserManage).await;
        let emails = async |filter: UserFilter, page| {
            let page = world.identity.users(&admin, &filter, by_email(), page).await.unwrap();
            (page.items.into_iter().map(|user| user.email).collect::<Vec<_>>(), page.total)
        };
        let developers = UserFilter { roles: vec![Role::Developer], ..UserFilter::default() };
        assert_eq!(emails(developers, Page::default()).await, (vec!["a@example.com".into(), "c@example.com".into()], 2));
        let search = UserFilter { search: Some("B@EXAM".to_owned()), ..UserFilter::default() };
        assert_eq!(emails(search, Page::default()).await, (vec!["b@example.com".into()], 1));
        let second = Page { page: 2, per_page: 3 };
        assert_eq!(emails(UserFilter::default(), second).await, (vec!["c@example.com".into()], 4));
    }
}
