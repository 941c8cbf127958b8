use proptest::prelude::*;

use super::*;

const POLICY: BreakerPolicy = BreakerPolicy {
    failures: 3,
    rate: None,
    open_for: Duration::from_secs(10),
    longest: Duration::from_secs(60),
    probes: 2,
};

fn at(seconds: u64) -> BootInstant {
    BootInstant::from_nanos(seconds * 1_000_000_000)
}

fn fail(breaker: &mut Breaker, seconds: u64) {
    let admitted = breaker.admit(at(seconds)).expect("it is let through");
    breaker.report(admitted, Outcome::Failure, POLICY, at(seconds));
}

fn succeed(breaker: &mut Breaker, seconds: u64) {
    let admitted = breaker.admit(at(seconds)).expect("it is let through");
    breaker.report(admitted, Outcome::Success, POLICY, at(seconds));
}

#[test]
fn failures_in_a_row_open_it_and_probes_close_it() {
    let mut breaker = Breaker::default();
    fail(&mut breaker, 0);
    fail(&mut breaker, 0);
    succeed(&mut breaker, 0);
    fail(&mut breaker, 1);
    fail(&mut breaker, 1);
    fail(&mut breaker, 1);
    assert_eq!(breaker.admit(at(2)), Err(Duration::from_secs(9)));
    succeed(&mut breaker, 11);
    succeed(&mut breaker, 11);
    assert!(breaker.is_idle());
}

#[test]
fn one_probe_at_a_time_and_one_that_fails_doubles_the_wait() {
    let mut breaker = Breaker::default();
    (0..3).for_each(|_| fail(&mut breaker, 0));
    let probe = breaker.admit(at(10)).expect("a probe");
    assert_eq!(breaker.admit(at(10)), Err(Duration::ZERO));
    breaker.report(probe, Outcome::Failure, POLICY, at(10));
    assert_eq!(breaker.admit(at(10)), Err(Duration::from_secs(20)));
    fail(&mut breaker, 30);
    fail(&mut breaker, 70);
    assert_eq!(breaker.admit(at(70)), Err(Duration::from_secs(60)));
}

#[test]
fn what_was_sent_before_it_opened_does_not_close_it() {
    let mut breaker = Breaker::default();
    let early = breaker.admit(at(0)).expect("closed");
    (0..3).for_each(|_| fail(&mut breaker, 0));
    breaker.report(early, Outcome::Success, POLICY, at(1));
    assert!(breaker.admit(at(1)).is_err());
    let probe = breaker.admit(at(10)).expect("a probe");
    breaker.report(early, Outcome::Failure, POLICY, at(10));
    breaker.report(probe, Outcome::Success, POLICY, at(10));
    assert!(breaker.admit(at(10)).is_ok(), "the next probe");
}

#[test]
fn peers_are_apart_and_a_permit_that_is_dropped_blocks_nobody() {
    let breakers = Breakers::new(POLICY);
    for _ in 0..3 {
        let permit = breakers.admit("a", at(0)).expect("closed");
        permit.report(Outcome::Failure, at(0));
    }
    assert!(breakers.admit("a", at(1)).is_err());
    assert!(breakers.admit("b", at(1)).is_ok());
    let probe = breakers.admit("a", at(10)).expect("a probe");
    assert!(breakers.admit("a", at(10)).is_err());
    drop(probe);
    for _ in 0..2 {
        let probe = breakers.admit("a", at(10)).expect("another probe");
        probe.report(Outcome::Success, at(10));
    }
    assert!(breakers.known().is_empty(), "nothing is kept of the well");
}

/// Opens at half of at least four in ten seconds, however they come.
const SHARE: BreakerPolicy = BreakerPolicy {
    failures: 0,
    rate: Some(ErrorRate {
        percent: 50,
        at_least: 4,
        within: Duration::from_secs(10),
    }),
    ..POLICY
};

