//! How many calls the plan of a tenant still allows today.
//!
//! The count of a tenant's day stands in the database, and is booked in blocks ahead of need: a
//! call takes one from the block in memory, and a task of its own books the next before this one
//! is used up. Nothing is written before a call is sent. While a first block is on its way, a few
//! calls go on credit, which is booked with it; those beyond wait.
//!
//! So no tenant makes more calls on a day than its plan allows and the credit of each process
//! that has served it: [`credit`]. What a process has booked and not used at its end it gives
//! back; what one that was killed had booked is lost for the day, which is at most a block.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use iron_net::rate::Standing;
use iron_primitives::{Environment, RateShortfall, Refusal, Scope, TenantId, Timestamp};
use tokio::sync::Notify;
use tokio::time::timeout;

use crate::authority::{Authority, BookCalls, CallsBooked};

const DAY_S: i64 = 86_400;
/// The most calls in a block.
const BLOCK: i64 = 200;
/// The most calls on credit.
const CREDIT: i64 = 10;
/// How long a call waits for a block.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long nobody asks again after a question without an answer.
const PAUSE: Duration = Duration::from_millis(250);

/// What the plans of the tenants still allow, as far as this process knows.
pub(crate) struct Plans {
    authority: Arc<dyn Authority>,
    environment: Environment,
    tenants: Mutex<HashMap<TenantId, Day>>,
    /// Told when a question was answered.
    answered: Notify,
}

/// The day of one tenant.
#[derive(Debug, Clone, Copy)]
struct Day {
    /// Days since 1970, in UTC.
    day: i64,
    limit: u32,
    /// Calls that are booked and not made; below zero what is made and not booked.
    left: i64,
    /// What all servers have booked, when this one asked last.
    booked: i64,
    /// Whether the last question brought less than was wanted.
    over: bool,
    asking: bool,
}

enum Taken {
    Yes(Standing),
    /// Of this day.
    Spent(i64),
    Wait,
}

/// How many calls are booked at once.
const fn block(limit: u32) -> i64 {
    let part = limit as i64 / 20;
    if part < 1 {
        1
    } else if part > BLOCK {
        BLOCK
    } else {
        part
    }
}

/// How many calls of a tenant a process may let in before it has booked any.
const fn credit(limit: u32) -> i64 {
    let block = block(limit);
    if block < CREDIT { block } else { CREDIT }
}

impl fmt::Debug for Plans {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plans").finish_non_exhaustive()
    }
}

impl Plans {
    pub(crate) fn new(authority: Arc<dyn Authority>, environment: Environment) -> Arc<Self> {
        Arc::new(Plans {
            authority,
            environment,
            tenants: Mutex::default(),
            answered: Notify::new(),
        })
    }

    /// Takes one call of the day.
    ///
    /// # Errors
    /// [`Refusal::QuotaSpent`]; [`Refusal::AuthorityUnavailable`] if nobody has booked any.
    pub(crate) async fn take(
        self: &Arc<Self>,
        tenant: TenantId,
        limit: u32,
    ) -> Result<Standing, Refusal> {
        let now = self.environment.now();
        let taking = async {
            loop {
                let answered = self.answered.notified();
                tokio::pin!(answered);
                answered.as_mut().enable();
                match self.try_take(tenant, limit, now) {
                    Taken::Yes(standing) => return Ok(standing),
                    Taken::Spent(day) => return Err(spent(tenant, limit, day)),
                    Taken::Wait => answered.await,
                }
            }
        };
        let taken = timeout(PATIENCE, taking).await;
        taken.unwrap_or(Err(Refusal::AuthorityUnavailable))
    }

    fn try_take(self: &Arc<Self>, tenant: TenantId, limit: u32, now: Timestamp) -> Taken {
        let mut tenants = self.tenants();
        let day = tenants.entry(tenant).or_insert(Day::NONE);
        day.turn(now.seconds().div_euclid(DAY_S), limit);
        let taken = day.take();
        let low = day.left < block(limit) / 2 + 1;
        if low && !day.over && !day.asking {
            day.asking = true;
            tokio::spawn(Arc::clone(self).book(tenant, day.day));
        }
        taken
    }

    /// Books a block, and what was made on credit.
    async fn book(self: Arc<Self>, tenant: TenantId, day: i64) {
        while let Some((ask, limit)) = self.question(tenant, day) {
            let answer = self.authority.book_calls(ask).await;
            if let Err(error) = &answer {
                tracing::debug!(%tenant, %error, "calls of a plan could not be booked");
                tokio::time::sleep(PAUSE).await;
            }
            let again = self.note(ask, limit, answer.ok());
            self.answered.notify_waiters();
            if !again {
                return;
            }
        }
    }

