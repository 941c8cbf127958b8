//! Which profile holds for an agent.

use std::sync::Arc;

use iron_guard::{Action, Compliance, Profile, Sensitivity};
use iron_primitives::ProfileId;

use crate::GuardrailProfile;

/// How much a team wants of personal data to be kept from leaving.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Privacy {
    /// As the profile says.
    #[default]
    Permissive,
    /// As the profile says; where none is named for its agents, personal data is redacted.
    Moderate,
    /// Personal data is at least redacted, whatever the profile says.
    Strict,
}

/// What is named for an agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Named {
    /// By its own settings.
    pub by_agent: Option<ProfileId>,
    /// By the policy of its team.
    pub by_team: Option<ProfileId>,
    /// What its team wants of personal data.
    pub privacy: Privacy,
}

/// The profile that holds for an agent.
#[derive(Debug, Clone, PartialEq)]
pub struct Chosen {
    /// Which one it is; none if it is built in.
    pub id: Option<ProfileId>,
    /// Which version of it; 0 if it is built in.
    pub version: i64,
    /// What holds.
    pub profile: Arc<Profile>,
}

impl From<GuardrailProfile> for Chosen {
    fn from(stored: GuardrailProfile) -> Self {
        Chosen::of(Some(stored), Privacy::Permissive)
    }
}

impl Chosen {
    pub(crate) fn of(stored: Option<GuardrailProfile>, privacy: Privacy) -> Chosen {
        let (id, version, profile) = match stored {
            Some(stored) => (Some(stored.id), stored.version, stored.profile),
            None => (None, 0, built_in(privacy)),
        };
        let profile = match privacy {
            Privacy::Strict => with_privacy(profile),
            Privacy::Permissive | Privacy::Moderate => profile,
        };
        Chosen {
            id,
            version,
            profile: Arc::new(profile),
        }
    }
}

/// What holds where a tenant has said nothing.
fn built_in(privacy: Privacy) -> Profile {
    let mut profile = Profile::default();
    match privacy {
        Privacy::Permissive => {}
        Privacy::Moderate => profile.pii.action = Action::Redact,
        Privacy::Strict => profile.sensitivity = Sensitivity::Strict,
    }
    profile
}

/// The profile, which lets no data of a natural person pass: nothing is allowed by a list, and what
/// is as likely as not counts.
fn with_privacy(mut profile: Profile) -> Profile {
    profile.allow.clear();
    if profile.sensitivity == Sensitivity::Permissive {
        profile.sensitivity = Sensitivity::Moderate;
    }
    if !profile.compliance.contains(&Compliance::Gdpr) {
        profile.compliance.push(Compliance::Gdpr);
    }
    profile
}
