//! Making, changing, choosing and ending profiles.

use iron_guard::{Action, Compliance, Profile, Sensitivity};
use iron_primitives::ErrorKind;
use iron_rules::{Error, Named, Privacy, ProfileChange};
use iron_store::{Db, Page, Sort, sql};
use serde_json::json;

use crate::kit::{World, default, fields};

const PAGE: Page = Page {
    page: 1,
    per_page: 100,
};

iron_store::both_engines! {
    async fn each_change_makes_a_version_and_all_are_kept(db: Db) {
        let world = World::new(db).await;
        let admin = world.admin();
        let made = world.create("house", json!({"pii": {"action": "redact"}})).await.unwrap();
        assert_eq!((made.version, made.profile.pii.action), (1, Action::Redact));
        let after = world.update(made.id, fields(json!({"block": ["Project X"]}))).await.unwrap();
        let renamed = ProfileChange { name: Some("home".to_owned()), ..fields(json!({})) };
        let last = world.update(made.id, renamed).await.unwrap();
        assert_eq!((after.version, last.version), (2, 3));
        assert!(made.updated_at < after.updated_at && after.updated_at < last.updated_at);
        let kept = world.profiles.versions(&admin, made.id, PAGE).await.unwrap().items;
        let said: Vec<_> = kept.iter().map(|one| (one.version, one.name.as_str())).collect();
        assert_eq!(said, [(3, "home"), (2, "house"), (1, "house")]);
        let first = world.profiles.version(&admin, made.id, 1).await.unwrap();
        assert_eq!((first.profile, first.changed_by), (made.profile, admin.user));
        let none = world.profiles.version(&admin, made.id, 4).await.unwrap_err();
        assert_eq!(none.kind(), ErrorKind::ResourceNotFound);
    }

    async fn what_changes_nothing_leaves_no_trace(db: Db) {
        let world = World::new(db).await;
        let made = world.create("house", json!({"allow": ["x"]})).await.unwrap();
        let records = audited(&world).await;
        let same = world.update(made.id, fields(json!({"allow": ["x"]}))).await.unwrap();
        assert_eq!(same, made);
        assert_eq!(audited(&world).await, records);
    }

    async fn a_profile_that_does_not_work_is_not_stored(db: Db) {
        let world = World::new(db).await;
        let refused = world.create("house", json!({"allow": ["("]})).await.unwrap_err();
        assert_eq!((refused.kind(), refused.field()), (ErrorKind::Validation, Some("allow[0]")));
        let made = world.create("house", json!({})).await.unwrap();
        let refused = world.update(made.id, fields(json!({"block": ["["]}))).await.unwrap_err();
        assert_eq!(refused.field(), Some("block[0]"));
        let twice = world.create("house", json!({})).await.unwrap_err();
        assert!(matches!(twice, Error::DuplicateName));
        let kept = world.profiles.get(&world.admin(), made.id).await.unwrap();
        assert_eq!(kept, made);
    }

    async fn a_tenant_has_one_default_and_it_cannot_be_deleted(db: Db) {
        let world = World::new(db).await;
        let one = world.create("one", json!({})).await.unwrap();
        let two = world.create("two", json!({})).await.unwrap();
        assert_eq!(world.update(one.id, default(true)).await.unwrap().version, 1);
        world.update(two.id, default(true)).await.unwrap();
        let sort = Sort::ascending("name");
        let all = world.profiles.list(&world.admin(), sort, PAGE).await.unwrap().items;
        let defaults: Vec<_> = all.iter().map(|one| one.is_default).collect();
        assert_eq!(defaults, [false, true]);
        assert!(all[0].updated_at > one.updated_at);
        let refused = world.delete(two.id).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::ResourceInUse);
        world.update(two.id, default(false)).await.unwrap();
        world.delete(two.id).await.unwrap();
        world.delete(one.id).await.unwrap();
    }

    async fn an_agent_has_its_own_then_its_teams_then_the_default(db: Db) {
        let world = World::new(db).await;
        let chosen = async |by_agent, by_team| {
            let named = Named { by_agent, by_team, ..Named::default() };
            world.profiles.chosen(world.tenant, named).await.unwrap().id
        };
        assert_eq!(chosen(None, None).await, None);
        let mut ids = Vec::new();
        for name in ["agents", "teams", "everybodys"] {
            ids.push(world.create(name, json!({})).await.unwrap().id);
        }
        let &[agents, teams, everybodys] = ids.as_slice() else { unreachable!() };
        assert_eq!(chosen(None, None).await, None);
        world.update(everybodys, default(true)).await.unwrap();
        assert_eq!(chosen(Some(agents), Some(teams)).await, Some(agents));
        assert_eq!(chosen(None, Some(teams)).await, Some(teams));
        assert_eq!(chosen(None, None).await, Some(everybodys));
        let nobodys = Some(world.time.environment.new_id());
        assert_eq!(chosen(nobodys, Some(teams)).await, Some(teams));
        assert_eq!(chosen(nobodys, None).await, Some(everybodys));
    }

    async fn a_strict_team_lets_no_personal_data_pass_whatever_profile_is_named(db: Db) {
        let world = World::new(db).await;
        let lax = json!({"pii": {"action": "ignore"}});
        let made = world.create("lax", lax).await.unwrap();
        let guard = async |by_agent, privacy| {
            let named = Named { by_agent, privacy, ..Named::default() };
            let chosen = world.profiles.chosen(world.tenant, named).await.unwrap();
            chosen.profile.as_ref().clone()
        };
        let own = Some(made.id);
        assert_eq!(guard(own, Privacy::Permissive).await, made.profile);
        assert_eq!(guard(own, Privacy::Moderate).await, made.profile);
        assert_eq!(guard(own, Privacy::Strict).await.compliance, [Compliance::Gdpr]);
        assert_eq!(guard(None, Privacy::Permissive).await, Profile::default());
        assert_eq!(guard(None, Privacy::Moderate).await.pii.action, Action::Redact);
        let strict = guard(None, Privacy::Strict).await;
        assert_eq!((strict.sensitivity, strict.compliance), (Sensitivity::Strict, vec![Compliance::Gdpr]));
    }

    async fn a_change_that_was_tried_on_what_it_no_longer_says_is_refused(db: Db) {
        let world = World::new(db).await;
        let made = world.create("house", json!({"allow": ["a"]})).await.unwrap();
        let profiles = &world.profiles;
        let change = |value| profiles.check_change(&made, fields(value));
        let mine = change(json!({"block": ["b"]})).await.unwrap();
        let named = ProfileChange { name: Some("home".to_owned()), ..ProfileChange::default() };
        let named = profiles.check_change(&made, named).await.unwrap();
        world.update(made.id, fields(json!({"allow": ["c"]}))).await.unwrap();

        let admin = world.admin();
        let mut tx = world.db.begin().await.unwrap();
        let refused = profiles.update(&mut tx, &admin, made.id, mine).await.unwrap_err();
        assert!(matches!(refused, Error::Overtaken), "{refused:?}");
        let after = profiles.update(&mut tx, &admin, made.id, named).await.unwrap();
        assert_eq!((after.name.as_str(), after.profile.allow), ("home", vec!["c".to_owned()]));
    }

    async fn a_profile_of_another_tenant_is_not_there(db: Db) {
        let world = World::new(db).await;
        let made = world.create("house", json!({})).await.unwrap();
        let other = world.admin_of(world.time.environment.new_id());
        let profiles = &world.profiles;
        let missing = |error: Error| matches!(error, Error::NotFound { .. });
        assert!(missing(profiles.get(&other, made.id).await.unwrap_err()));
        assert!(missing(profiles.versions(&other, made.id, PAGE).await.unwrap_err()));
        assert!(missing(profiles.version(&other, made.id, 1).await.unwrap_err()));
        let mut tx = world.db.begin().await.unwrap();
        assert!(!profiles.keep(&mut tx, &other, made.id).await.unwrap());
        let change = fields(json!({"allow": ["x"]}));
        let change = profiles.check_change(&made, change).await.unwrap();
        assert!(missing(profiles.update(&mut tx, &other, made.id, change).await.unwrap_err()));
        assert!(missing(profiles.delete(&mut tx, &other, made.id).await.unwrap_err()));
        let named = Named { by_agent: Some(made.id), ..Named::default() };
        let theirs = profiles.chosen(other.tenant, named).await.unwrap();
        assert_eq!((theirs.id, theirs.version), (None, 0));
    }

    async fn a_profile_that_was_written_by_a_newer_program_is_not_half_followed(db: Db) {
        let world = World::new(db).await;
        let made = world.create("house", json!({})).await.unwrap();
        sql("UPDATE guardrail_profiles SET profile = $1")
            .bind(r#"{"from_the_future": true}"#)
            .execute(&world.db)
            .await
            .unwrap();
        let named = Named { by_agent: Some(made.id), ..Named::default() };
        let refused = world.profiles.chosen(world.tenant, named).await.unwrap_err();
        assert!(matches!(refused, Error::Unreadable(_)));
    }
}

#[test]
fn the_default_profile_is_one_that_may_be_stored() {
    let text = serde_json::to_value(Profile::default()).unwrap();
    let read: Profile = serde_json::from_value(text).unwrap();
    assert_eq!(read, Profile::default());
}

async fn audited(world: &World) -> i64 {
    let row = sql("SELECT COUNT(*) AS n FROM audit_outbox")
        .fetch_one(&world.db)
        .await
        .unwrap();
    row.get("n").unwrap()
}
