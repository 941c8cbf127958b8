//! What guardrails found, as it is read from the records.

use std::time::Duration;

use iron_audit::{Authorised, Reach, ViolationAlarm, ViolationFilter};
use iron_journal::canonical;
use iron_primitives::{AgentId, ProjectId, RequestId, TeamId, UserId};
use iron_store::{Db, Page, both_engines};
use serde_json::{Value, json};

use crate::kit::{Server, World};

struct Maker {
    agent: AgentId,
    project: ProjectId,
    team: TeamId,
    user: UserId,
}

impl Maker {
    fn new(world: &World) -> Maker {
        let environment = &world.environment;
        Maker {
            agent: environment.new_id(),
            project: environment.new_id(),
            team: environment.new_id(),
            user: environment.new_id(),
        }
    }

    /// Appends the record of a call with these findings.
    fn called(&self, world: &World, server: &Server, findings: &Value) -> RequestId {
        let environment = &world.environment;
        let id: RequestId = environment.new_id();
        let now = environment.now().micros();
        let token: iron_primitives::IcTokenId = environment.new_id();
        let body = json!({
            "agent": self.agent, "call": id, "token": token, "kind": "call", "format": 1,
            "cost_nanos": 1, "outcome": "completed", "status": 200,
            "started_at_us": now, "ended_at_us": now + 5,
            "project": self.project, "team": self.team, "user": self.user,
            "guard": {
                "findings": findings, "found": 2, "verdict": "block", "version": 3,
            },
        });
        let body = canonical::to_vec(&body).unwrap();
        server.journal.append_record(world.tenant, &body).unwrap();
        id
    }
}

fn finding(entity: &str, channel: &str, verdict: &str) -> Value {
    json!({
        "channel": channel, "entity": entity, "rule": format!("rule.{entity}"), "part": 1,
        "start": 4, "end": 9, "score_permille": 900, "verdict": verdict,
    })
}

async fn seen(world: &World, by: &Authorised, filter: &ViolationFilter) -> Vec<String> {
    let found = world.audit.violations(by, filter, Page::default()).await;
    let found = found.unwrap().items;
    found.into_iter().map(|one| one.entity).collect()
}

