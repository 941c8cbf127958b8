//! The ways in which calls are ended, and the providers that keep them going.

use iron_testkit::{Behaviour, FakeUpstream, Shape};

/// Every way in which somebody ends what others have under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Killed,
    /// By a start right after the kill, before anybody has looked.
    KilledAndStarted,
    Stopped,
    Deleted,
    Revoked,
    OwnerSuspended,
    TenantSuspended,
}

pub(super) const ALL: [End; 7] = [
    End::Killed,
    End::KilledAndStarted,
    End::Stopped,
    End::Deleted,
    End::Revoked,
    End::OwnerSuspended,
    End::TenantSuspended,
];

impl End {
    /// What the caller is told whose call has brought nothing yet.
    pub(super) const fn told(self) -> (u16, &'static str) {
        match self {
            End::Revoked | End::Deleted => (401, "TOKEN_REVOKED"),
            End::TenantSuspended => (403, "TENANT_SUSPENDED"),
            _ => (409, "INVALID_STATE"),
        }
    }

    /// What a stream says at its end.
    pub(super) const fn said(self) -> &'static str {
        match self {
            End::Revoked | End::Deleted => "the token was revoked",
            End::OwnerSuspended => "the owner of the agent was suspended",
            End::TenantSuspended => "the tenant was suspended",
            _ => "the agent was ended",
        }
    }

    pub(super) const fn recorded(self) -> &'static str {
        match self {
            End::Revoked | End::Deleted => "token_revoked",
            End::OwnerSuspended => "owner_suspended",
            End::TenantSuspended => "tenant_suspended",
            _ => "agent_ended",
        }
    }
}

/// Providers that take their time, and count what they bill.
pub(super) struct Upstreams {
    /// Speaks at once, and goes on for seconds.
    pub(super) talkative: FakeUpstream,
    /// Says nothing for seconds.
    pub(super) silent: FakeUpstream,
}

impl Upstreams {
    pub(super) async fn start() -> Upstreams {
        let [talkative, silent] = [
            FakeUpstream::start(Shape::OpenAi).await,
            FakeUpstream::start(Shape::OpenAi).await,
        ]
        .map(|started| started.expect("a fake provider"));
        talkative.behave(Behaviour {
            output_tokens: 40,
            piece_delay_ms: 350,
            ..Behaviour::default()
        });
        silent.behave(Behaviour {
            output_tokens: 40,
            first_byte_delay_ms: 14_000,
            ..Behaviour::default()
        });
        Upstreams { talkative, silent }
    }

    pub(super) fn asked(&self) -> usize {
        self.talkative.requests().len() + self.silent.requests().len()
    }

    pub(super) fn billed_nanos(&self) -> i64 {
        self.talkative.billed_nanos() + self.silent.billed_nanos()
    }
}
