//! What is wrong with a rule.

/// A rule that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("policy `{rule}`: {field}: {problem}")]
pub struct Error {
    /// The name of the rule, cut to what a name may be.
    pub rule: String,
    /// The field, as it is written: `match.paths`, `conditions.hours`, `cedar`.
    pub field: &'static str,
    /// What is wrong with it.
    pub problem: Problem,
}

/// What is wrong with a field of a rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// A set of this many rules.
    #[error("a set holds at most {most} policies; join some, or switch some off")]
    TooManyRules {
        /// How many it may hold.
        most: usize,
    },
    /// Two rules of one name.
    #[error("another policy has this name; choose one that is not taken")]
    NameTaken,
    /// A text that is empty or too long.
    #[error("expected 1 to {most} characters without control characters")]
    BadLength {
        /// How long it may be.
        most: usize,
    },
    /// A list that is too long.
    #[error("at most {most} entries; write a second policy for the rest")]
    TooManyEntries {
        /// How many it may have.
        most: usize,
    },
    /// A glob with too many stars.
    #[error("`{glob}` has more than {most} stars; write several globs")]
    TooManyStars {
        /// The glob.
        glob: String,
        /// How many it may have.
        most: usize,
    },
    /// A scheme or a port where a host is wanted.
    #[error("`{0}` is not a host, or a host and a path; leave out the scheme and the port")]
    NotADomain(String),
    /// A relative path.
    #[error("`{0}` can match no path; begin with `/` or `*`")]
    RelativePath(String),
    /// Things of two sorts in one rule.
    #[error(
        "each thing that a call names is judged by itself; write one policy for `{0}` and another for `{1}`"
    )]
    MixedResources(&'static str, &'static str),
    /// A field that means nothing for calls of this kind.
    #[error("means nothing for `kind: {0}`; leave it out or choose another kind")]
    NotOfThisKind(&'static str),
    /// No time of day.
    #[error("`{0}` is not a time of day; write it as `09:00-17:00`, with two different ends")]
    BadHours(String),
    /// No day of the week.
    #[error("`{0}` is not a day; expected `mon`, `tue`, `wed`, `thu`, `fri`, `sat` or `sun`")]
    BadWeekday(String),
    /// A time zone without a time.
    #[error("says nothing without `hours` or `weekdays`; add one of them or leave it out")]
    NoWindow,
    /// No time zone.
    #[error("no time zone is called `{0}`; expected one such as `Europe/Berlin` or `UTC`")]
    UnknownZone(String),
    /// An attribute that may be nothing.
    #[error("`{0}` lists no value; name at least one")]
    NoValues(String),
    /// Terms of approval where nobody is asked.
    #[error("means nothing for `effect: {0}`; leave it out or require approval")]
    NobodyAsked(&'static str),
    /// Somebody who cannot be told apart.
    #[error("`{0}` names nobody; expected the id or the address of a user, or `role:` with a role")]
    NotAnApprover(String),
    /// A number out of its range.
    #[error("expected {least} to {most}")]
    OutOfRange {
        /// The least.
        least: u32,
        /// The most.
        most: u32,
    },
    /// Both forms in one rule.
    #[error("cannot stand beside `{0}`; say all of it in one of the two forms")]
    TwoForms(&'static str),
    /// Text that is not one policy in Cedar.
    #[error("not one policy in Cedar: {0}")]
    Unreadable(String),
    /// Brackets or operators beyond what is evaluated.
    #[error(
        "nested too deeply or too long; at most {depth} brackets deep with {operators} operators"
    )]
    TooComplex {
        /// How deep brackets may nest.
        depth: usize,
        /// How many operators there may be.
        operators: usize,
    },
    /// A policy that does not fit the schema.
    #[error("does not fit the schema: {0}")]
    Invalid(String),
    /// A policy that can never match.
    #[error("can never match: {0}")]
    Impossible(String),
    /// `permit` where the rule denies, or the other way round.
    #[error("says `{said}`, but `effect: {effect}` needs `{needed}`")]
    WrongEffect {
        /// What the policy says.
        said: &'static str,
        /// What the rule says.
        effect: &'static str,
        /// What the policy would have to say.
        needed: &'static str,
    },
    /// A rule that needs more of the evaluator than it gives.
    #[error("the schema of policies cannot be read: {0}")]
    Schema(String),
}
