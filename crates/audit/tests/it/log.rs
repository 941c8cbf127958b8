//! Entries, from the change they tell of to their reader.

use iron_audit::{AuditEntry, Changes, Entry, EntryFilter, Error, Origin, subject_of};
use iron_journal::verify::{Bundle, Trust, verify};
use iron_primitives::{AgentId, AuditId};
use iron_store::{Page, both_engines};
use serde_json::{Value, json};

use crate::kit::{Server, World};

async fn write(world: &World, entry: Entry) -> AuditId {
    world
        .time
        .clock
        .advance(std::time::Duration::from_micros(1));
    let mut tx = world.db.begin().await.unwrap();
    let id = world
        .audit
        .write(&mut tx, &world.admin(), entry)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    id
}

async fn all(world: &World) -> Vec<AuditEntry> {
    let filter = EntryFilter {
        ascending: true,
        ..EntryFilter::default()
    };
    world
        .log
        .list(&world.admin(), &filter, Page::default())
        .await
        .unwrap()
        .items
}

fn entry() -> Entry {
    Entry::new("agent.create", "agent")
}

both_engines! {
    async fn an_entry_is_read_as_it_was_written(db: iron_store::Db) {
        let world = World::new(db).await;
        let mut server = world.start().await;
        let agent: AgentId = world.environment.new_id();
        let caller = world.admin();
        let mut tx = world.db.begin().await.unwrap();
        let entry = Entry::new("agent.create", "agent")
            .resource(agent)
            .agent(agent)
            .parameters(&json!({ "name": "bot", "budget": 12.5, "api_key": "sk-abc" }))
            .changes(None::<&Value>, Some(&json!({ "name": "bot" })))
            .status(201);
        let id = world.audit.write(&mut tx, &caller, entry).await.unwrap();
        tx.commit().await.unwrap();
        assert!(matches!(world.log.get(&caller, id).await, Err(Error::NotFound)), "not projected yet");
        server.settle().await;

        let read = world.log.get(&caller, id).await.unwrap();
        assert_eq!((read.id, read.tenant, read.user), (id, world.tenant, Some(caller.user)));
        assert_eq!((read.action.as_str(), read.resource_type.as_str()), ("agent.create", "agent"));
        assert_eq!((read.resource_id, read.agent), (Some(agent.to_string()), Some(agent)));
        assert_eq!(read.credential, Some(caller.credential.to_string()));
        assert_eq!((read.role.as_deref(), read.status_code), (Some("admin"), 201));
        assert_eq!((read.method.as_deref(), read.endpoint.as_deref()), (Some("POST"), Some("/api/v1/agents")));
        assert_eq!((read.ip.as_deref(), read.user_agent.as_deref()), (Some("203.0.113.7"), Some("iron/1.0")));
        assert_eq!(read.request, Some(caller.request.request_id));
        assert_eq!(read.parameters, json!({ "name": "bot", "budget": 12.5, "api_key": "sk-***" }));
        assert_eq!(read.changes, Some(Changes { before: Value::Null, after: json!({ "name": "bot" }) }));
        assert_eq!((read.incarnation, read.sequence), (1, 1));
        assert_eq!((read.previous_hash.len(), read.signature.len()), (64, 64));
        assert_eq!(world.outbox_rows().await, 0);
    }

    async fn a_change_that_is_rolled_back_leaves_no_entry(db: iron_store::Db) {
        let world = World::new(db).await;
        let mut server = world.start().await;
        let mut tx = world.db.begin().await.unwrap();
        world.audit.write(&mut tx, &world.admin(), entry()).await.unwrap();
        tx.rollback().await.unwrap();
        server.settle().await;
        assert_eq!(all(&world).await, []);
    }

    async fn a_crash_at_any_step_neither_loses_nor_doubles_an_entry(db: iron_store::Db) {
        let world = World::new(db).await;
        let mut written = Vec::new();
        for step in 0..4 {
            let mut server = world.start().await;
            for _ in 0..3 {
                written.push(write(&world, entry()).await);
            }
            // The process ends before the relay, between relay and projection, after both, or
            // after the relay was asked twice.
            let Server { journal, projector, relay } = &mut server;
            for _ in 0..step {
                relay.run_once().await.unwrap();
            }
            if step == 2 {
                journal.durable(journal.position()).await.unwrap();
                projector.catch_up().await.unwrap();
            }
        }
        let mut server = world.start().await;
        server.settle().await;
        let ids: Vec<AuditId> = all(&world).await.iter().map(|entry| entry.id).collect();
        assert_eq!(ids, written);
        assert_eq!(world.outbox_rows().await, 0);
        let bundle = Bundle::journal(world.folder.path(), &[1; 32]).unwrap();
        let trust = Trust { mac_key: Some([2; 32]), ..Trust::new(server.journal.public_key()) };
        let report = verify(&bundle, &trust, |_, _| {}).unwrap();
        assert_eq!((report.faults, report.records), (Vec::new(), 12));
    }

    async fn a_relay_that_was_ended_in_the_middle_of_its_work_doubles_nothing(db: iron_store::Db) {
        let world = World::new(db).await;
        let Server { journal, projector, relay } = world.start().await;
        drop(projector);
        let relay = tokio::spawn(relay.run());
        let id = write(&world, entry()).await;
        let before = journal.position();
        while journal.position() == before {
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
        // Appended, perhaps not yet on disk, and nobody has projected it.
        relay.abort();
        let mut projector = iron_audit::Projector::open(world.audit.clone(), journal.clone(), Vec::new()).await.unwrap();
        let caught_up = projector.catch_up().await.unwrap();
        let mut relay = iron_audit::Relay::new(world.audit.clone(), journal, world.keys.clone(), caught_up);
        assert_eq!(relay.run_once().await.unwrap(), 0);
        assert_eq!(all(&world).await.iter().map(|entry| entry.id).collect::<Vec<_>>(), [id]);
    }

    async fn nothing_personal_stands_in_the_journal_in_clear(db: iron_store::Db) {
        let world = World::new(db).await;
        let mut server = world.start().await;
        let entry = entry().parameters(&json!({ "email": "ann@example.com" }));
        write(&world, entry).await;
        server.settle().await;
        let bundle = Bundle::journal(world.folder.path(), &[1; 32]).unwrap();
        let trust = Trust::new(server.journal.public_key());
        let mut text = String::new();
        verify(&bundle, &trust, |record, _| text.push_str(&String::from_utf8_lossy(record.body()))).unwrap();
        assert!(text.contains("agent.create"));
        for personal in ["ann@example.com", "203.0.113.7", "iron/1.0"] {
            assert!(!text.contains(personal), "{personal}");
        }
    }

    async fn what_is_sealed_for_one_entry_does_not_open_in_another(db: iron_store::Db) {
        let world = World::new(db).await;
        let mut server = world.start().await;
        let caller = world.admin();
        let mut ids = Vec::new();
        for note in ["a", "b"] {
            let mut tx = world.db.begin().await.unwrap();
            let entry = entry().parameters(&json!({ "note": note }));
            ids.push(world.audit.write(&mut tx, &caller, entry).await.unwrap());
            tx.commit().await.unwrap();
        }
        server.settle().await;
        iron_store::sql("UPDATE audit_entries SET details_sealed = \
             (SELECT details_sealed FROM audit_entries WHERE id = $1) WHERE id = $2")
            .bind(ids[0]).bind(ids[1]).execute(&world.db).await.unwrap();
        assert!(world.log.get(&caller, ids[0]).await.is_ok());
        assert!(matches!(world.log.get(&caller, ids[1]).await, Err(Error::Sealed)));
    }

    async fn an_erased_person_is_gone_from_entries_that_stay_valid(db: iron_store::Db) {
        let world = World::new(db).await;
        let mut server = world.start().await;
        let (acting, person) = (world.admin(), world.environment.new_id());
        let mut tx = world.db.begin().await.unwrap();
        let entry = Entry::new("user.update", "user")
            .resource(person)
            .subject(person)
            .changes(Some(&json!({ "name": "Ann" })), Some(&json!({ "name": "Bea" })));
        let id = world.audit.write(&mut tx, &acting, entry).await.unwrap();
        tx.commit().await.unwrap();
        server.settle().await;
        world.keys.erase(subject_of(person));
        let read = world.log.get(&acting, id).await.unwrap();
        assert_eq!((read.changes, read.parameters), (None, Value::Null));
        assert_eq!(read.ip.as_deref(), Some("203.0.113.7"), "whoever acted is another person");
        let bundle = Bundle::journal(world.folder.path(), &[1; 32]).unwrap();
        assert!(verify(&bundle, &Trust::new(server.journal.public_key()), |_, _| {}).unwrap().is_valid());
    }

    async fn nobody_reads_another_tenants_entries(db: iron_store::Db) {
        let world = World::new(db).await;
        let mut server = world.start().await;
        let id = write(&world, entry()).await;
        server.settle().await;
        let stranger = world.caller(world.environment.new_id(), world.environment.new_id());
        assert!(matches!(world.log.get(&stranger, id).await, Err(Error::NotFound)));
        let listed = world.log.list(&stranger, &EntryFilter::default(), Page::default()).await.unwrap();
        assert_eq!((listed.items, listed.total), (Vec::new(), 0));
    }

    async fn filters_narrow_and_the_order_can_be_turned(db: iron_store::Db) {
        let world = World::new(db).await;
        let mut server = world.start().await;
        let (ann, bob) = (world.admin(), world.admin());
        let kinds = [("agent.create", "agent"), ("agent.delete", "agent"), ("token.create", "token")];
        for (caller, (action, resource_type)) in [(&ann, kinds[0]), (&bob, kinds[1]), (&ann, kinds[2])] {
            world.time.clock.advance(std::time::Duration::from_secs(60));
            let mut tx = world.db.begin().await.unwrap();
            let entry = Entry::new(action, resource_type).resource(format!("{resource_type}-1"));
            world.audit.write(&mut tx, caller, entry).await.unwrap();
            tx.commit().await.unwrap();
        }
        server.settle().await;
        let actions = async |filter: EntryFilter| -> Vec<String> {
            let listed = world.log.list(&ann, &filter, Page::default()).await.unwrap();
            assert_eq!(listed.total, listed.items.len() as u64);
            listed.items.into_iter().map(|entry| entry.action).collect()
        };
        let none = EntryFilter::default;
        assert_eq!(actions(none()).await, ["token.create", "agent.delete", "agent.create"]);
        assert_eq!(actions(EntryFilter { ascending: true, ..none() }).await, ["agent.create", "agent.delete", "token.create"]);
        assert_eq!(actions(EntryFilter { user: Some(bob.user), ..none() }).await, ["agent.delete"]);
        let of_type = EntryFilter { resource_type: Some("agent".to_owned()), ..none() };
        assert_eq!(actions(of_type).await, ["agent.delete", "agent.create"]);
        let by_id = EntryFilter { resource_id: Some("token-1".to_owned()), ..none() };
        assert_eq!(actions(by_id).await, ["token.create"]);
        let two = EntryFilter { actions: vec!["agent.create".to_owned(), "token.create".to_owned()], ..none() };
        assert_eq!(actions(two).await, ["token.create", "agent.create"]);
        assert_eq!(actions(EntryFilter { methods: vec!["PUT".to_owned()], ..none() }).await, [""; 0]);
        assert_eq!(actions(EntryFilter { status_code: Some(404), ..none() }).await, [""; 0]);
        let end = world.environment.now();
        let start = end.minus(std::time::Duration::from_secs(60));
        let between = EntryFilter { start: Some(start), end: Some(end), ..none() };
        assert_eq!(actions(between).await, ["agent.delete"], "the end is not included");
        let mine = world.log.mine(&ann, &EntryFilter { user: Some(bob.user), ..none() }, Page::default()).await.unwrap();
        assert_eq!(mine.total, 2, "one's own only, whatever is asked");
    }

    async fn an_event_of_nobody_authorised_is_written_too(db: iron_store::Db) {
        let world = World::new(db).await;
        let mut server = world.start().await;
        let origin = Origin { tenant: world.tenant, user: None, request: Some(world.admin().request.clone()) };
        let mut tx = world.db.begin().await.unwrap();
        let failed = Entry::new("auth.login_failed", "session").status(401);
        world.audit.write_event(&mut tx, &origin, failed).await.unwrap();
        tx.commit().await.unwrap();
        server.settle().await;
        let entries = all(&world).await;
        assert_eq!(entries.len(), 1);
        assert_eq!((entries[0].user, entries[0].role.as_deref(), entries[0].status_code), (None, None, 401));
        assert_eq!(entries[0].ip.as_deref(), Some("203.0.113.7"));
    }

    async fn the_running_server_moves_entries_by_itself(db: iron_store::Db) {
        let world = World::new(db).await;
        let Server { journal, projector, relay } = world.start().await;
        let tasks = [tokio::spawn(projector.run()), tokio::spawn(relay.run())];
        let id = write(&world, entry()).await;
        let admin = world.admin();
        while matches!(world.log.get(&admin, id).await, Err(Error::NotFound)) {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        journal.close().unwrap();
        // Whoever writes after the end is told; both tasks come to theirs.
        write(&world, entry()).await;
        for task in tasks {
            assert!(matches!(task.await.unwrap(), Error::Stopped(_)));
        }
    }
}
