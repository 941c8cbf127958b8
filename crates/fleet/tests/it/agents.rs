//! What happens to agents from birth to end.

use std::time::Duration;

use iron_audit::Reach;
use iron_fleet::{AgentChange, AgentFilter, Error, RuntimeState, SORTABLE, Verb};
use iron_primitives::ErrorKind;
use iron_store::{Db, Page, Sort};

use crate::World;

const STOP: Verb = Verb::Stop {
    grace: Duration::from_secs(60),
};

iron_store::both_engines! {
    async fn an_agent_is_created_found_changed_and_deleted(db: Db) {
        let world = World::new(db).await;
        let admin = world.admin();
        let mut tx = world.db.begin().await.unwrap();
        let new = world.new_agent("Ada", admin.user);
        let created = world.agents.create(&mut tx, &admin, new).await.unwrap();
        tx.commit().await.unwrap();

        let found = world.agents.get(&admin, created.id).await.unwrap();
        assert_eq!(found, created);
        assert_eq!(found.tags, ["blue", "round"], "repeated labels are kept once");
        assert_eq!(found.runtime_state, RuntimeState::Running);

        let mut tx = world.db.begin().await.unwrap();
        let change = AgentChange { name: Some("Grace".to_owned()), ..AgentChange::default() };
        let changed = world.agents.update(&mut tx, &admin, created.id, change).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!((changed.name.as_str(), changed.version), ("Grace", 2));

        let mut tx = world.db.begin().await.unwrap();
        let deleted = world.agents.delete(&mut tx, &admin, created.id).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(deleted.assignments, 2);
        let gone = world.agents.get(&admin, created.id).await.unwrap_err();
        assert_eq!(gone.kind(), ErrorKind::ResourceNotFound);
    }
}

iron_store::both_engines! {
    async fn a_name_is_unique_in_its_project_while_the_agent_lives(db: Db) {
        let world = World::new(db).await;
        let admin = world.admin();
        let mut tx = world.db.begin().await.unwrap();
        let first = world.new_agent("Ada", admin.user);
        let first = world.agents.create(&mut tx, &admin, first).await.unwrap();
        tx.commit().await.unwrap();

        let mut tx = world.db.begin().await.unwrap();
        let second = world.new_agent("Ada", admin.user);
        let refused = world.agents.create(&mut tx, &admin, second.clone()).await.unwrap_err();
        assert!(matches!(refused, Error::DuplicateName), "{refused}");
        drop(tx);

        let mut tx = world.db.begin().await.unwrap();
        world.agents.delete(&mut tx, &admin, first.id).await.unwrap();
        world.agents.create(&mut tx, &admin, second).await.unwrap();
        tx.commit().await.unwrap();
    }
}

iron_store::both_engines! {
    async fn a_foreign_agent_does_not_exist_and_a_colleagues_is_out_of_reach(db: Db) {
        let world = World::new(db).await;
        let admin = world.admin();
        let mut tx = world.db.begin().await.unwrap();
        let new = world.new_agent("Ada", admin.user);
        let agent = world.agents.create(&mut tx, &admin, new).await.unwrap();
        tx.commit().await.unwrap();

        let foreign = world.caller(world.environment.new_id(), Reach::Tenant);
        let colleague = world.caller(world.tenant, Reach::Own(world.environment.new_id()));
        let teams = world.caller(world.tenant, Reach::Teams(vec![world.environment.new_id()]));
        for (caller, kind) in [
            (&foreign, ErrorKind::ResourceNotFound),
            (&colleague, ErrorKind::InsufficientPermissions),
            (&teams, ErrorKind::InsufficientPermissions),
        ] {
            assert_eq!(world.agents.get(caller, agent.id).await.unwrap_err().kind(), kind);
            let mut tx = world.db.begin().await.unwrap();
            let change = AgentChange::default();
            let refused = world.agents.update(&mut tx, caller, agent.id, change).await;
            assert_eq!(refused.unwrap_err().kind(), kind);
            let refused = world.agents.delete(&mut tx, caller, agent.id).await;
            assert_eq!(refused.unwrap_err().kind(), kind);
            drop(tx);
            let sort = Sort::parse("-created_at", SORTABLE).unwrap();
            let filter = AgentFilter::default();
            let list = world.agents.list(caller, &filter, sort, Page::default()).await.unwrap();
            assert_eq!(list.total, 0);
        }
    }
}