    /// What is to be booked, and the limit under which it is asked for.
    fn question(&self, tenant: TenantId, day: i64) -> Option<(BookCalls, u32)> {
        let mut tenants = self.tenants();
        let known = tenants.get_mut(&tenant)?;
        if known.day != day {
            return None;
        }
        let made = known.left.min(0).saturating_neg();
        let want = if known.over { 0 } else { block(known.limit) };
        let ask = BookCalls {
            tenant,
            day,
            made,
            want: u32::try_from(want).unwrap_or(0),
        };
        Some((ask, known.limit))
    }

    /// Takes the answer in. True if what was made on credit meanwhile is still to be booked.
    fn note(&self, ask: BookCalls, limit: u32, answer: Option<CallsBooked>) -> bool {
        let mut tenants = self.tenants();
        let Some(known) = tenants
            .get_mut(&ask.tenant)
            .filter(|known| known.day == ask.day)
        else {
            return false;
        };
        known.asking = false;
        let Some(booked) = answer else { return false };
        known.add(ask, limit, booked);
        known.asking
    }

    /// Gives back what is booked and was not used.
    pub(crate) async fn give_back(&self) {
        let unused: Vec<BookCalls> = {
            let mut tenants = self.tenants();
            let unused = tenants.drain().filter(|(_, day)| day.left > 0);
            unused.map(|(tenant, day)| day.returned(tenant)).collect()
        };
        for ask in unused {
            if let Err(error) = self.authority.book_calls(ask).await {
                tracing::debug!(tenant = %ask.tenant, %error, "unused calls were not given back");
            }
        }
    }

    fn tenants(&self) -> MutexGuard<'_, HashMap<TenantId, Day>> {
        self.tenants.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Day {
    const NONE: Day = Day {
        day: i64::MIN,
        limit: 0,
        left: 0,
        booked: 0,
        over: false,
        asking: false,
    };

    /// A new day begins with nothing; another limit is asked for anew. Whoever looked at the clock
    /// just before midnight counts for the new day, if that has begun. A clock that was set back
    /// by more than that is believed.
    fn turn(&mut self, day: i64, limit: u32) {
        if self.day < day || self.day > day.saturating_add(1) {
            *self = Day { day, ..Day::NONE };
        }
        if self.limit != limit {
            self.limit = limit;
            self.over = false;
        }
    }

    /// Adds what was booked. What one limit did not allow says nothing about another one.
    fn add(&mut self, ask: BookCalls, limit: u32, booked: CallsBooked) {
        let brought = ask.made.saturating_add(i64::from(booked.granted));
        self.left = self.left.saturating_add(brought);
        self.booked = booked.booked;
        self.over |= self.limit == limit && booked.granted < ask.want;
        self.asking = self.over && self.left < 0;
    }

    fn take(&mut self) -> Taken {
        let floor = if self.over { 0 } else { -credit(self.limit) };
        if self.left > floor {
            self.left -= 1;
            return Taken::Yes(self.standing());
        }
        if self.over {
            Taken::Spent(self.day)
        } else {
            Taken::Wait
        }
    }

    fn standing(&self) -> Standing {
        let limit = i64::from(self.limit);
        let left = (limit - self.booked + self.left).clamp(0, limit);
        Standing {
            limit: self.limit,
            remaining: u32::try_from(left).unwrap_or(0),
            resets_at: end_of(self.day),
        }
    }

    const fn returned(&self, tenant: TenantId) -> BookCalls {
        BookCalls {
            tenant,
            day: self.day,
            made: self.left.saturating_neg(),
            want: 0,
        }
    }
}

/// When the day after one begins.
fn end_of(day: i64) -> Timestamp {
    Timestamp::from_seconds(day.saturating_add(1).saturating_mul(DAY_S))
}

fn spent(tenant: TenantId, limit: u32, day: i64) -> Refusal {
    Refusal::QuotaSpent(Box::new(RateShortfall {
        scope: Scope::Tenant(tenant),
        limit: "calls_per_day",
        most: limit,
        resets_at: end_of(day),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_looked_at_the_clock_before_midnight_does_not_bring_the_day_back() {
        let mut day = Day::NONE;
        day.turn(20_000, 100);
        day.left = 4;
        day.turn(19_999, 100);
        assert_eq!((day.day, day.left), (20_000, 4));
        assert_eq!(day.standing().resets_at, end_of(20_000));
        day.turn(20_001, 100);
        assert_eq!((day.day, day.left), (20_001, 0));
        day.turn(19_001, 100);
        assert_eq!(day.day, 19_001, "the clock was a thousand days ahead");
    }

    #[test]
    fn an_answer_under_the_former_limit_does_not_end_the_day_of_a_larger_plan() {
        let nothing = CallsBooked {
            granted: 0,
            booked: 20,
        };
        let ask = BookCalls {
            tenant: iron_testkit::TestEnvironment::new().environment.new_id(),
            day: 20_000,
            made: 0,
            want: 1,
        };
        let mut day = Day::NONE;
        day.turn(ask.day, 20);
        day.turn(ask.day, 40);
        day.add(ask, 20, nothing);
        assert!(!day.over, "it was asked for under a limit of 20");
        day.add(ask, 40, nothing);
        assert!(day.over);
    }
}
