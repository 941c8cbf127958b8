//! What an organisation wants done about findings.

use serde::{Deserialize, Serialize};

use crate::action::{Action, Alarm, Style};
use crate::compliance::Compliance;
use crate::finding::{Category, Direction, Entity, Severity};

/// A guardrail profile: plain data, from which [`crate::Guard::new`] makes a guard. On the wire and
/// at rest it is the JSON that its fields say; what is left out is as in [`Profile::default`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Profile {
    /// How sure a finding must be to count.
    pub sensitivity: Sensitivity,
    /// The most characters that one text written by a user may have; 0 for no limit. Instructions
    /// of the system, earlier turns, results of tools and documents are not counted.
    pub max_input_chars: usize,
    /// What is done about injections, by severity.
    pub injection: InjectionActions,
    /// What is done about personal data, where [`Self::entities`] says nothing.
    pub pii: PiiActions,
    /// What is done about secrets, where [`Self::entities`] says nothing.
    pub secrets: SecretActions,
    /// What is done about single entities, in one direction or both.
    pub entities: Vec<EntityAction>,
    /// Laws and standards: their entities are at least redacted.
    pub compliance: Vec<Compliance>,
    /// Patterns of the organisation.
    #[serde(rename = "custom_patterns")]
    pub patterns: Vec<Pattern>,
    /// Expressions: what one of them matches whole is no finding, unless a grave injection.
    pub allow: Vec<String>,
    /// Expressions: what one of them matches blocks, in both directions.
    pub block: Vec<String>,
    /// Texts from the instructions of a system that no answer may hold.
    pub canaries: Vec<String>,
    /// What stands in the place of what was redacted.
    #[serde(rename = "redaction")]
    pub style: Style,
    /// Whether HTML is taken out of what users write.
    pub strip_markup: bool,
    /// Whether images, sound and files that cannot be read may pass, in either direction.
    pub unread: Unread,
    /// What becomes of calls of tools that a model proposes and the agent may not make. A guard has
    /// no part in it: whoever knows tools and policies reads it from here.
    pub tool_calls: ToolCalls,
    /// The longest that a text of a stream is held back to see what follows, in milliseconds; 0 for
    /// as long as it takes. Then it is judged as if it ended there.
    pub max_hold_ms: u32,
}

/// What becomes of calls of tools that a model proposes and the agent may not make.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ToolCalls {
    /// Those that a policy denies, or whose arguments the tool does not take.
    pub denied: ToolCallAction,
    /// Those of tools that are not registered.
    pub undeclared: ToolCallAction,
}

impl ToolCalls {
    /// Whether something is done about one of them.
    pub const fn acts(self) -> bool {
        !matches!(
            (self.denied, self.undeclared),
            (ToolCallAction::Annotate, ToolCallAction::Annotate)
        )
    }
}

/// What becomes of a call of a tool that a model proposes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToolCallAction {
    /// It passes and is told.
    #[default]
    Annotate,
    /// It is taken out of the answer.
    Strip,
    /// The answer is refused.
    Refuse,
}

/// What is done about personal data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PiiActions {
    /// Which entities; without it all that are personal by themselves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub types: Option<Vec<Entity>>,
    /// What is done about them.
    pub action: Action,
}

impl Default for PiiActions {
    fn default() -> Self {
        Self {
            types: None,
            action: Action::Alert,
        }
    }
}

/// What is done about secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SecretActions {
    /// What is done about them.
    pub action: Action,
}

impl Default for SecretActions {
    fn default() -> Self {
        Self {
            action: Action::Redact,
        }
    }
}

/// What is done about images, sound and files that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unread {
    /// They pass.
    Allow,
    /// The request is refused.
    Refuse,
}

/// How sure a finding must be to count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sensitivity {
    /// From a score of 0.3.
    Strict,
    /// From a score of 0.5.
    Moderate,
    /// From a score of 0.75.
    Permissive,
}

impl Sensitivity {
    /// The least score that counts.
    pub fn cut_off(self) -> f32 {
        match self {
            Self::Strict => 0.3,
            Self::Moderate => 0.5,
            Self::Permissive => 0.75,
        }
    }
}