both_engines! {
    async fn each_finding_of_a_record_is_listed_the_newest_first(db: Db) {
        let world = World::new(db).await;
        let mut server = world.start().await;
        let one = Maker::new(&world);
        let graver = json!({
            "channel": "user", "entity": "jailbreak", "rule": "injection.dan", "severity": "high",
            "start": 0, "end": 3, "score_permille": 990, "verdict": "block",
        });
        let call = one.called(&world, &server, &json!([finding("email", "output", "redact"), graver]));
        server.settle().await;
        let admin = world.admin();
        let filter = ViolationFilter::default();
        let found = world.audit.violations(&admin, &filter, Page::default()).await.unwrap();
        assert_eq!(found.total, 2);
        let [second, first] = found.items.as_slice() else { panic!("{found:?}") };
        assert_eq!((first.call, first.agent, first.project), (call, one.agent, Some(one.project)));
        assert_eq!((first.start, first.end, first.part), (4, 9, 1));
        assert_eq!((first.score_permille, first.profile_version), (900, 3));
        assert_eq!((first.rule.as_str(), &first.severity), ("rule.email", &None));
        assert_eq!(second.severity.as_deref(), Some("high"));
        assert_ne!(first.id, second.id);
    }

    async fn they_are_told_apart_by_what_the_filter_says(db: Db) {
        let world = World::new(db).await;
        let mut server = world.start().await;
        let (one, other) = (Maker::new(&world), Maker::new(&world));
        let call = one.called(&world, &server, &json!([finding("email", "output", "redact")]));
        other.called(&world, &server, &json!([finding("api_key", "user", "block")]));
        // What no database takes does not keep the call from being counted.
        other.called(&world, &server, &json!([finding("nul\0", "user", "flag")]));
        server.settle().await;
        let admin = world.admin();
        let all = ViolationFilter::default();
        let words = |word: &str| vec![word.to_owned()];
        let now = world.environment.now();
        for (filter, expected) in [
            (all.clone(), vec!["api_key", "email"]),
            (ViolationFilter { agent: Some(one.agent), ..all.clone() }, vec!["email"]),
            (ViolationFilter { project: Some(other.project), ..all.clone() }, vec!["api_key"]),
            (ViolationFilter { call: Some(call), ..all.clone() }, vec!["email"]),
            (ViolationFilter { entities: words("email"), ..all.clone() }, vec!["email"]),
            (ViolationFilter { verdicts: words("block"), ..all.clone() }, vec!["api_key"]),
            (ViolationFilter { channels: words("output"), ..all.clone() }, vec!["email"]),
            (ViolationFilter { end: Some(now), ..all.clone() }, vec![]),
            (ViolationFilter { start: Some(now), ..all.clone() }, vec!["api_key", "email"]),
        ] {
            assert_eq!(sorted(seen(&world, &admin, &filter).await), expected, "{filter:?}");
        }
        let calls = world.audit.calls(&admin, iron_audit::CallFilter::default(), Page::default());
        assert_eq!(calls.await.unwrap().total, 3);
    }

    async fn whoever_reaches_less_sees_less(db: Db) {
        let world = World::new(db).await;
        let mut server = world.start().await;
        let (one, other) = (Maker::new(&world), Maker::new(&world));
        one.called(&world, &server, &json!([finding("email", "output", "redact")]));
        other.called(&world, &server, &json!([finding("phone", "output", "redact")]));
        server.settle().await;
        let all = ViolationFilter::default();
        let reaching = |reach| world.reaching(reach);
        assert_eq!(seen(&world, &reaching(Reach::Own(one.user)), &all).await, ["email"]);
        assert_eq!(seen(&world, &reaching(Reach::Teams(vec![other.team])), &all).await, ["phone"]);
        assert!(seen(&world, &reaching(Reach::Teams(vec![])), &all).await.is_empty());
        let stranger = world.caller(world.environment.new_id(), world.environment.new_id());
        assert!(seen(&world, &stranger, &all).await.is_empty());
    }

    async fn what_was_blocked_or_is_to_be_looked_at_is_told_once_a_minute_with_its_count(db: Db) {
        let world = World::new(db).await;
        let mut server = world.start().await;
        let (one, other) = (Maker::new(&world), Maker::new(&world));
        one.called(&world, &server, &json!([
            finding("email", "output", "flag"),
            finding("email", "output", "redact"),
            finding("api_key", "user", "redact"),
        ]));
        let last = one.called(&world, &server, &json!([finding("email", "user", "block")]));
        other.called(&world, &server, &json!([finding("email", "output", "flag")]));
        server.settle().await;
        let alarms = world.audit.violation_alarms(10).await.unwrap();
        assert_eq!(alarms.len(), 2, "{alarms:?}");
        let of_one = alarms.iter().find(|alarm| alarm.agent == one.agent).unwrap();
        assert_eq!((of_one.count, of_one.verdict.as_str(), of_one.call), (2, "block", last));
        assert_eq!((of_one.tenant, of_one.rule.as_str()), (world.tenant, "rule.email"));
        for alarm in &alarms {
            assert_eq!(take(&world, alarm).await.as_ref().map(|taken| taken.count), Some(alarm.count));
            assert_eq!(take(&world, alarm).await, None, "another has taken it");
        }
        one.called(&world, &server, &json!([finding("email", "output", "flag")]));
        server.settle().await;
        assert!(world.audit.violation_alarms(10).await.unwrap().is_empty(), "within a minute");
        world.time.clock.advance(Duration::from_secs(61));
        let alarms = world.audit.violation_alarms(10).await.unwrap();
        assert_eq!((alarms.len(), alarms[0].count, alarms[0].verdict.as_str()), (1, 1, "flag"));
        assert!(take(&world, &alarms[0]).await.is_some());
        world.time.clock.advance(Duration::from_secs(7_200));
        assert_eq!(world.audit.tidy_violation_alarms().await.unwrap(), 2);
    }

    async fn findings_without_a_pause_hold_up_no_alarm(db: Db) {
        let world = World::new(db).await;
        let mut server = world.start().await;
        let maker = Maker::new(&world);
        maker.called(&world, &server, &json!([finding("email", "output", "flag")]));
        server.settle().await;
        let alarms = world.audit.violation_alarms(10).await.unwrap();
        let last = maker.called(&world, &server, &json!([finding("email", "user", "block")]));
        server.settle().await;
        let taken = take(&world, &alarms[0]).await.expect("it is taken though it grew");
        assert_eq!((taken.count, taken.verdict.as_str(), taken.call), (2, "block", last));
        assert_eq!(taken.channel, "user");
        world.time.clock.advance(Duration::from_secs(61));
        assert!(world.audit.violation_alarms(10).await.unwrap().is_empty(), "nothing is left");
    }
}

async fn take(world: &World, alarm: &ViolationAlarm) -> Option<ViolationAlarm> {
    let mut tx = world.db.begin().await.unwrap();
    let taken = world.audit.take_violation_alarm(&mut tx, alarm).await;
    tx.commit().await.unwrap();
    taken.unwrap()
}

fn sorted(mut words: Vec<String>) -> Vec<String> {
    words.sort();
    words
}
