//! Typed ids: `<prefix>_<lower-case UUID>`, made by the server only, one registry for all.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;
use uuid::fmt::Hyphenated;

/// What every typed id has in common.
pub trait Id:
    Copy
    + Eq
    + Ord
    + std::hash::Hash
    + fmt::Debug
    + fmt::Display
    + FromStr<Err = InvalidId>
    + Send
    + Sync
{
    /// The part before the underscore.
    const PREFIX: &'static str;
    /// The entity's name in a sentence, lower case.
    const ENTITY: &'static str;
    /// Wraps a UUID that is known to belong to this entity.
    fn from_uuid(uuid: Uuid) -> Self;
    /// The UUID without its prefix.
    fn uuid(self) -> Uuid;
}

/// Why a text is not an id of the expected entity.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected `{prefix}_` followed by a lower-case UUID")]
pub struct InvalidId {
    /// The prefix that was expected.
    pub prefix: &'static str,
}

fn parse(text: &str, prefix: &'static str) -> Result<Uuid, InvalidId> {
    let invalid = InvalidId { prefix };
    let Some(tail) = text
        .strip_prefix(prefix)
        .and_then(|rest| rest.strip_prefix('_'))
    else {
        return Err(invalid);
    };
    // The hyphenated lower-case form is the only one: 36 characters, no braces, no URN.
    if tail.len() != 36 || tail.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Err(invalid);
    }
    Uuid::try_parse(tail).map_err(|_| invalid)
}

/// Room for the longest id there is.
const MAX_ID_BYTES: usize = 64;

/// Writes an id on the stack: every record holds a dozen of them.
fn write_id<'a>(prefix: &str, uuid: Uuid, text: &'a mut [u8; MAX_ID_BYTES]) -> &'a str {
    let bytes = prefix.as_bytes();
    for (to, from) in text.iter_mut().zip(bytes.iter().chain(b"_")) {
        *to = *from;
    }
    let end = bytes.len() + 1 + Hyphenated::LENGTH;
    if let Some(tail) = text.get_mut(bytes.len() + 1..) {
        uuid.as_hyphenated().encode_lower(tail);
    }
    // All of it is ASCII.
    text.get(..end)
        .and_then(|text| std::str::from_utf8(text).ok())
        .unwrap_or_default()
}

macro_rules! ids {
    ($($name:ident, $prefix:literal, $entity:literal;)*) => {$(
        #[doc = concat!("The id of one ", $entity, ": `", $prefix, "_<uuid>`.")]
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl Id for $name {
            const PREFIX: &'static str = $prefix;
            const ENTITY: &'static str = $entity;
            fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }
            fn uuid(self) -> Uuid {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let mut text = [0; MAX_ID_BYTES];
                f.write_str(write_id($prefix, self.0, &mut text))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                parse(text, $prefix).map(Self)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let mut text = [0; MAX_ID_BYTES];
                serializer.serialize_str(write_id($prefix, self.0, &mut text))
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }

        #[cfg(feature = "openapi")]
        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
                crate::openapi::id_schema($prefix, $entity)
            }
        }

        #[cfg(feature = "openapi")]
        impl utoipa::ToSchema for $name {}
    )*

        /// Every prefix with its entity, for documents and tests.
        pub const ID_PREFIXES: &[(&str, &str)] = &[$(($prefix, $entity)),*];
    };
}

ids! {
    AgentId, "agent", "agent";
    ProviderId, "ip", "provider";
    IcTokenId, "ic", "IC token";
    ApiTokenId, "at", "API token";
    LeaseId, "lease", "budget lease";
    RequestId, "req", "request";
    ConversationId, "conv", "conversation";
    UserId, "user", "user";
    SessionId, "session", "user session";
    TenantId, "tenant", "tenant";
    TeamId, "team", "team";
    ProjectId, "proj", "project";
    PoolId, "pool", "budget pool";
    CredentialId, "cred", "stored credential";
    AuditId, "audit", "audit entry";
    EventId, "event", "event";
    BudgetRequestId, "br", "budget request";
    InstanceId, "instance", "server instance";
    RuntimeId, "runtime", "enrolled runtime";
    ReportId, "report", "report";
    ChannelId, "channel", "notification channel";
    DeliveryId, "delivery", "delivery of a notification";
    AccessRequestId, "access", "access request";
    ConfigId, "config", "version of settings";
    ProfileId, "profile", "guardrail profile";
    ApprovalId, "approval", "approval of a tool call";
    ToolId, "tool", "tool";
    PolicyId, "policy", "policy";
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "agent_0192f0c1-7d5e-7cc3-98c4-dc0c0c07398f";

    #[test]
    fn an_id_reads_back_what_it_prints() {
        let id: AgentId = TEXT.parse().expect("a well-formed id");
        assert_eq!(id.to_string(), TEXT);
        assert_eq!(
            serde_json::to_string(&id).expect("serialises"),
            format!("\"{TEXT}\"")
        );
    }

    #[test]
    fn other_spellings_are_refused() {
        let tail = TEXT.strip_prefix("agent_").expect("has the prefix");
        for wrong in [
            format!("user_{tail}"),
            format!("agent-{tail}"),
            format!("agent_{}", tail.to_uppercase()),
            format!("agent_{}", tail.replace('-', "")),
            format!("agent_{{{tail}}}"),
            "agent_".to_owned(),
            tail.to_owned(),
            String::new(),
        ] {
            assert_eq!(
                wrong.parse::<AgentId>(),
                Err(InvalidId { prefix: "agent" }),
                "{wrong}"
            );
        }
    }

    #[test]
    fn no_two_entities_share_a_prefix() {
        let mut prefixes: Vec<_> = ID_PREFIXES.iter().map(|(prefix, _)| prefix).collect();
        prefixes.sort_unstable();
        prefixes.dedup();
        assert_eq!(prefixes.len(), ID_PREFIXES.len());
    }
}
