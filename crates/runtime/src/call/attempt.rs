//! One attempt, from its hold to its line in the record.

use iron_primitives::{BootInstant, Money, Secret, Timestamp};

use crate::Runtime;
use crate::record::{Attempt, Ended, HoldRecord, Settlement, Tokens};
use crate::wallet::{Amounts, Hold};

use super::draft::Draft;
use super::prediction::Unwanted;
use super::reason::Reason;

/// An attempt under way. It holds money until it is closed.
pub(super) struct Open {
    pub(super) hold: Hold,
    pub(super) number: u32,
    pub(super) clamped: bool,
    pub(super) dispatched_at: Timestamp,
    pub(super) dispatched: BootInstant,
    pub(super) first_byte: Option<BootInstant>,
    pub(super) status: Option<u16>,
    pub(super) provider_request: Option<String>,
    /// The provider's key, which no error of the provider may repeat.
    pub(super) secret: Option<Secret>,
    /// Ends what goes on at the provider without a connection.
    pub(super) unwanted: Unwanted,
    /// Whether its line is written and its hold settled.
    pub(super) closed: bool,
}

/// How an attempt ended and what it cost.
pub(super) struct Ending {
    pub(super) ended: Ended,
    pub(super) settlement: Settlement,
    pub(super) cost: Money,
    /// All tokens that it is charged with.
    pub(super) counted: i64,
    /// What is known of them.
    pub(super) tokens: Tokens,
}

impl Ending {
    /// What its hold is settled at.
    pub(super) const fn amounts(&self) -> Amounts {
        Amounts {
            money: self.cost,
            tokens: self.counted,
            millis: 0,
        }
    }

    /// How many tokens it counts for its team. Of one whose usage is not known that is at least
    /// the output that was let through, also where no budget counts tokens.
    pub(super) fn weight(&self, hold: &Hold) -> i64 {
        if self.settlement != Settlement::Estimated {
            return self.counted;
        }
        let known = self.tokens.input_total().saturating_add(hold.cap);
        self.counted.max(i64::try_from(known).unwrap_or(i64::MAX))
    }

    /// Nothing is billed.
    pub(super) fn free(ended: Ended) -> Self {
        let (settlement, cost) = (Settlement::Free, Money::ZERO);
        Ending {
            ended,
            settlement,
            cost,
            counted: 0,
            tokens: Tokens::default(),
        }
    }

    /// What was billed is not known: the bound.
    pub(super) fn at_bound(ended: Ended, hold: &Hold) -> Self {
        let (settlement, cost) = (Settlement::Estimated, hold.amount.money);
        Ending {
            ended,
            settlement,
            cost,
            counted: hold.amount.tokens,
            tokens: Tokens::default(),
        }
    }
}

impl Ending {
    /// The same cost, but it was not the provider that ended it. What was not sent stays so.
    pub(super) fn cut_by(self, why: &Reason) -> Self {
        let ended = match self.ended {
            Ended::Unsent => Ended::Unsent,
            _ => why.recorded(),
        };
        Ending { ended, ..self }
    }
}

impl Open {
    /// The attempt's line in the record.
    pub(super) fn line(&self, ending: &Ending, provider: &super::choice::Choice) -> Attempt {
        let sent = ending.ended != Ended::Unsent;
        let first_byte = self
            .first_byte
            .map(|at| at.since(self.dispatched).as_micros());
        Attempt {
            clamped: self.clamped,
            dispatched_at_us: sent.then(|| self.dispatched_at.micros()),
            ended: ending.ended,
            first_byte_us: first_byte.map(|micros| u64::try_from(micros).unwrap_or(u64::MAX)),
            hold: HoldRecord::from(&self.hold),
            model: provider.priced_as().to_owned(),
            number: self.number,
            provider: provider.lane().route.provider,
            provider_kind: provider.lane().route.kind.as_str().into(),
            provider_request: self.provider_request.clone(),
            settled_nanos: ending.cost.nanos(),
            settled_tokens: self.hold.tokens_in(ending.amounts()),
            settlement: ending.settlement,
            status: self.status,
            tokens: ending.tokens,
        }
    }
}

impl Runtime {
    /// Closes an attempt before its call has come to its end, unless that was done before.
    pub(super) fn close_ahead(
        &self,
        draft: &mut Draft,
        open: &mut Open,
        ending: &Ending,
        choice: &super::choice::Choice,
    ) {
        if std::mem::replace(&mut open.closed, true) {
            return;
        }
        draft.attempts.push(open.line(ending, choice));
        match ending.ended {
            Ended::Unsent => self.wallets.release_unsent(open.hold),
            _ => {
                let settlement = self.wallets.settle_ahead(open.hold, ending.amounts());
                self.count_money(ending, settlement.above_held.money);
                self.weigh(draft, ending.weight(&open.hold));
            }
        }
    }
}
