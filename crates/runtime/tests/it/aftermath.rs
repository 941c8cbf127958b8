//! The money of attempts that others follow: what was free is free for the next one, what was paid is
//! in the record, also if the process ends before the call does.

use std::time::Duration;

use iron_journal::{Content, Cursor, Frame, Journal, JournalKeys, Options};
use iron_llm::Dialect;
use iron_primitives::{Environment, Scope};
use iron_runtime::authority::Fallback;
use iron_runtime::record::{CallRecord, Ended, Outcome, Settlement};
use iron_runtime::record_orphans;
use iron_runtime::wallet::{Entry, Estate, Replay};
use iron_testkit::{Fault, Shape};

use crate::endings::CHAT;
use crate::fallback::{Tiers, status};

const SHORT: &str = r#"{"model":"gpt-4o-mini","max_tokens":1,"messages":[{"role":"user","content":"Say something about the sea, the moon and the tides, and be brief."}]}"#;

fn falls_back_on(tiers: Tiers, model: &str) -> Tiers {
    tiers.routed(|routing| {
        routing.fallbacks = vec![Fallback {
            model: model.to_owned(),
            provider: None,
        }];
    })
}

/// What one attempt holds at the most where money is scarce.
async fn bound_of(body: &str) -> i64 {
    let tiers = Tiers::of(&[Shape::OpenAi]).await;
    tiers.world.limit_agent(100_000);
    tiers.ask(body).await;
    tiers.world.record().await.attempts[0].hold.amount_nanos
}

async fn frames(journal: &Journal) -> Vec<Frame> {
    let durable = journal.durable(journal.position()).await;
    durable.expect("durable");
    let mut reader = journal.read_from(Cursor::START).expect("a reader");
    reader.next_frames(10_000).expect("readable")
}

/// What a process would find that begins now.
async fn estate_of(journal: &Journal) -> Estate {
    let mut replay = Replay::default();
    for frame in frames(journal).await {
        use iron_journal::FrameKind;
        match &frame.content {
            Content::Opaque(FrameKind::Reserve, bytes) => replay.read(Entry::Reserve(bytes)),
            Content::Opaque(FrameKind::Release, bytes) => replay.read(Entry::Release(bytes)),
            Content::Opaque(FrameKind::Lease | FrameKind::Watermark, bytes) => {
                replay.read(Entry::Lease(bytes));
            }
            Content::Record(record) => replay.read(Entry::Record(record.body())),
            _ => {}
        }
    }
    replay.finish("boot")
}

/// The record that a process writes of the only call that never came back.
async fn orphan_of(estate: &Estate, environment: &Environment) -> CallRecord {
    let folder = tempfile::tempdir().expect("a folder");
    let keys = JournalKeys::new([1; 32], [2; 32], [3; 32]);
    let options = Options::new(environment.new_id(), 1, keys);
    let opened = Journal::open(folder.path(), options, environment.clone());
    let (journal, _) = opened.expect("opens");
    let written = record_orphans(&journal, &estate.orphans, environment);
    assert_eq!(written, Ok(1));
    let found = frames(&journal).await.into_iter();
    let mut found = found.filter_map(|frame| match frame.content {
        Content::Record(record) => Some(record),
        _ => None,
    });
    let record = found.next().expect("a record");
    serde_json::from_slice(record.body()).expect("of a call")
}

#[tokio::test]
async fn what_was_paid_before_a_crash_is_in_the_record_of_the_call() {
    let tiers = Tiers::of(&[Shape::OpenAi, Shape::Anthropic]).await;
    let tiers = falls_back_on(tiers, "claude-haiku-4-5");
    tiers.world.limit_agent(1_000_000_000_000);
    tiers.fails(0, Fault::CutAt(0));
    tiers.fails(1, Fault::SilentAfter(0));
    let world = &tiers.world;
    let watched = async {
        while tiers.asked() != [1, 1] {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        estate_of(&world.journal).await
    };
    let (_, estate) = tokio::join!(world.call(Dialect::OpenAiChat, CHAT), watched);
    let record = orphan_of(&estate, &world.environment).await;
    assert_eq!(record.outcome, Outcome::Unknown);
    assert_eq!(record.model.as_deref(), Some("gpt-4o-mini"));
    let [paid, lost] = &record.attempts[..] else {
        panic!("two attempts: {record:?}")
    };
    assert_eq!(
        (paid.ended, lost.ended),
        (Ended::UpstreamCut, Ended::Crashed)
    );
    assert_eq!(
        (paid.settlement, lost.settlement),
        (Settlement::Estimated, Settlement::Estimated)
    );
    assert_eq!([paid.provider, lost.provider], tiers.providers[..]);
    assert_eq!(
        (&*paid.model, &*lost.model),
        ("gpt-4o-mini", "claude-haiku-4-5")
    );
    assert_eq!(
        (&*paid.provider_kind, &*lost.provider_kind),
        ("openai", "anthropic")
    );
    let own = Scope::Agent(world.path.agent);
    let of_agent = estate.accounts.iter().filter(|one| one.scope == own);
    let settled: i64 = of_agent.map(|one| one.settled).sum();
    assert!(paid.settled_nanos > 0 && lost.settled_nanos > 0);
    assert_eq!(
        record.cost_nanos, settled,
        "the record has what the ledger has"
    );
}

#[tokio::test]
async fn what_was_free_is_there_for_the_next_attempt() {
    let bound = bound_of(CHAT).await;
    let tiers = Tiers::of(&[Shape::OpenAi, Shape::OpenAi]).await;
    tiers.world.limit_agent(bound);
    tiers.fails(0, status(503, None));
    assert_eq!(tiers.ask(CHAT).await.status, 200);
    assert_eq!(tiers.asked(), [1, 1]);
    let record = tiers.world.record().await;
    assert_eq!(
        record.attempts[0].hold.amount_nanos, bound,
        "the whole budget"
    );
    assert!(!record.attempts[1].clamped);
    assert_eq!(tiers.world.money_used().await, record.cost_nanos);
}

#[tokio::test]
async fn what_was_free_is_let_go_once_if_nothing_follows_for_want_of_money() {
    let bound = bound_of(SHORT).await;
    let tiers = falls_back_on(Tiers::of(&[Shape::OpenAi]).await, "gpt-4o");
    tiers.world.limit_agent(bound);
    tiers.fails(0, status(503, None));
    assert_eq!(tiers.ask(SHORT).await.status, 503);
    let record = tiers.world.record().await;
    assert!(record.attempts.iter().all(|one| one.settled_nanos == 0));
    let mut numbers: Vec<_> = record.attempts.iter().map(|one| one.number).collect();
    numbers.dedup();
    assert_eq!(numbers.len(), record.attempts.len(), "each has one line");
    assert_eq!(record.cost_nanos, 0);
    assert_eq!(tiers.world.money_used().await, 0);
    assert_eq!(tiers.world.wallets.open_holds(), 0);
    tiers.fails(0, Fault::None);
    assert_eq!(tiers.ask(SHORT).await.status, 200, "all of it is there");
}
