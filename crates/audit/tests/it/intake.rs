//! Records that a runtime elsewhere sends: in order, once, and believed as far as their chain goes.

use std::collections::BTreeSet;

use iron_audit::{CallFilter, Error, Sent, Shipment};
use iron_journal::{Content, Journal, JournalKeys, Options, Position, canonical};
use iron_primitives::{AgentId, InstanceId, TenantId};
use iron_store::{Page, both_engines, sql};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::kit::World;

/// A runtime with a journal of its own.
struct Far {
    instance: InstanceId,
    agent: AgentId,
    folder: TempDir,
}

impl Far {
    fn new(world: &World) -> Far {
        Far {
            instance: world.environment.new_id(),
            agent: world.environment.new_id(),
            folder: tempfile::tempdir().unwrap(),
        }
    }

    fn journal(&self, world: &World) -> Journal {
        let keys = JournalKeys::new([4; 32], [5; 32], [6; 32]);
        let options = Options::new(self.instance, 1, keys);
        let opened = Journal::open(self.folder.path(), options, world.environment.clone());
        opened.unwrap().0
    }

    fn call(&self, world: &World, tenant: TenantId) -> Value {
        json!({
            "agent": self.agent, "call": world.environment.new_id::<iron_primitives::RequestId>(),
            "token": world.environment.new_id::<iron_primitives::IcTokenId>(), "kind": "call",
            "cost_nanos": 1_000, "outcome": "completed", "status": 200, "tenant": tenant,
            "started_at_us": 1, "ended_at_us": 2,
        })
    }

    fn append(&self, world: &World, journal: &Journal, calls: usize) {
        for _ in 0..calls {
            let body = canonical::to_vec(&self.call(world, world.tenant)).unwrap();
            journal.append_record(world.tenant, &body).unwrap();
        }
    }
}

/// Everything behind a place, and the place behind that.
async fn behind(journal: &Journal, from: Position) -> (Vec<Sent>, Position) {
    journal.synced(journal.position()).await.unwrap();
    let mut reader = journal.read_from(from).unwrap();
    let (mut sent, mut to) = (Vec::new(), from);
    for frame in reader.next_frames(1_000).unwrap() {
        to = frame.next;
        if let Content::Record(record) = &frame.content {
            sent.push(Sent {
                envelope: String::from_utf8(record.envelope().to_vec()).unwrap(),
                mac: record.mac.to_string(),
                next: frame.next,
            });
        }
    }
    (sent, to)
}

async fn send(
    world: &World,
    far: &Far,
    incarnation: u64,
    ends: (Position, Position),
    records: Vec<Sent>,
) -> Result<Position, Error> {
    let shipment = Shipment::read(world.tenant, far.instance, incarnation, ends, records);
    let agents = BTreeSet::from([far.agent]);
    world.audit.take(shipment, &agents, Vec::new()).await
}

async fn calls(world: &World) -> u64 {
    let admin = world.admin();
    let found = world
        .audit
        .calls(&admin, CallFilter::default(), Page::default());
    found.await.unwrap().total
}

async fn set_aside(world: &World) -> Vec<String> {
    let rows = sql("SELECT reason FROM journal_poison ORDER BY position")
        .fetch_all(&world.db)
        .await
        .unwrap();
    rows.iter().map(|row| row.get("reason").unwrap()).collect()
}

