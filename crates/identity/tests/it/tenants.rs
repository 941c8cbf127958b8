//! Tenants and their projects.

use iron_audit::{Authorised, Role};
use iron_identity::{
    BookedCalls, CallBlock, Error, NewProject, NewTenant, Permission, Plan, ProjectChanges,
    TenantChanges, TenantCreated, TenantFilter,
};
use iron_store::{Db, Page, Sort, both_engines};
use serde_json::json;

use crate::{PASSWORD, World, secret};

/// A second tenant whose admin has the usual password and need not change it.
pub(crate) async fn second_tenant(world: &World, admin_email: &str) -> TenantCreated {
    let platform = world.admin(Permission::TenantManage).await;
    let hash = world
        .identity
        .hash_password(None, "password", secret(PASSWORD))
        .await
        .unwrap();
    let new = NewTenant {
        name: "Second".to_owned(),
        slug: "second".to_owned(),
        plan: Plan::Pro,
        quotas: iron_identity::Quotas::default(),
        admin_email: admin_email.to_owned(),
        admin_password: Some(hash),
    };
    let mut tx = world.tx().await;
    let made = world
        .identity
        .create_tenant(&mut tx, &platform, new)
        .await
        .unwrap();
    iron_store::sql("UPDATE users SET must_change_password = 0 WHERE id = $1")
        .bind(made.admin.id)
        .execute(&mut tx)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    made
}

/// The evidence of two admins who are the only ones of their tenant.
pub(crate) async fn two_admins(world: &World) -> (Authorised, Authorised) {
    second_tenant(world, "one@second.example").await;
    let one = world
        .may("one@second.example", Permission::UserManage)
        .await;
    world.user_by(&one, "two@second.example", Role::Admin).await;
    (
        one,
        world
            .may("two@second.example", Permission::UserManage)
            .await,
    )
}

const fn block(day: i64, made: i64, want: u32) -> CallBlock {
    CallBlock { day, made, want }
}

