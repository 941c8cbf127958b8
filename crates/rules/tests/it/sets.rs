//! What of tools and policies holds for an agent.

use std::sync::Arc;

use iron_rules::{Scope, Set, Sets, ToolChange, Wanted};
use iron_store::Db;
use serde_json::json;

use crate::kit::World;

fn tools(set: &Set) -> Vec<&str> {
    set.tools
        .iter()
        .map(|tool| tool.tool.name.as_str())
        .collect()
}

/// The policies that are not built in.
fn policies(set: &Set) -> Vec<&str> {
    let built_in = |name: &str| iron_policy::shipped().iter().any(|one| one.name == name);
    let names = set.policies.iter().map(|policy| policy.name.as_str());
    names.filter(|name| !built_in(name)).collect()
}

iron_store::both_engines! {
    async fn what_is_written_holds_at_the_next_question(db: Db) {
        let world = World::new(db).await;
        let elsewhere = Sets::new(world.db.clone());
        let all = Wanted::default();
        let before = world.sets.of(world.tenant, &all).await.unwrap();
        assert_eq!((tools(&before).len(), policies(&before).len()), (0, 0));
        assert_eq!(before.policies.len(), iron_policy::shipped().len());
        assert_eq!(elsewhere.of(world.tenant, &all).await.unwrap().version, before.version);

        let mail = world.register(json!({"name": "send_email"})).await.unwrap();
        world.write(json!({"name": "mail", "effect": "allow"}), Scope::Tenant).await.unwrap();
        for sets in [&world.sets, &elsewhere] {
            let after = sets.of(world.tenant, &all).await.unwrap();
            assert_ne!(after.version, before.version);
            assert_eq!(tools(&after), ["send_email"]);
            assert_eq!(after.tools[0].id, mail.id);
            assert_eq!(policies(&after), ["mail"]);
        }
        let off = ToolChange { enabled: Some(false), ..ToolChange::default() };
        world.change_tool(mail.id, off).await.unwrap();
        assert!(tools(&elsewhere.of(world.tenant, &all).await.unwrap()).is_empty());
        let other = world.time.environment.new_id();
        let theirs = elsewhere.of(other, &all).await.unwrap();
        assert_eq!(theirs.version, before.version, "nobody else is concerned");
    }

    async fn agents_with_the_same_share_it_and_others_have_what_is_named_for_them(db: Db) {
        let world = World::new(db).await;
        for name in ["pay", "read_file"] {
            world.register(json!({"name": name})).await.unwrap();
        }
        world.write(json!({"name": "all", "effect": "allow"}), Scope::Tenant).await.unwrap();
        let night = world.write(json!({"name": "night", "effect": "deny"}), Scope::Named);
        let night = night.await.unwrap();
        let of = async |wanted: Wanted| world.sets.of(world.tenant, &wanted).await.unwrap();
        let one = of(Wanted::default()).await;
        let other = of(Wanted::default()).await;
        assert!(Arc::ptr_eq(&one.tools, &other.tools));
        assert_eq!((tools(&one), policies(&one)), (vec!["pay", "read_file"], vec!["all"]));

        let own = Wanted {
            tools: Some(vec!["read_file".to_owned(), "gone".to_owned()]),
            policies: vec![night.id, world.time.environment.new_id()],
        };
        let (reader, same) = (of(own.clone()).await, of(own).await);
        assert_eq!(tools(&reader), ["read_file"]);
        assert_eq!(policies(&reader), ["all", "night"]);
        assert!(Arc::ptr_eq(&reader.policies, &same.policies));
        assert_ne!(reader.version, one.version);
        let none = Wanted { tools: Some(Vec::new()), ..Wanted::default() };
        assert!(of(none).await.tools.is_empty());
    }

    async fn a_policy_of_the_tenant_takes_the_place_of_a_built_in_one_of_its_name(db: Db) {
        let world = World::new(db).await;
        let [first, second, ..] = iron_policy::shipped() else { unreachable!() };
        let own = json!({"name": first.name, "effect": "allow"});
        world.write(own, Scope::Tenant).await.unwrap();
        let mut tx = world.db.begin().await.unwrap();
        let admin = world.admin();
        let off = world.policies.switch_built_in(&mut tx, &admin, &second.name, false);
        off.await.unwrap();
        tx.commit().await.unwrap();
        let set = world.sets.of(world.tenant, &Wanted::default()).await.unwrap();
        let named = |name: &str| set.policies.iter().filter(|one| one.name == name).count();
        assert_eq!((named(&first.name), named(&second.name)), (1, 0));
        assert_eq!(set.policies.len(), iron_policy::shipped().len() - 1);
        iron_policy::PolicySet::compile(&set.policies).unwrap();
    }
}
