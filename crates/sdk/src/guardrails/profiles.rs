//! Guardrail profiles: what is looked for in texts, and what is done about it.

use iron_primitives::{ProfileId, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{
    EntityName, GuardrailAction, GuardrailAlarm, GuardrailCompliance, GuardrailDirection,
    GuardrailRedaction, GuardrailSensitivity, GuardrailToolCallAction, GuardrailUnread,
};

/// A regular expression in the syntax of Rust's `regex` crate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = String, min_length = 1, max_length = 2000)]
pub struct Expression(pub String);

/// A text from the instructions of a system that no answer may hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = String, min_length = 8, max_length = 200)]
pub struct CanaryText(pub String);

/// What is done about injections, by severity; `warn`, `flag` and `block` where it says nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct InjectionActions {
    /// Seen in harmless texts too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub low: Option<GuardrailAlarm>,
    /// Rare in harmless texts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub medium: Option<GuardrailAlarm>,
    /// Not seen in harmless texts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub high: Option<GuardrailAlarm>,
}

/// What is done about data about persons.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PiiActions {
    /// Which; all that are personal by themselves if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, max_items = 100)]
    pub types: Option<Vec<EntityName>>,
    /// What is done about it; `alert` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub action: Option<GuardrailAction>,
}

/// What is done about secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SecretActions {
    /// What is done about them; `redact` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub action: Option<GuardrailAction>,
}

/// What is done about one kind of data or secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EntityAction {
    /// Which.
    #[serde(rename = "type")]
    pub entity: EntityName,
    /// In which direction; both if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub direction: Option<GuardrailDirection>,
    /// What.
    pub action: GuardrailAction,
}

/// A pattern of the organisation, with texts that it must and must not match: a profile whose
/// patterns do not do what their examples say is refused.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CustomPattern {
    /// Its name; findings tell `custom.<name>` as their rule.
    #[schema(min_length = 1, max_length = 64, pattern = "^[a-z0-9][a-z0-9_-]*$")]
    pub name: String,
    /// What it matches, at most 256 bytes at a time.
    pub pattern: Expression,
    /// How sure a match is; 1 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, minimum = 0, maximum = 1)]
    pub score: Option<f32>,
    /// What is done about matches; `redact` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub action: Option<GuardrailAction>,
    /// Texts in which it must match.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 50)]
    pub matches: Vec<String>,
    /// Texts in which it must not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 50)]
    pub misses: Vec<String>,
}

/// What becomes of calls of tools that a model proposes and the agent may not make; they pass and
/// are told where it says nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ToolCallActions {
    /// Those that a policy denies, or whose arguments the tool does not take.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub denied: Option<GuardrailToolCallAction>,
    /// Those of tools that are not registered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub undeclared: Option<GuardrailToolCallAction>,
}

/// What a guardrail profile says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct GuardrailRules {
    /// How sure a finding must be to count.
    pub sensitivity: GuardrailSensitivity,
    /// The most characters of one text written by a user; 0 for no limit.
    pub max_input_chars: u64,
    /// What is done about injections.
    pub injection: InjectionActions,
    /// What is done about data about persons.
    pub pii: PiiActions,
    /// What is done about secrets.
    pub secrets: SecretActions,
    /// What is done about single kinds of them.
    pub entities: Vec<EntityAction>,
    /// Laws and standards whose data is at least redacted.
    pub compliance: Vec<GuardrailCompliance>,
    /// Patterns of the organisation.
    pub custom_patterns: Vec<CustomPattern>,
    /// What one of these matches whole is no finding, unless a grave injection.
    pub allow: Vec<Expression>,
    /// What one of these matches blocks.
    pub block: Vec<Expression>,
    /// Texts from the instructions of a system that no answer may hold.
    pub canaries: Vec<CanaryText>,
    /// What stands in the place of what was redacted.
    pub redaction: GuardrailRedaction,
    /// Whether HTML is taken out of what users write.
    pub strip_markup: bool,
    /// Whether images, sound and files that cannot be read may pass.
    pub unread: GuardrailUnread,
    /// What becomes of calls of tools that a model proposes and the agent may not make.
    pub tool_calls: ToolCallActions,
    /// The longest that a text of a stream is held back to see what follows, in milliseconds; 0 for
    /// as long as it takes.
    #[serde(default)]
    pub max_hold_ms: u32,
}

