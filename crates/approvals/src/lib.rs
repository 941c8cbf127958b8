//! Whom people are told by, and what they decide.
//!
//! Words:
//! - A [`Channel`] is a way to tell people of a tenant something: mail over SMTP, an incoming webhook
//!   of Slack, or a signed webhook of their own.
//! - A [`Notice`] is what is told: a [`Topic`], one line, facts. A feature that has something to tell
//!   announces it in the transaction of what happened ([`Channels::announce`]).
//! - A *delivery* is one notice on its way through one channel. Deliveries that did not get through
//!   in the end are *dead*: they stay where admins see them and can be sent again.
//! - An [`AccessRequest`] asks for a key of one's own from the budget of a team; whoever has asked
//!   claims it once it is approved, and nobody else ever sees it.
//! - An [`Approval`] is one call of a tool that people decide about. [`Approvals::request`] asks
//!   them, [`Approvals::wait`] waits for what they say, [`Approvals::redeem`] takes the leave that
//!   they gave, a [`Grant`].
//! - The [`Courier`] of each server carries deliveries.
//!
//! Invariants:
//! - **What happened is told at least once**: the delivery is written with what it tells, or neither
//!   is; a server that takes one and vanishes has only postponed it. Receivers tell repetitions
//!   apart by the id that each attempt carries.
//! - **A channel with a [`ChannelFilter`] is told of those agents and teams and of nothing else.**
//! - **One channel never holds up another**: each is served by itself, and one that asks for
//!   patience (429 with `Retry-After`) gets it from all servers.
//! - **A request leads to one key**, and takes each step once, whoever decides at the same time.
//! - **A call that nobody approved in time is denied**: states of approvals only move forward, and
//!   what is over counts as expired from that instant on, whether or not it is written down yet.
//! - **An approval is good for one call**: of that agent, that tool, and exactly those arguments.
//! - **Each person decides once**, as himself: signed answers and links in letters count as what
//!   that user says, within what he may, and each is good once.
//! - **A secret goes to one person by mail** ([`Channels::confide`]): its delivery holds it sealed
//!   until it has arrived, and nothing else holds it.
//! - **Nothing inside the network is reached** that providers could not reach either.
//! - **What authenticates us is sealed** ([`Seal`]) and shown to nobody; text from outside cannot
//!   become a header, a mention or a link.
//!
//! ```
//! use iron_approvals::{Notice, Topic};
//!
//! let notice = Notice::new(Topic::BudgetExceeded, "the budget of `writer` is spent")
//!     .fact("limit", "$5.00")
//!     .fact("used", "$5.00");
//! assert_eq!(notice.as_text(), "the budget of `writer` is spent\n\nlimit: $5.00\nused: $5.00\n");
//! ```

mod access;
mod approvals;
mod channels;
mod courier;
mod error;
mod notice;

pub use access::{
    AccessFilter, AccessGrant, AccessRequest, AccessRequests, AccessStatus, EndingKey, IssuedKey,
    NewAccessRequest, Reminder,
};
pub use approvals::{
    Approval, ApprovalFilter, ApprovalStatus, Approvals, Approver, Decision, Grant, Heard, Letter,
    NewApproval, Parts, People, PeopleFailure, Person, Redemption, RiskLevel, Ruling, SignedAnswer,
    Terms, TermsOf, UnknownApprover, Verdict, Way,
};
pub use channels::{
    Channel, ChannelChange, ChannelFilter, ChannelKind, Channels, Delivery, DeliveryFilter,
    DeliveryStatus, Mail, NewChannel, Seal, Secrecy, Settings, SlackActions, Tried,
};
pub use courier::Courier;
pub use error::{Error, SealFailure};
pub use notice::{Notice, Topic};

/// The tables of this feature.
pub const MIGRATIONS: iron_store::Migrations = iron_store::migrations!(
    "approvals",
    "0001_channels",
    "0002_access",
    "0003_enclosures",
    "0004_renewals",
    "0005_approvals",
    "0006_filters"
);