iron_store::both_engines! {
    async fn lists_filter_by_name_state_and_every_label(db: Db) {
        let world = World::new(db).await;
        let admin = world.admin();
        let mut tx = world.db.begin().await.unwrap();
        for (name, tags) in [("Ada", ["red", "old"]), ("Alan", ["red", "new"])] {
            let mut new = world.new_agent(name, admin.user);
            new.tags = tags.map(str::to_owned).to_vec();
            world.agents.create(&mut tx, &admin, new).await.unwrap();
        }
        tx.commit().await.unwrap();

        let list = async |filter: AgentFilter| {
            let sort = Sort::parse("name", SORTABLE).unwrap();
            let page = world.agents.list(&admin, &filter, sort, Page::default()).await.unwrap();
            page.items.into_iter().map(|agent| agent.name).collect::<Vec<_>>()
        };
        let tags = |tags: &[&str]| tags.iter().map(|&tag| tag.to_owned()).collect();
        let all = AgentFilter::default();
        assert_eq!(list(all.clone()).await, ["Ada", "Alan"]);
        assert_eq!(list(AgentFilter { tags: tags(&["red"]), ..all.clone() }).await, ["Ada", "Alan"]);
        assert_eq!(list(AgentFilter { tags: tags(&["red", "new"]), ..all.clone() }).await, ["Alan"]);
        assert_eq!(list(AgentFilter { name: Some("aD".to_owned()), ..all.clone() }).await, ["Ada"]);
        let paused = vec![RuntimeState::Paused];
        assert!(list(AgentFilter { runtime_states: paused, ..all.clone() }).await.is_empty());
        assert!(list(AgentFilter { among: Some(Vec::new()), ..all }).await.is_empty());
    }
}

iron_store::both_engines! {
    async fn verbs_gate_the_agent_and_refuse_the_wrong_state(db: Db) {
        let world = World::new(db).await;
        let admin = world.admin();
        let mut tx = world.db.begin().await.unwrap();
        let new = world.new_agent("Ada", admin.user);
        let id = world.agents.create(&mut tx, &admin, new).await.unwrap().id;
        let why = Some("lunch".to_owned());
        let paused = world.agents.act(&mut tx, &admin, id, Verb::Pause, why).await.unwrap();
        assert_eq!(paused.pause_reason.as_deref(), Some("lunch"));
        let again = world.agents.act(&mut tx, &admin, id, Verb::Pause, None).await.unwrap_err();
        assert_eq!(again.kind(), ErrorKind::InvalidState);
        let killed = world.agents.act(&mut tx, &admin, id, Verb::Kill, None).await.unwrap();
        assert_eq!((killed.runtime_state, killed.pause_reason), (RuntimeState::Stopped, None));
        let late = world.agents.act(&mut tx, &admin, id, STOP, None).await.unwrap_err();
        assert_eq!(late.kind(), ErrorKind::InvalidState);
        let sure = world.agents.act(&mut tx, &admin, id, Verb::Kill, None).await.unwrap();
        assert_eq!(sure.runtime_state, RuntimeState::Stopped);
        world.agents.act(&mut tx, &admin, id, Verb::Start, None).await.unwrap();
        tx.commit().await.unwrap();
        let call = world.agents.for_call(world.tenant, id).await.unwrap().unwrap();
        assert_eq!(call.runtime_state, RuntimeState::Running);
    }
}

iron_store::both_engines! {
    async fn calls_end_with_a_kill_a_grace_and_a_deletion_and_stay_ended_when_the_agent_begins_anew(db: Db) {
        let world = World::new(db).await;
        let admin = world.admin();
        let mut tx = world.db.begin().await.unwrap();
        let new = world.new_agent("Ada", admin.user);
        let id = world.agents.create(&mut tx, &admin, new).await.unwrap().id;
        tx.commit().await.unwrap();
        let act = async |verb: Verb| {
            let mut tx = world.db.begin().await.unwrap();
            world.agents.act(&mut tx, &admin, id, verb, None).await.unwrap();
            tx.commit().await.unwrap();
            let standing = world.agents.standing(&[id, world.environment.new_id()]).await.unwrap();
            assert_eq!(standing.len(), 1, "nothing is known of a stranger");
            (standing[&id].over, standing[&id].ends)
        };
        for (verb, over, ends) in [
            (Verb::Pause, false, 0),
            (Verb::Resume, false, 0),
            (STOP, false, 0),
            // Started again before its grace was over: nothing had to end.
            (Verb::Start, false, 0),
            (Verb::Kill, true, 0),
            (Verb::Kill, true, 0),
            (Verb::Start, false, 1),
            (STOP, false, 1),
            (Verb::Kill, true, 1),
            (Verb::Restart, false, 2),
            (Verb::Restart, false, 2),
            (Verb::Stop { grace: Duration::ZERO }, true, 2),
            (Verb::Start, false, 3),
        ] {
            assert_eq!(act(verb).await, (over, ends), "{verb:?}");
        }
        let call = world.agents.for_call(world.tenant, id).await.unwrap().unwrap();
        assert_eq!(call.ends, 3, "what a call is let in with");
        let mut tx = world.db.begin().await.unwrap();
        world.agents.delete(&mut tx, &admin, id).await.unwrap();
        tx.commit().await.unwrap();
        assert!(world.agents.standing(&[id]).await.unwrap()[&id].over);
    }
}

