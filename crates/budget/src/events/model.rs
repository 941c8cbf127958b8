//! The words of events.

use iron_primitives::{Money, PeriodSpan, Scope, TenantId, Timestamp, Unit};

/// The whole percentages of a limit at which people are warned: 1 to 99, any number of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SoftLimits(u128);

/// All of a limit.
pub(crate) const ALL: u8 = 100;

impl SoftLimits {
    /// No warnings.
    pub const NONE: SoftLimits = SoftLimits(0);
    /// At 50, 80, 90 and 95 %.
    pub const USUAL: SoftLimits = SoftLimits(1 << 50 | 1 << 80 | 1 << 90 | 1 << 95);

    /// These percentages, in any order; none if one of them is not between 1 and 99.
    pub fn new(percents: impl IntoIterator<Item = u8>) -> Option<SoftLimits> {
        percents
            .into_iter()
            .try_fold(SoftLimits::NONE, |SoftLimits(set), percent| {
                (1..ALL)
                    .contains(&percent)
                    .then(|| SoftLimits(set | 1 << percent))
            })
    }

    /// In ascending order.
    pub fn percents(self) -> impl Iterator<Item = u8> {
        (1..ALL).filter(move |percent| self.0 & 1 << percent != 0)
    }

    /// Nothing where they are the usual ones, so that those may change with the product.
    pub(crate) fn to_stored(self) -> Option<String> {
        let words: Vec<String> = self.percents().map(|percent| percent.to_string()).collect();
        (self != SoftLimits::USUAL).then(|| words.join(","))
    }

    pub(crate) fn from_text(text: &str) -> Option<SoftLimits> {
        let words = text.split(',').filter(|word| !word.is_empty());
        let percents: Option<Vec<u8>> = words.map(|word| word.parse().ok()).collect();
        SoftLimits::new(percents?)
    }
}

impl Default for SoftLimits {
    fn default() -> Self {
        SoftLimits::USUAL
    }
}

/// What becomes of an agent whose own budget is spent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum HardAction {
    /// It is paused until there is money again.
    #[default]
    Pause,
    /// It is killed.
    Kill,
}

impl HardAction {
    /// The word on the wire and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            HardAction::Pause => "pause",
            HardAction::Kill => "kill",
        }
    }

    pub(crate) fn from_word(word: &str) -> Option<Self> {
        [HardAction::Pause, HardAction::Kill]
            .into_iter()
            .find(|action| action.as_str() == word)
    }
}

/// What an event tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EventKind {
    /// A soft limit was crossed.
    Warning,
    /// The limit is reached: nothing is left, or less than a hundredth of it and too little for a
    /// call that came.
    Limit,
    /// An agent spent more within a minute than it may.
    Runaway,
}

impl EventKind {
    /// The word on the wire and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            EventKind::Warning => "warning",
            EventKind::Limit => "limit",
            EventKind::Runaway => "runaway",
        }
    }

    pub(crate) fn from_word(word: &str) -> Option<Self> {
        [EventKind::Warning, EventKind::Limit, EventKind::Runaway]
            .into_iter()
            .find(|kind| kind.as_str() == word)
    }

    /// The action in the audit log.
    pub(crate) const fn action(self) -> &'static str {
        match self {
            EventKind::Warning => "budget.warning",
            EventKind::Limit => "budget.exhausted",
            EventKind::Runaway => "budget.runaway",
        }
    }
}

/// Something that happened to a budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BudgetEvent {
    /// In which tenant.
    pub tenant: TenantId,
    /// Counts the events of the tenant from 1 without a gap, in the order of their commits.
    pub sequence: i64,
    /// What it tells.
    pub kind: EventKind,
    /// Whose budget.
    pub scope: Scope,
    /// What it counts.
    pub unit: Unit,
    /// The period in which it happened.
    pub span: PeriodSpan,
    /// The percentage that was crossed; 100 for the limit, zero for a runaway.
    pub percent: u8,
    /// The limit in force; for a runaway what may be spent within a minute.
    pub limit: Money,
    /// What was settled and in suspense; for a runaway what was spent within the minute.
    pub used: Money,
    /// What becomes of the agent at its limit.
    pub hard_action: HardAction,
    /// When it was booked.
    pub at: Timestamp,
    /// When a higher limit or another period made it untrue.
    pub cleared_at: Option<Timestamp>,
}

/// Which events are wanted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EventFilter {
    /// On this scope's budgets.
    pub scope: Option<Scope>,
    /// Only on budgets of these scopes.
    pub among: Option<Vec<Scope>>,
    /// Of these kinds; of all if empty.
    pub kinds: Vec<EventKind>,
    /// Booked then or later.
    pub since: Option<Timestamp>,
    /// With a larger sequence than this, and then the oldest first.
    pub after: Option<i64>,
}
