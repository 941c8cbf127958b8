//! Writing policies, their versions, and those that are built in.

use iron_policy::Effect;
use iron_primitives::ErrorKind;
use iron_rules::{Error, PolicyChange, PolicyFilter, Scope, differences};
use iron_store::{Db, Page, Sort};
use serde_json::json;

use crate::kit::{World, object};

const PAGE: Page = Page {
    page: 1,
    per_page: 100,
};

iron_store::both_engines! {
    async fn each_change_makes_a_version_and_what_was_said_can_be_said_again(db: Db) {
        let world = World::new(db).await;
        let admin = world.admin();
        let policies = &world.policies;
        let mail = json!({"name": "mail", "effect": "allow", "match": {"tools": ["send_*"]}});
        let made = world.write(mail, Scope::Tenant).await.unwrap();
        let after = world.rewrite(made.id, json!({"effect": "deny"})).await.unwrap();
        assert_eq!((after.version, after.policy.effect), (2, Effect::Deny));
        let same = world.rewrite(made.id, json!({"effect": "deny"})).await.unwrap();
        assert_eq!(same, after, "what changes nothing leaves no trace");
        let (one, two) = (
            policies.version(&admin, made.id, 1).await.unwrap(),
            policies.version(&admin, made.id, 2).await.unwrap(),
        );
        let told: Vec<_> = differences(&one, &two).into_iter().map(|one| one.field).collect();
        assert_eq!(told, ["effect"]);
        let prepared = policies.prepare_rollback(&admin, made.id, 1).await.unwrap();
        let mut tx = world.db.begin().await.unwrap();
        let back = policies.store(&mut tx, &admin, prepared).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!((back.version, &back.policy), (3, &made.policy));
        let kept = policies.versions(&admin, made.id, PAGE).await.unwrap().items;
        let kept: Vec<_> = kept.iter().map(|one| (one.version, one.policy.effect)).collect();
        assert_eq!(kept, [(3, Effect::Allow), (2, Effect::Deny), (1, Effect::Allow)]);
        let none = policies.prepare_rollback(&admin, made.id, 9).await.unwrap_err();
        assert!(matches!(none, Error::NoPolicyVersion { version: 9, .. }));
    }

    async fn a_policy_that_does_not_work_is_not_stored(db: Db) {
        let world = World::new(db).await;
        for (written, path) in [
            (json!({"name": "a", "effect": "forbid"}), "policy"),
            (json!({"name": "", "effect": "deny"}), "name"),
            (
                json!({"name": "a", "effect": "deny", "conditions": {"hours": "9 to 5"}}),
                "conditions.hours",
            ),
            (json!({"name": "a", "effect": "deny", "cedar": "not cedar"}), "cedar"),
            (
                json!({
                    "name": "a", "effect": "deny", "match": {"tools": ["send_*"]},
                    "examples": {"match": [{"tool": "read_file"}]},
                }),
                "examples.match[0]",
            ),
        ] {
            let refused = world.write(written.clone(), Scope::Tenant).await.unwrap_err();
            assert_eq!((refused.kind(), refused.field()), (ErrorKind::Validation, Some(path)), "{written}");
        }
        let good = json!({"name": "a", "effect": "deny"});
        let made = world.write(good.clone(), Scope::Tenant).await.unwrap();
        let twice = world.write(good, Scope::Tenant).await.unwrap_err();
        assert!(matches!(twice, Error::NameTaken { what: "policy" }), "{twice:?}");
        let refused = world.rewrite(made.id, json!({"cedar": "not cedar"})).await.unwrap_err();
        assert_eq!(refused.field(), Some("cedar"));
        assert_eq!(world.policies.get(&world.admin(), made.id).await.unwrap(), made);
    }

    async fn an_example_is_tried_with_the_tools_that_are_registered(db: Db) {
        let world = World::new(db).await;
        let grave = json!({
            "name": "grave", "effect": "deny", "match": {"risk_levels": ["critical"]},
            "examples": {"match": [{"tool": "launch"}]},
        });
        let refused = world.write(grave.clone(), Scope::Tenant).await.unwrap_err();
        assert_eq!(refused.field(), Some("examples.match[0]"));
        let launch = json!({"name": "launch", "risk_level": "critical"});
        world.register(launch).await.unwrap();
        world.write(grave, Scope::Tenant).await.unwrap();
    }

    async fn of_two_who_change_a_policy_at_once_the_second_is_told(db: Db) {
        let world = World::new(db).await;
        let admin = world.admin();
        let made = world.write(json!({"name": "a", "effect": "deny"}), Scope::Tenant).await.unwrap();
        let change = |text: &str| PolicyChange {
            fields: object(json!({"description": text})),
            scope: None,
        };
        let policies = &world.policies;
        let first = policies.prepare_change(&admin, made.id, change("first")).await.unwrap();
        let second = policies.prepare_change(&admin, made.id, change("second")).await.unwrap();
        let mut tx = world.db.begin().await.unwrap();
        policies.store(&mut tx, &admin, first).await.unwrap();
        let refused = policies.store(&mut tx, &admin, second).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::ConcurrentModification);
    }

    async fn policies_are_listed_by_what_they_do(db: Db) {
        let world = World::new(db).await;
        world.write(json!({"name": "a", "effect": "deny"}), Scope::Tenant).await.unwrap();
        let off = json!({"name": "b", "effect": "allow", "enabled": false});
        world.write(off, Scope::Named).await.unwrap();
        let named = async |filter: PolicyFilter| -> Vec<String> {
            let sort = Sort::ascending("name");
            let found = world.policies.list(&world.admin(), &filter, sort, PAGE).await.unwrap();
            found.items.into_iter().map(|one| one.policy.name).collect()
        };
        let all = PolicyFilter::default();
        assert_eq!(named(all.clone()).await, ["a", "b"]);
        let denying = PolicyFilter { effects: vec![Effect::Deny], ..all.clone() };
        assert_eq!(named(denying).await, ["a"]);
        let by_name = PolicyFilter { scope: Some(Scope::Named), ..all.clone() };
        assert_eq!(named(by_name).await, ["b"]);
        assert_eq!(named(PolicyFilter { enabled: Some(true), ..all }).await, ["a"]);
    }

    async fn a_built_in_policy_can_be_switched_off_and_on_again(db: Db) {
        let world = World::new(db).await;
        let admin = world.admin();
        let policies = &world.policies;
        let first = policies.built_in(&admin).await.unwrap().swap_remove(0).policy.name;
        let mut tx = world.db.begin().await.unwrap();
        let off = policies.switch_built_in(&mut tx, &admin, &first, false).await.unwrap();
        tx.commit().await.unwrap();
        assert!(!off.policy.enabled);
        let all = policies.built_in(&admin).await.unwrap();
        let off: Vec<_> = all.iter().filter(|one| !one.policy.enabled).collect();
        assert_eq!(off.len(), 1);
        let theirs = world.admin_of(world.time.environment.new_id());
        assert!(policies.built_in(&theirs).await.unwrap().iter().all(|one| one.policy.enabled));
        let mut tx = world.db.begin().await.unwrap();
        policies.switch_built_in(&mut tx, &admin, &first, true).await.unwrap();
        let unknown = policies.switch_built_in(&mut tx, &admin, "no such", true).await.unwrap_err();
        assert_eq!(unknown.kind(), ErrorKind::ResourceNotFound);
        tx.commit().await.unwrap();
        assert!(policies.built_in(&admin).await.unwrap().iter().all(|one| one.policy.enabled));
    }

    async fn a_policy_of_another_tenant_is_not_there(db: Db) {
        let world = World::new(db).await;
        let made = world.write(json!({"name": "a", "effect": "deny"}), Scope::Named).await.unwrap();
        let other = world.admin_of(world.time.environment.new_id());
        let policies = &world.policies;
        assert!(policies.get(&other, made.id).await.is_err());
        assert!(policies.versions(&other, made.id, PAGE).await.is_err());
        let mut tx = world.db.begin().await.unwrap();
        assert_eq!(policies.keep(&mut tx, &other, &[made.id]).await.unwrap(), Some(made.id));
        assert_eq!(policies.keep(&mut tx, &world.admin(), &[made.id]).await.unwrap(), None);
        assert!(policies.delete(&mut tx, &other, made.id).await.is_err());
        policies.delete(&mut tx, &world.admin(), made.id).await.unwrap();
        tx.commit().await.unwrap();
        assert!(policies.get(&world.admin(), made.id).await.is_err());
    }
}