both_engines! {
    async fn servers_that_book_calls_at_once_get_no_more_than_the_plan_allows(db: Db) {
        let world = World::new(db).await;
        let tenant = second_tenant(&world, "root@second.example").await.tenant.id;
        let standing = world.identity.tenant_standing(tenant).await.unwrap();
        assert_eq!(standing.calls_per_day, Some(10_000));
        let servers = (0..12).map(|_| {
            let identity = world.identity.clone();
            tokio::spawn(async move { identity.book_calls(tenant, block(9, 0, 1_000)).await })
        });
        let mut granted = 0;
        for server in servers.collect::<Vec<_>>() {
            granted += server.await.unwrap().unwrap().granted;
        }
        assert_eq!(granted, 10_000);
        // What was made on credit counts all the same; what comes back can be had again.
        let book = async |ask| world.identity.book_calls(tenant, ask).await.unwrap();
        let over = book(block(9, 7, 5)).await;
        assert_eq!((over.granted, over.booked), (0, 10_007));
        assert_eq!(book(block(9, -30, 0)).await.booked, 9_977);
        assert_eq!(book(block(9, 0, 100)).await.granted, 23);
        assert_eq!(book(block(10, 0, 100)).await, BookedCalls { granted: 100, booked: 100 });
        assert_eq!(book(block(60, -5, 0)).await.booked, 0, "never below zero");
        assert_eq!(book(block(9, 0, 1)).await.booked, 1, "old days are forgotten");
        let own = world.made.tenant.id;
        let standing = world.identity.tenant_standing(own).await.unwrap();
        assert_eq!((standing.suspended, standing.calls_per_day), (false, None));
        let many = world.identity.book_calls(own, block(9, 0, 50_000)).await.unwrap();
        assert_eq!(many.granted, 50_000);
    }

    async fn only_a_platform_admin_makes_and_changes_tenants(db: Db) {
        let world = World::new(db).await;
        let made = second_tenant(&world, "boss@second.example").await;
        let refused = world.try_may("boss@second.example", Permission::TenantManage).await;
        assert!(matches!(refused, Err(Error::InsufficientPermissions { .. })));
        // Not even with the evidence of another permission.
        let boss = world.may("boss@second.example", Permission::TenantRead).await;
        let mut tx = world.tx().await;
        let changes = TenantChanges { plan: Some(Plan::Enterprise), ..TenantChanges::default() };
        let refused = world.identity.update_tenant(&mut tx, &boss, made.tenant.id, changes.clone()).await;
        assert!(matches!(refused, Err(Error::InsufficientPermissions { .. })));
        let platform = world.admin(Permission::TenantManage);
        drop(tx);
        let platform = platform.await;
        let mut tx = world.tx().await;
        let changed = world.identity.update_tenant(&mut tx, &platform, made.tenant.id, changes).await.unwrap();
        assert_eq!(changed.plan, Plan::Enterprise);
    }

    async fn a_slug_is_unique_and_well_formed(db: Db) {
        let world = World::new(db).await;
        second_tenant(&world, "boss@second.example").await;
        let platform = world.admin(Permission::TenantManage).await;
        for (slug, kind) in [("second", "taken"), ("Up", "bad"), ("a b", "bad"), ("ab", "bad"), ("ünï", "bad")] {
            let mut tx = world.tx().await;
            let new = NewTenant {
                name: "Third".to_owned(),
                slug: slug.to_owned(),
                plan: Plan::Free,
                quotas: iron_identity::Quotas::default(),
                admin_email: "x@third.example".to_owned(),
                admin_password: None,
            };
            let refused = world.identity.create_tenant(&mut tx, &platform, new).await.unwrap_err();
            match kind {
                "taken" => assert!(matches!(refused, Error::DuplicateName), "{slug}"),
                _ => assert!(matches!(refused, Error::Invalid { field: "slug", .. }), "{slug}"),
            }
        }
    }

    async fn a_suspended_tenant_works_no_more_until_it_is_activated(db: Db) {
        let world = World::new(db).await;
        let made = second_tenant(&world, "boss@second.example").await;
        let session = world.sign_in("boss@second.example", PASSWORD).await.unwrap();
        let platform = world.admin(Permission::TenantManage).await;
        let mut tx = world.tx().await;
        world.identity.suspend_tenant(&mut tx, &platform, made.tenant.id, "unpaid").await.unwrap();
        let own = world.identity.suspend_tenant(&mut tx, &platform, world.made.tenant.id, "oops").await;
        assert!(matches!(own, Err(Error::SelfModification)));
        tx.commit().await.unwrap();
        assert!(world.identity.tenant_standing(made.tenant.id).await.unwrap().suspended);
        let caller = world.caller(&session.access_token).await.unwrap();
        let refused = world.identity.authorise(&caller, Permission::AgentRead, world.request());
        assert!(matches!(refused, Err(Error::TenantSuspended)));
        assert!(matches!(world.sign_in("boss@second.example", PASSWORD).await, Err(Error::TenantSuspended)));
        let mut tx = world.tx().await;
        world.identity.activate_tenant(&mut tx, &platform, made.tenant.id).await.unwrap();
        tx.commit().await.unwrap();
        assert!(world.sign_in("boss@second.example", PASSWORD).await.is_ok());
    }

    async fn a_tenant_sees_itself_in_the_list_and_a_platform_admin_all(db: Db) {
        let world = World::new(db).await;
        let made = second_tenant(&world, "boss@second.example").await;
        let sort = || Sort::parse("slug", TenantFilter::SORTS).unwrap();
        let boss = world.may("boss@second.example", Permission::TenantRead).await;
        let seen = world.identity.tenants(&boss, TenantFilter::default(), sort(), Page::default()).await.unwrap();
        assert_eq!(seen.items.iter().map(|t| t.id).collect::<Vec<_>>(), [made.tenant.id]);
        let foreign = world.identity.tenant(&world.db, &boss, world.made.tenant.id).await;
        assert!(matches!(foreign, Err(Error::NotFound { .. })));
        let platform = world.admin(Permission::TenantRead).await;
        let all = world.identity.tenants(&platform, TenantFilter::default(), sort(), Page::default()).await.unwrap();
        assert_eq!(all.total, 2);
    }

    async fn projects_have_names_of_their_own_and_the_default_one_stays(db: Db) {
        let world = World::new(db).await;
        let admin = world.admin(Permission::ProjectManage).await;
        let mut tx = world.tx().await;
        let identity = &world.identity;
        let default = identity.default_project(&mut tx, &admin).await.unwrap();
        assert_eq!(default.id, world.made.project.id);
        assert!(matches!(identity.delete_project(&mut tx, &admin, default.id).await, Err(Error::DefaultProject)));
        let new = |name: &str| NewProject {
            name: name.to_owned(),
            settings: json!({"a": 1, "b": 2}).as_object().unwrap().clone(),
            ..NewProject::default()
        };
        let made = identity.create_project(&mut tx, &admin, new("alpha")).await.unwrap();
        let changes = ProjectChanges {
            description: Some(Some("first".to_owned())),
            settings: Some(json!({"a": null, "c": 3}).as_object().unwrap().clone()),
            ..ProjectChanges::default()
        };
        let changed = identity.update_project(&mut tx, &admin, made.id, changes).await.unwrap();
        assert_eq!(serde_json::Value::from(changed.settings), json!({"b": 2, "c": 3}));
        assert_eq!(changed.name, "alpha");
        tx.commit().await.unwrap();
        let mut tx = world.tx().await;
        let twin = identity.create_project(&mut tx, &admin, new("alpha")).await;
        assert!(matches!(twin, Err(Error::DuplicateName)), "{twin:?}");
        drop(tx);
        let sort = Sort::parse("name", ProjectChanges::SORTS).unwrap();
        let listed = identity.projects(&admin, Some("ALPH"), sort, Page::default()).await.unwrap();
        assert_eq!(listed.items.len(), 1);
        let mut tx = world.tx().await;
        identity.delete_project(&mut tx, &admin, made.id).await.unwrap();
        assert!(matches!(identity.project(&mut tx, &admin, made.id).await, Err(Error::NotFound { .. })));
    }
}
