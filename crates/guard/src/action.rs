//! What can be done about a finding.

use serde::{Deserialize, Serialize};

use crate::finding::{Category, Entity};

/// What is done about data that should not pass; later ones are stricter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Nothing, and nothing is told.
    Ignore,
    /// It is told, and passes.
    Alert,
    /// It is replaced.
    Redact,
    /// The text does not pass.
    Block,
}

/// What is done about an injection; later ones are stricter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Alarm {
    /// Nothing, and nothing is told.
    Ignore,
    /// It is told as something to know.
    Warn,
    /// It is told as something to look at.
    Flag,
    /// The text does not pass.
    Block,
}

/// What became of a text; later ones are stricter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It passes as it is.
    Allow,
    /// It passes, with something to know.
    Warn,
    /// It passes, with something to look at.
    Flag,
    /// It passes with parts of it replaced.
    Redact,
    /// It does not pass.
    Block,
}

impl Verdict {
    /// Each verdict, the mildest first.
    pub const ALL: [Self; 5] = [
        Self::Allow,
        Self::Warn,
        Self::Flag,
        Self::Redact,
        Self::Block,
    ];

    /// The verdict of a name on the wire.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|verdict| verdict.name() == name)
    }

    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Warn => "warn",
            Self::Flag => "flag",
            Self::Redact => "redact",
            Self::Block => "block",
        }
    }
}

impl From<Action> for Verdict {
    fn from(action: Action) -> Self {
        match action {
            Action::Ignore => Self::Allow,
            Action::Alert => Self::Flag,
            Action::Redact => Self::Redact,
            Action::Block => Self::Block,
        }
    }
}

impl From<Alarm> for Verdict {
    fn from(alarm: Alarm) -> Self {
        match alarm {
            Alarm::Ignore => Self::Allow,
            Alarm::Warn => Self::Warn,
            Alarm::Flag => Self::Flag,
            Alarm::Block => Self::Block,
        }
    }
}

/// What stands in the place of what was redacted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Style {
    /// `[REDACTED]`.
    Plain,
    /// The entity: `[EMAIL]`.
    Typed,
    /// Asterisks, but for the last four letters or digits of values of eight and more; secrets
    /// are masked whole.
    Masked,
    /// The entity and a number that is the same for the same value in a call:
    /// `[EMAIL_1]`. The answer of the model is given back with the values in their places.
    Pseudonym,
}

/// How many characters at the end a mask leaves.
const SHOWN: usize = 4;

impl Style {
    /// What stands in the place of a value. A pseudonym without its number is the entity.
    pub(crate) fn replacement(self, entity: Entity, value: &str) -> String {
        match self {
            Self::Plain => "[REDACTED]".to_owned(),
            Self::Typed | Self::Pseudonym => format!("[{}]", entity.name().to_uppercase()),
            Self::Masked => masked(entity, value),
        }
    }
}

fn masked(entity: Entity, value: &str) -> String {
    let counted = value.chars().filter(|char| char.is_alphanumeric()).count();
    let shown = match entity.category() {
        Category::Pii if counted >= 2 * SHOWN => SHOWN,
        _ => 0,
    };
    let mut left = counted - shown;
    let mask = |char: char| match char.is_alphanumeric() {
        true if left > 0 => {
            left -= 1;
            '*'
        }
        _ => char,
    };
    value.chars().map(mask).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mask_shows_the_last_four_and_of_secrets_nothing() {
        let mask = |entity, value| Style::Masked.replacement(entity, value);
        assert_eq!(
            mask(Entity::PaymentCard, "4111 1111 1111 1234"),
            "**** **** **** 1234"
        );
        assert_eq!(mask(Entity::Phone, "12345"), "*****");
        assert_eq!(mask(Entity::ApiKey, "sk-abcdefgh1234"), "**-************");
    }
}
