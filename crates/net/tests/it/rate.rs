//! How often callers may ask, on a clock that the test moves.

use std::time::Duration;

use http::HeaderMap;
use iron_net::rate::{Pace, PaceLimit, PaceLimiter, Quota, RateLimiter, Standing, Verdict};
use iron_primitives::{BootInstant, Timestamp};
use proptest::prelude::*;

const START: BootInstant = BootInstant::from_nanos(7_200_000_000_000);
const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

fn later(duration: Duration) -> BootInstant {
    START.plus(duration)
}

fn ask(limiter: &RateLimiter<&'static str>, at: BootInstant) -> (Verdict, Option<Standing>) {
    limiter.check("ada", at, NOW.plus(at.since(START)))
}

fn admitted(limiter: &RateLimiter<&'static str>, at: BootInstant) -> bool {
    matches!(ask(limiter, at).0, Verdict::Admitted { .. })
}

#[test]
fn ten_at_one_instant_pass_untouched_and_more_are_held_back_up_to_a_second() {
    let limiter = RateLimiter::new(Quota {
        per_minute: 1000,
        ..Quota::AUTHENTICATED
    });
    let waits: Vec<Verdict> = (0..130).map(|_| ask(&limiter, START).0).collect();
    let wait_of = |index: usize| match waits[index] {
        Verdict::Admitted { wait } => Some(wait),
        Verdict::Refused { .. } => None,
    };
    assert_eq!(wait_of(9), Some(Duration::ZERO));
    assert_eq!(wait_of(10), Some(Duration::from_millis(10)));
    assert_eq!(wait_of(109), Some(Duration::from_secs(1)));
    assert_eq!(wait_of(110), None);
}

#[test]
fn the_window_nearest_to_exhaustion_is_shown() {
    let limiter = RateLimiter::new(Quota {
        per_minute: 5,
        per_hour: 6,
        burst: 10,
    });
    let (_, standing) = ask(&limiter, START);
    assert_eq!(standing.map(|s| (s.limit, s.remaining)), Some((5, 4)));
    for _ in 0..4 {
        assert!(admitted(&limiter, START));
    }
    let (verdict, standing) = ask(&limiter, START);
    assert_eq!(
        verdict,
        Verdict::Refused {
            retry_after: Duration::from_secs(61)
        }
    );
    assert_eq!(standing.map(|s| (s.limit, s.remaining)), Some((5, 0)));
    let minute_later = later(Duration::from_secs(61));
    assert!(admitted(&limiter, minute_later));
    let (verdict, standing) = ask(&limiter, minute_later);
    assert!(matches!(verdict, Verdict::Refused { retry_after } if retry_after.as_secs() > 3000));
    assert_eq!(standing.map(|s| (s.limit, s.remaining)), Some((6, 0)));
}

#[test]
fn the_headers_tell_the_standing() {
    let limiter = RateLimiter::new(Quota::UNAUTHENTICATED);
    let (_, standing) = ask(&limiter, START);
    let mut headers = HeaderMap::new();
    standing.expect("a limit is set").write(&mut headers);
    assert_eq!(headers["x-ratelimit-limit"], "20");
    assert_eq!(headers["x-ratelimit-remaining"], "19");
    assert_eq!(headers["x-ratelimit-reset"], "1800000061");
}

#[test]
fn no_limit_shows_nothing_and_refuses_nobody() {
    let limiter = RateLimiter::new(Quota::default());
    for _ in 0..10_000 {
        assert_eq!(
            ask(&limiter, START),
            (
                Verdict::Admitted {
                    wait: Duration::ZERO
                },
                None
            )
        );
    }
}

#[test]
fn callers_do_not_share_their_windows() {
    let limiter = RateLimiter::new(Quota {
        per_minute: 1,
        ..Quota::default()
    });
    assert!(admitted(&limiter, START));
    assert!(!admitted(&limiter, START));
    assert!(matches!(
        limiter.check("grace", START, NOW).0,
        Verdict::Admitted { .. }
    ));
}

proptest! {
    /// Whatever the arrivals, no stretch of a minute holds more than the limit.
    #[test]
    fn no_minute_ever_admits_more_than_its_limit(
        gaps_ms in proptest::collection::vec(0_u64..5_000, 1..400),
        limit in 1_u32..40,
    ) {
        let limiter = RateLimiter::new(Quota { per_minute: limit, per_hour: 0, burst: 1000 });
        let mut at = START;
        let mut admissions: Vec<BootInstant> = Vec::new();
        for gap in gaps_ms {
            at = at.plus(Duration::from_millis(gap));
            if admitted(&limiter, at) {
                admissions.push(at);
            }
        }
        for (index, first) in admissions.iter().enumerate() {
            let within = admissions[index..]
                .iter()
                .filter(|other| other.since(*first) < Duration::from_secs(60))
                .count();
            prop_assert!(within <= limit as usize, "{within} > {limit}");
        }
    }
}

#[tokio::test]
async fn a_group_waits_for_the_limit_that_is_reached_for_the_longest() {
    let limiter = PaceLimiter::new(None);
    let pace = Pace {
        requests: 2,
        weight: 100,
    };
    let enter = async |at: BootInstant| limiter.enter("all", pace, at, NOW).await;
    let standing = enter(START).await.expect("room").expect("a limit");
    assert_eq!((standing.limit, standing.remaining), (2, 1));
    let half = later(Duration::from_secs(30));
    limiter.weigh("all", pace, 95, half).await;
    let nearest = enter(half).await.expect("room").expect("a limit");
    assert_eq!((nearest.limit, nearest.remaining), (2, 0));
    limiter.weigh("all", pace, 300, half).await;
    let excess = enter(half).await.expect_err("both are reached");
    assert_eq!(
        (excess.limit, excess.standing.limit),
        (PaceLimit::Weight, 100)
    );
    assert_eq!(excess.standing.resets_at, NOW.plus(Duration::from_secs(61)));
    // The first request is gone by then, what weighed so much is not.
    let excess = enter(later(Duration::from_secs(70))).await;
    assert_eq!(excess.expect_err("too heavy").limit, PaceLimit::Weight);
    assert!(enter(later(Duration::from_secs(91))).await.is_ok());
    let none = limiter.enter("all", Pace::default(), half, NOW).await;
    assert_eq!(none, Ok(None));
}