/// What is done about injections, by severity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct InjectionActions {
    /// Seen in harmless texts too.
    pub low: Alarm,
    /// Rare in harmless texts.
    pub medium: Alarm,
    /// Not seen in harmless texts.
    pub high: Alarm,
}

impl Default for InjectionActions {
    fn default() -> Self {
        Self {
            low: Alarm::Warn,
            medium: Alarm::Flag,
            high: Alarm::Block,
        }
    }
}

impl InjectionActions {
    /// Nothing is done.
    pub const NONE: Self = Self {
        low: Alarm::Ignore,
        medium: Alarm::Ignore,
        high: Alarm::Ignore,
    };

    /// The alarm of a severity.
    pub fn of(self, severity: Severity) -> Alarm {
        match severity {
            Severity::Low => self.low,
            Severity::Medium => self.medium,
            Severity::High => self.high,
        }
    }
}

/// What is done about one entity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EntityAction {
    /// Which.
    #[serde(rename = "type")]
    pub entity: Entity,
    /// In which direction; both if none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direction: Option<Direction>,
    /// What.
    pub action: Action,
}

/// A pattern of an organisation, with texts that it must and must not match.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pattern {
    /// Its name, as findings tell it: `custom.<name>`.
    pub name: String,
    /// The expression, in the syntax of the `regex` crate; matches end after
    /// [`crate::scan::MAX_LENGTH`] bytes.
    pub pattern: String,
    /// How sure a match is, 0 to 1.
    #[serde(default = "sure")]
    pub score: f32,
    /// What is done about matches.
    #[serde(default = "redact")]
    pub action: Action,
    /// Texts in which it must match.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub matches: Vec<String>,
    /// Texts in which it must not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub misses: Vec<String>,
}

fn sure() -> f32 {
    1.0
}

fn redact() -> Action {
    Action::Redact
}

impl Default for Profile {
    /// What a new tenant has: grave injections are blocked and lesser ones told, secrets are
    /// redacted, personal data is told and passes.
    fn default() -> Self {
        Self {
            sensitivity: Sensitivity::Moderate,
            max_input_chars: 10_000,
            injection: InjectionActions::default(),
            pii: PiiActions::default(),
            secrets: SecretActions::default(),
            entities: Vec::new(),
            compliance: Vec::new(),
            patterns: Vec::new(),
            allow: Vec::new(),
            block: Vec::new(),
            canaries: Vec::new(),
            style: Style::Plain,
            strip_markup: false,
            unread: Unread::Allow,
            tool_calls: ToolCalls::default(),
            max_hold_ms: 0,
        }
    }
}

impl Profile {
    /// What is done about an entity that is no injection, and no pattern of the organisation.
    pub(crate) fn action(&self, entity: Entity, direction: Direction) -> Action {
        let lawful = self.compliance.iter().any(|law| law.covers(entity));
        let stated = self.entities.iter().rev().find(|stated| {
            stated.entity == entity && stated.direction.is_none_or(|way| way == direction)
        });
        let wanted = match (stated, entity.category()) {
            (Some(stated), _) => stated.action,
            (None, Category::Secret) => self.secrets.action,
            (None, Category::Pii) if self.pii.covers(entity) => self.pii.action,
            (None, Category::Pii | Category::Injection) => Action::Ignore,
            (None, Category::Custom) => Action::Block,
        };
        match lawful {
            true => wanted.max(Action::Redact),
            false => wanted,
        }
    }
}

impl PiiActions {
    fn covers(&self, entity: Entity) -> bool {
        match &self.types {
            Some(types) => types.contains(&entity),
            None => is_common(entity),
        }
    }
}

/// Whether an entity is personal by itself. Dates, addresses of the web and the like are where a
/// law says so, or a profile.
fn is_common(entity: Entity) -> bool {
    !matches!(
        entity,
        Entity::Date | Entity::HighAge | Entity::Url | Entity::PostalCode | Entity::Coordinates
    )
}
