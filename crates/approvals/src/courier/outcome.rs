//! What an attempt found, and what follows from it.

use std::time::Duration;

use http::StatusCode;

/// The waits between attempts; after the last one a delivery is dead.
const WAITS: [Duration; 8] = [
    Duration::from_secs(1),
    Duration::from_secs(5),
    Duration::from_secs(15),
    Duration::from_secs(60),
    Duration::from_secs(5 * 60),
    Duration::from_secs(15 * 60),
    Duration::from_secs(60 * 60),
    Duration::from_secs(3 * 60 * 60),
];
/// Nobody is waited for longer than this at once.
const MOST_PATIENCE: Duration = Duration::from_secs(60 * 60);
/// Nothing older than this is told any more.
const TOO_OLD: Duration = Duration::from_secs(24 * 60 * 60);
/// So much is kept of what the other side says.
const MOST_OF_A_PROBLEM: usize = 300;

/// Why an attempt did not get through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failed {
    /// In words, for admins.
    pub(crate) problem: String,
    /// Whether the same would come of every further attempt.
    pub(crate) is_final: bool,
    /// Whether it never left us.
    pub(crate) is_ours: bool,
    /// How long the other side wants to be left alone. Being asked for patience is no refusal.
    pub(crate) patience: Option<Duration>,
}

impl Failed {
    /// It may work another time.
    pub(crate) fn again(problem: impl Into<String>) -> Self {
        Failed {
            problem: shortened(&problem.into()),
            is_final: false,
            is_ours: false,
            patience: None,
        }
    }

    /// It will not.
    pub(crate) fn finally(problem: impl Into<String>) -> Self {
        Failed {
            is_final: true,
            ..Failed::again(problem)
        }
    }

    /// Nothing was sent, for a reason of our own.
    pub(crate) fn ours() -> Self {
        Failed {
            is_ours: true,
            ..Failed::again("the channel could not be read; the log tells why")
        }
    }

    /// The other side has answered with something else than a success.
    pub(crate) fn answered(status: StatusCode, patience: Option<Duration>, said: &str) -> Self {
        let problem = match said.trim() {
            "" => format!("the answer was {}", status.as_u16()),
            said => format!("the answer was {}: {said}", status.as_u16()),
        };
        let asks_for_patience = status == StatusCode::TOO_MANY_REQUESTS
            || (status == StatusCode::SERVICE_UNAVAILABLE && patience.is_some());
        let passing = matches!(status.as_u16(), 408 | 425 | 429) || status.is_server_error();
        let patience = patience.unwrap_or(Duration::from_secs(1));
        Failed {
            is_final: !passing,
            patience: asks_for_patience.then(|| patience.min(MOST_PATIENCE)),
            ..Failed::again(problem)
        }
    }
}

fn shortened(text: &str) -> String {
    let plain = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    plain.take(MOST_OF_A_PROBLEM).collect()
}

/// What becomes of a delivery that did not get through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is tried again.
    Again {
        /// After so long.
        wait: Duration,
        /// Refused so often by then.
        refusals: u32,
    },
    /// It is given up.
    Dead,
}

/// Decides that. The dice spread those that fail together over a fifth of the wait.
pub(crate) fn fate(failed: &Failed, refusals: u32, age: Duration, dice: u32) -> Fate {
    if failed.is_final {
        return Fate::Dead;
    }
    let (wait, refusals) = match failed.patience {
        Some(patience) => (Some(patience), refusals),
        None => {
            let number = usize::try_from(refusals).unwrap_or(usize::MAX);
            (WAITS.get(number).copied(), refusals.saturating_add(1))
        }
    };
    let Some(wait) = wait else {
        return Fate::Dead;
    };
    let spread = wait.mul_f64(0.2 * f64::from(dice) / f64::from(u32::MAX));
    let wait = wait.saturating_add(spread);
    if age.saturating_add(wait) > TOO_OLD {
        return Fate::Dead;
    }
    Fate::Again { wait, refusals }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failing_channel_is_asked_less_and_less_and_then_no_more() {
        let failed = Failed::again("no connection");
        let (mut refusals, mut waits) = (0, Vec::new());
        while let Fate::Again {
            wait,
            refusals: more,
        } = fate(&failed, refusals, Duration::ZERO, u32::MAX / 2)
        {
            waits.push(wait);
            refusals = more;
        }
        assert_eq!(waits.len(), WAITS.len());
        assert!(waits.is_sorted(), "{waits:?}");
        assert!(
            waits.iter().zip(WAITS).all(|(wait, least)| *wait >= least),
            "{waits:?}"
        );
    }

    #[test]
    fn patience_is_had_as_long_as_it_is_asked_for_and_costs_no_attempt() {
        let patience = Some(Duration::from_secs(30));
        let failed = Failed::answered(StatusCode::TOO_MANY_REQUESTS, patience, "slow down");
        for dice in [0, 7, u32::MAX] {
            let Fate::Again { wait, refusals } = fate(&failed, 3, Duration::ZERO, dice) else {
                panic!("given up");
            };
            assert!(wait >= Duration::from_secs(30), "{wait:?}");
            assert_eq!(refusals, 3);
        }
        let long = Failed::answered(StatusCode::TOO_MANY_REQUESTS, Some(TOO_OLD), "");
        assert_eq!(long.patience, Some(MOST_PATIENCE));
        assert_eq!(
            fate(&failed, 0, TOO_OLD, 0),
            Fate::Dead,
            "nobody wants to hear it any more"
        );
    }

    #[test]
    fn what_cannot_be_mended_by_waiting_is_given_up_at_once() {
        for status in [400, 401, 403, 404, 410, 301] {
            let status = StatusCode::from_u16(status).expect("a status");
            let failed = Failed::answered(status, None, "no_service");
            assert_eq!(fate(&failed, 0, Duration::ZERO, 0), Fate::Dead, "{status}");
        }
        for status in [408, 425, 429, 500, 502, 503] {
            let status = StatusCode::from_u16(status).expect("a status");
            assert!(!Failed::answered(status, None, "").is_final, "{status}");
        }
    }

    #[test]
    fn what_the_other_side_says_is_kept_short_and_on_one_line() {
        let failed = Failed::again(format!("a\nb{}", "c".repeat(5_000)));
        assert_eq!(failed.problem.len(), MOST_OF_A_PROBLEM);
        assert!(failed.problem.starts_with("a b"));
    }
}