both_engines! {
    async fn records_are_taken_in_order_and_each_once(db: iron_store::Db) {
        let world = World::new(db).await;
        let far = Far::new(&world);
        let journal = far.journal(&world);
        let incarnation = journal.incarnation();
        far.append(&world, &journal, 3);
        let start = Position::START;
        let (first, middle) = behind(&journal, start).await;
        assert_eq!(send(&world, &far, incarnation, (start, start), Vec::new()).await.unwrap(), start);
        for _ in 0..2 {
            let ends = (start, middle);
            assert_eq!(send(&world, &far, incarnation, ends, first.clone()).await.unwrap(), middle);
            assert_eq!(calls(&world).await, 3, "the same records again change nothing");
        }
        far.append(&world, &journal, 2);
        let (all, end) = behind(&journal, start).await;
        assert_eq!(send(&world, &far, incarnation, (start, end), all).await.unwrap(), middle);
        assert_eq!(calls(&world).await, 3, "what does not begin where the last ended changes nothing");
        let (rest, end) = behind(&journal, middle).await;
        let ahead = Position::from_u64(end.to_u64() + 1);
        assert_eq!(send(&world, &far, incarnation, (ahead, ahead), rest.clone()).await.unwrap(), middle);
        assert_eq!(send(&world, &far, incarnation, (middle, end), rest).await.unwrap(), end);
        assert_eq!(calls(&world).await, 5);

        // The next process goes on with the chain; the one before it is heard no more.
        journal.close().unwrap();
        drop(journal);
        let journal = far.journal(&world);
        far.append(&world, &journal, 1);
        let (more, last) = behind(&journal, end).await;
        assert_eq!(send(&world, &far, journal.incarnation(), (end, last), more).await.unwrap(), last);
        assert_eq!((calls(&world).await, set_aside(&world).await), (6, Vec::new()));
        let late = send(&world, &far, incarnation, (last, last), Vec::new()).await;
        assert!(matches!(late, Err(Error::Superseded)), "{late:?}");
    }
}

both_engines! {
    async fn what_is_forged_is_set_aside_and_blocks_nothing(db: iron_store::Db) {
        let world = World::new(db).await;
        let far = Far::new(&world);
        let journal = far.journal(&world);
        far.append(&world, &journal, 6);
        let start = Position::START;
        let (mut records, to) = behind(&journal, start).await;
        // A cost that was changed afterwards breaks the chain behind it; another is cut short.
        records[1].envelope = records[1].envelope.replace(r#""cost_nanos":1000"#, r#""cost_nanos":1"#);
        records[4].envelope.truncate(40);
        let incarnation = journal.incarnation();
        assert_eq!(send(&world, &far, incarnation, (start, to), records).await.unwrap(), to);
        assert_eq!(
            set_aside(&world).await,
            ["its chain is broken", "it is no record", "its chain is broken"]
        );
        assert_eq!(calls(&world).await, 3);
        far.append(&world, &journal, 1);
        let (rest, end) = behind(&journal, to).await;
        assert_eq!(send(&world, &far, incarnation, (to, end), rest).await.unwrap(), end);
        assert_eq!(calls(&world).await, 4, "the chain goes on");
    }
}

both_engines! {
    async fn a_runtime_records_calls_of_its_own_agents_and_nothing_else(db: iron_store::Db) {
        let world = World::new(db).await;
        let far = Far::new(&world);
        let journal = far.journal(&world);
        let mut stranger = far.call(&world, world.tenant);
        stranger["agent"] = json!(world.environment.new_id::<AgentId>());
        let change = json!({
            "action": "user.delete", "at_us": 1, "format": 1, "kind": "audit",
            "id": world.environment.new_id::<iron_primitives::AuditId>(),
            "resource_type": "user", "status_code": 200, "tenant": world.tenant,
        });
        for body in [&stranger, &change] {
            let body = canonical::to_vec(body).unwrap();
            journal.append_record(world.tenant, &body).unwrap();
        }
        let other: TenantId = world.environment.new_id();
        let body = canonical::to_vec(&far.call(&world, other)).unwrap();
        journal.append_record(other, &body).unwrap();
        far.append(&world, &journal, 1);
        let start = Position::START;
        let (records, to) = behind(&journal, start).await;
        send(&world, &far, journal.incarnation(), (start, to), records).await.unwrap();
        assert_eq!(
            set_aside(&world).await,
            ["its agent has not called", "it is not of a governed call", "it is of another chain"]
        );
        assert_eq!(calls(&world).await, 1);
        let entries = sql("SELECT COUNT(*) AS n FROM audit_entries").fetch_one(&world.db).await;
        assert_eq!(entries.unwrap().get::<i64>("n").unwrap(), 0);
    }
}