/// A body with the fields of a profile, each of which may be left out.
macro_rules! profile_body {
    ($(#[$meta:meta])* $name:ident { $($head:tt)* }) => {
        #[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
        #[serde(deny_unknown_fields)]
        $(#[$meta])*
        pub struct $name {
            $($head)*
            /// Whether it is the default of the tenant; the one before is it no more.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            #[schema(nullable = false)]
            pub is_default: Option<bool>,
            /// How sure a finding must be to count; `moderate` in a new profile.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            #[schema(nullable = false)]
            pub sensitivity: Option<GuardrailSensitivity>,
            /// The most characters of one text written by a user, 0 for no limit; 10000 in a new
            /// profile. Instructions of the system, earlier turns, results of tools and documents
            /// are not counted.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            #[schema(nullable = false, maximum = 100_000_000)]
            pub max_input_chars: Option<u64>,
            /// What is done about injections.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            #[schema(nullable = false)]
            pub injection: Option<InjectionActions>,
            /// What is done about data about persons.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            #[schema(nullable = false)]
            pub pii: Option<PiiActions>,
            /// What is done about secrets.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            #[schema(nullable = false)]
            pub secrets: Option<SecretActions>,
            /// What is done about single kinds of them; of two about one, the later holds.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            #[schema(nullable = false, max_items = 100)]
            pub entities: Option<Vec<EntityAction>>,
            /// Laws and standards whose data is at least redacted.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            #[schema(nullable = false, max_items = 10)]
            pub compliance: Option<Vec<GuardrailCompliance>>,
            /// Patterns of the organisation.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            #[schema(nullable = false, max_items = 100)]
            pub custom_patterns: Option<Vec<CustomPattern>>,
            /// What one of these matches whole is no finding, unless a grave injection.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            #[schema(nullable = false, max_items = 100)]
            pub allow: Option<Vec<Expression>>,
            /// What one of these matches blocks, in both directions.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            #[schema(nullable = false, max_items = 100)]
            pub block: Option<Vec<Expression>>,
            /// Texts from the instructions of a system that no answer may hold.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            #[schema(nullable = false, max_items = 100)]
            pub canaries: Option<Vec<CanaryText>>,
            /// What stands in the place of what was redacted; `plain` in a new profile.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            #[schema(nullable = false)]
            pub redaction: Option<GuardrailRedaction>,
            /// Whether HTML is taken out of what users write.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            #[schema(nullable = false)]
            pub strip_markup: Option<bool>,
            /// Whether images, sound and files that cannot be read may pass; `allow` in a new
            /// profile.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            #[schema(nullable = false)]
            pub unread: Option<GuardrailUnread>,
            /// What becomes of calls of tools that a model proposes and the agent may not make.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            #[schema(nullable = false)]
            pub tool_calls: Option<ToolCallActions>,
            /// The longest that a text of a stream is held back to see what follows, in milliseconds;
            /// then it is judged as if it ended there. 0, as in a new profile, for as long as it
            /// takes.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            #[schema(nullable = false, maximum = 600_000)]
            pub max_hold_ms: Option<u32>,
        }
    };
}

profile_body! {
    /// A guardrail profile that is to be made.
    CreateGuardrailProfile {
        /// What people call it, unique in the tenant.
        #[schema(min_length = 1, max_length = 100)]
        pub name: String,
    }
}

profile_body! {
    /// A change of a guardrail profile. What is absent stays; what is there takes the place of what
    /// was, lists and objects as a whole.
    #[schema(min_properties = 1)]
    UpdateGuardrailProfile {
        /// What people call it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schema(nullable = false, min_length = 1, max_length = 100)]
        pub name: Option<String>,
    }
}

/// A guardrail profile.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct GuardrailProfileView {
    /// The profile.
    pub id: ProfileId,
    /// What people call it.
    pub name: String,
    /// Whether it holds for agents for which neither their settings nor their team name another.
    pub is_default: bool,
    /// Counts what it has said, from 1.
    pub version: i64,
    /// What it says.
    #[serde(flatten)]
    pub rules: GuardrailRules,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// What a guardrail profile said at one time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct GuardrailProfileVersion {
    /// Which one it is, from 1.
    pub version: i64,
    /// What people called it.
    pub name: String,
    /// What it said.
    #[serde(flatten)]
    pub rules: GuardrailRules,
    /// Who made it so.
    pub changed_by: UserId,
    /// Since when.
    pub created_at: Timestamp,
}

/// A guardrail profile that is no more.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct GuardrailProfileDeleted {
    /// The profile.
    pub id: ProfileId,
    /// Always true.
    pub deleted: bool,
}

/// Which profiles to list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct GuardrailProfileQuery {
    /// The page, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1)]
    pub page: Option<u32>,
    /// How many on a page; 50 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1, maximum = 100)]
    pub per_page: Option<u32>,
    /// `name`, `created_at` or `updated_at`, with `-` for descending.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(pattern = "^-?(name|created_at|updated_at)$")]
    pub sort: Option<String>,
}