#[test]
fn too_large_a_share_of_failures_opens_it_and_is_forgotten_then() {
    let mut breaker = Breaker::default();
    let mut ends = |outcome, seconds| {
        let admitted = breaker.admit(at(seconds)).expect("it is let through");
        breaker.report(admitted, outcome, SHARE, at(seconds));
        breaker.standing(at(seconds))
    };
    for seconds in [0, 20, 40, 60, 80] {
        assert_eq!(
            ends(Outcome::Failure, seconds),
            Standing::Closed,
            "one alone"
        );
    }
    assert_eq!(ends(Outcome::Success, 100), Standing::Closed);
    assert_eq!(ends(Outcome::Failure, 101), Standing::Closed);
    assert_eq!(ends(Outcome::Success, 102), Standing::Closed);
    let until = at(113);
    assert_eq!(ends(Outcome::Failure, 103), Standing::Open { until });
    assert_eq!(ends(Outcome::Success, 113), Standing::HalfOpen);
    assert_eq!(ends(Outcome::Success, 113), Standing::Closed);
    assert_eq!(
        ends(Outcome::Failure, 113),
        Standing::Closed,
        "the old ones are over"
    );
}

#[test]
fn a_share_of_failures_counts_what_went_well_before_anything_failed() {
    let breakers = Breakers::new(SHARE);
    for outcome in [Outcome::Success; 9]
        .into_iter()
        .chain([Outcome::Failure; 8])
    {
        let permit = breakers.admit("a", at(0)).expect("closed");
        permit.report(outcome, at(0));
    }
    let permit = breakers.admit("a", at(0)).expect("eight of seventeen");
    permit.report(Outcome::Failure, at(0));
    assert!(breakers.admit("a", at(0)).is_err(), "nine of eighteen");
}

#[derive(Debug, Clone)]
enum Step {
    Admit,
    Report(usize, Outcome),
    Wait(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let outcome = prop_oneof![
        Just(Outcome::Success),
        Just(Outcome::Failure),
        Just(Outcome::Unknown)
    ];
    let step = prop_oneof![
        Just(Step::Admit),
        (0usize..8, outcome).prop_map(|(which, outcome)| Step::Report(which, outcome)),
        (0u64..40).prop_map(Step::Wait),
    ];
    prop::collection::vec(step, 0..200)
}

proptest! {
    /// Whatever happens: an open breaker lets nobody through, a half-open one has one probe under way
    /// at most, no wait is longer than the longest, and after it there is a way back.
    #[test]
    fn its_promises_hold_in_any_order(steps in steps(), by_share in any::<bool>()) {
        let policy = if by_share { SHARE } else { POLICY };
        let (mut breaker, mut now, mut open) = (Breaker::default(), 1u64, Vec::new());
        for step in steps {
            match step {
                Step::Wait(seconds) => now += seconds,
                Step::Report(which, outcome) if which < open.len() => {
                    let admitted = open.swap_remove(which);
                    breaker.report(admitted, outcome, policy, at(now));
                }
                Step::Report(..) => {}
                Step::Admit => {
                    let before = breaker.state.clone();
                    let admitted = breaker.admit(at(now));
                    match before {
                        State::Closed { .. } => prop_assert!(admitted.is_ok()),
                        State::Open { until } => prop_assert_eq!(admitted.is_ok(), until <= at(now)),
                        State::HalfOpen { probing, .. } => prop_assert_eq!(admitted.is_err(), probing),
                    }
                    match admitted {
                        Ok(admitted) => open.push(admitted),
                        Err(wait) => prop_assert!(wait <= policy.longest),
                    }
                }
            }
        }
        for admitted in open {
            breaker.report(admitted, Outcome::Unknown, policy, at(now));
        }
        let later = at(now).plus(policy.longest);
        prop_assert!(breaker.admit(later).is_ok(), "there is a way back: {:?}", breaker);
    }
}