iron_store::both_engines! {
    async fn a_deleted_provider_leaves_every_agent_and_the_order_of_the_rest_stays(db: Db) {
        let world = World::new(db).await;
        let admin = world.admin();
        let mut tx = world.db.begin().await.unwrap();
        let [a, b, c] = [(); 3].map(|()| world.environment.new_id());
        let mut new = world.new_agent("Ada", admin.user);
        new.providers = vec![c, a, b];
        let id = world.agents.create(&mut tx, &admin, new).await.unwrap().id;
        let left = world.agents.forget_provider(&mut tx, &admin, a).await.unwrap();
        assert_eq!(left.first().unwrap().providers, [c, b]);
        tx.commit().await.unwrap();
        assert!(world.agents.with_provider(&admin, a).await.unwrap().is_empty());
        assert_eq!(world.agents.with_provider(&admin, c).await.unwrap().first().unwrap().id, id);
        let mut tx = world.db.begin().await.unwrap();
        let refused = world.agents.remove_provider(&mut tx, &admin, id, a).await.unwrap_err();
        assert!(matches!(refused, Error::NotAssigned { .. }), "{refused}");
    }
}

iron_store::both_engines! {
    async fn agents_of_a_deleted_user_go_on_under_their_new_owner(db: Db) {
        let world = World::new(db).await;
        let admin = world.admin();
        let (old, heir) = (world.environment.new_id(), world.environment.new_id());
        let mut tx = world.db.begin().await.unwrap();
        let new = world.new_agent("Ada", old);
        let id = world.agents.create(&mut tx, &admin, new).await.unwrap().id;
        assert_eq!(world.agents.reassign(&mut tx, &admin, old, heir).await.unwrap(), [id]);
        tx.commit().await.unwrap();
        let agent = world.agents.get(&admin, id).await.unwrap();
        assert_eq!(agent.owner, heir);
        assert!(agent.tags.contains(&"orphaned".to_owned()));
        assert_eq!(agent.runtime_state, RuntimeState::Running);
    }
}

iron_store::both_engines! {
    async fn of_many_who_pause_at_once_one_does_and_the_others_are_told(db: Db) {
        let world = World::new(db).await;
        let admin = world.admin();
        let mut tx = world.db.begin().await.unwrap();
        let new = world.new_agent("Ada", admin.user);
        let id = world.agents.create(&mut tx, &admin, new).await.unwrap().id;
        tx.commit().await.unwrap();
        let tries: Vec<_> = (0..6).map(|_| {
            let (agents, db, admin) = (world.agents.clone(), world.db.clone(), admin.clone());
            tokio::spawn(async move {
                let mut tx = db.begin().await.unwrap();
                let outcome = agents.act(&mut tx, &admin, id, Verb::Pause, None).await;
                if outcome.is_ok() {
                    tx.commit().await.unwrap();
                }
                outcome.map(drop)
            })
        }).collect();
        let mut paused = 0;
        for attempt in tries {
            match attempt.await.unwrap() {
                Ok(()) => paused += 1,
                Err(Error::InvalidState { .. } | Error::Changed { .. }) => {}
                Err(other) => panic!("{other}"),
            }
        }
        assert_eq!(paused, 1);
        assert_eq!(world.agents.get(&admin, id).await.unwrap().version, 2);
    }
}

#[test]
fn the_tables_are_the_same_on_both_engines() {
    iron_store::testing::assert_schemas_agree(&[iron_fleet::MIGRATIONS]);
}
