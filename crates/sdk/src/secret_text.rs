//! Secrets that must cross the wire once, and nowhere else.

use std::fmt;

use iron_primitives::Secret;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, SchemaFormat, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// A password, a key or a token: travels as it is, prints as `***`.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretText(Secret);

impl SecretText {
    /// The secret itself.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }

    /// The secret for those who keep it.
    pub fn into_secret(self) -> Secret {
        self.0
    }
}

impl From<Secret> for SecretText {
    fn from(secret: Secret) -> Self {
        SecretText(secret)
    }
}

impl From<String> for SecretText {
    fn from(text: String) -> Self {
        SecretText(Secret::new(text))
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl Serialize for SecretText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.expose())
    }
}

impl<'de> Deserialize<'de> for SecretText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(SecretText::from)
    }
}

impl PartialSchema for SecretText {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::Password)))
            .min_length(Some(1))
            .max_length(Some(4096))
            .into()
    }
}

impl ToSchema for SecretText {}
