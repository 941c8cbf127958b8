//! What an agent is doing, and what can be done about it.

use std::time::Duration;

use serde::Serialize;

/// What an agent is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RuntimeState {
    /// Its calls are served.
    Running,
    /// Its calls are refused until it is resumed.
    Paused,
    /// Its calls are refused until it is started.
    Stopped,
}

impl RuntimeState {
    const ALL: [RuntimeState; 3] = [
        RuntimeState::Running,
        RuntimeState::Paused,
        RuntimeState::Stopped,
    ];

    /// The word on the wire and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            RuntimeState::Running => "running",
            RuntimeState::Paused => "paused",
            RuntimeState::Stopped => "stopped",
        }
    }

    pub(crate) fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }
}

/// What can be done about an agent's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verb {
    /// Serve its calls again after a stop.
    Start,
    /// Refuse its calls for a while.
    Pause,
    /// Serve its calls again after a pause.
    Resume,
    /// Refuse its calls until it is started; those under way may go on for a while.
    Stop {
        /// How long.
        grace: Duration,
    },
    /// Refuse its calls at once, whatever it is doing.
    Kill,
    /// Begin anew, whatever it is doing.
    Restart,
}

impl Verb {
    /// The state after it; none if the present state does not allow it.
    pub const fn outcome(self, from: RuntimeState) -> Option<RuntimeState> {
        match (self, from) {
            (Verb::Start, RuntimeState::Stopped)
            | (Verb::Resume, RuntimeState::Paused)
            | (Verb::Restart, _) => Some(RuntimeState::Running),
            (Verb::Pause, RuntimeState::Running) => Some(RuntimeState::Paused),
            // Also a stopped agent can be killed: its calls may still have their grace.
            (Verb::Stop { .. }, RuntimeState::Running | RuntimeState::Paused) | (Verb::Kill, _) => {
                Some(RuntimeState::Stopped)
            }
            _ => None,
        }
    }

    /// The action in the audit log.
    pub(crate) const fn action(self) -> &'static str {
        match self {
            Verb::Start => "agent.start",
            Verb::Pause => "agent.pause",
            Verb::Resume => "agent.resume",
            Verb::Stop { .. } => "agent.stop",
            Verb::Kill => "agent.kill",
            Verb::Restart => "agent.restart",
        }
    }
}
