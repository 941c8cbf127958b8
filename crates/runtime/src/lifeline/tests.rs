//! Lifelines by themselves.

use iron_primitives::{ActorPath, Environment};
use iron_testkit::TestEnvironment;

use super::*;

fn digest(byte: u8) -> TokenDigest {
    TokenDigest::from_bytes([byte; 32])
}

fn somebody(environment: &Environment) -> Engaged {
    Engaged {
        token: environment.new_id(),
        path: ActorPath {
            pool: None,
            tenant: environment.new_id(),
            project: environment.new_id(),
            team: None,
            user: environment.new_id(),
            agent: environment.new_id(),
        },
        agent_ends: 0,
    }
}

#[tokio::test]
async fn an_end_reaches_all_who_hold_the_lifeline_and_nobody_who_comes_later() {
    let environment = TestEnvironment::new().environment;
    let (one, other) = (somebody(&environment), somebody(&environment));
    let agent = one.path.agent;
    let lines = Arc::new(Lifelines::default());
    let [first, again] = [lines.of(digest(1), one), lines.of(digest(1), one)];
    assert!(
        Arc::ptr_eq(&first, &again),
        "a renewed bearer hangs on the same one"
    );
    let second = lines.of(digest(2), one);
    let others = lines.of(digest(3), other);

    lines.revoke(digest(1));
    assert_eq!((first.cut().await, second.ended()), (End::Token, None));
    let later = lines.of(digest(1), one);
    assert_eq!(later.ended(), None);

    lines.end(agent);
    assert_eq!(
        (later.cut().await, second.cut().await),
        (End::Agent, End::Agent)
    );
    assert_eq!((first.ended(), others.ended()), (Some(End::Token), None));
}

#[test]
fn what_nobody_holds_is_forgotten() {
    let environment = TestEnvironment::new().environment;
    let one = somebody(&environment);
    let lines = Arc::new(Lifelines::default());
    let old = lines.of(digest(1), one);
    old.hang_on();
    lines.end(one.path.agent);
    let new = lines.of(digest(1), one);
    drop(old);
    assert_eq!(lines.known().len(), 1, "an old one takes no new one along");
    drop(new);
    assert!(lines.known().is_empty());
    assert!(lines.engaged().is_empty() && lines.listed().is_empty());
}

#[test]
fn an_agent_that_began_anew_hangs_on_another_one_and_the_old_one_can_still_be_ended() {
    let environment = TestEnvironment::new().environment;
    let before = somebody(&environment);
    let lines = Arc::new(Lifelines::default());
    let old = lines.of(digest(1), before);
    let after = Engaged {
        agent_ends: 1,
        ..before
    };
    let new = lines.of(digest(1), after);
    assert!(!Arc::ptr_eq(&old, &new));
    lines.end(before.path.agent);
    let ends = (old.ended(), new.ended());
    assert_eq!(ends, (Some(End::Agent), Some(End::Agent)));
}

#[test]
fn only_what_is_engaged_and_has_not_ended_is_engaged() {
    let environment = TestEnvironment::new().environment;
    let lines = Arc::new(Lifelines::default());
    let [idle, busy, over] =
        [1, 2, 3].map(|number| lines.of(digest(number), somebody(&environment)));
    let tokens = || -> Vec<_> { lines.engaged().iter().map(|one| one.token()).collect() };
    for lifeline in [&busy, &busy, &over] {
        lifeline.hang_on();
    }
    over.end(End::Owner);
    assert_eq!(tokens(), [digest(2)], "each once");
    busy.let_go();
    assert_eq!(tokens(), [digest(2)], "something still hangs on it");
    busy.let_go();
    assert!(tokens().is_empty());
    idle.hang_on();
    busy.hang_on();
    assert_eq!(tokens(), [digest(1), digest(2)], "and again");
}

#[test]
fn whoever_is_engaged_is_listed_whatever_happens_at_once() {
    let environment = TestEnvironment::new().environment;
    let lines = Arc::new(Lifelines::default());
    let one = lines.of(digest(1), somebody(&environment));
    std::thread::scope(|scope| {
        scope.spawn(|| (0..5_000).for_each(|_| drop(lines.engaged())));
        for _ in 0..5_000 {
            one.hang_on();
            assert_eq!(lines.engaged().len(), 1);
            one.let_go();
        }
    });
    one.hang_on();
    assert_eq!((lines.engaged().len(), lines.listed().len()), (1, 1));
}

#[tokio::test]
async fn who_waits_is_woken() {
    let environment = TestEnvironment::new().environment;
    let one = somebody(&environment);
    let lines = Arc::new(Lifelines::default());
    let lifeline = lines.of(digest(1), one);
    let waiting = tokio::spawn(async move { lifeline.cut().await });
    tokio::task::yield_now().await;
    lines.end(one.path.agent);
    assert_eq!(waiting.await.expect("told"), End::Agent);
}
