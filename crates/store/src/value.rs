//! What may stand in a column: text, an integer, bytes, or nothing.

use std::fmt;

use iron_primitives::{Money, Scope, Timestamp, TokenDigest};

/// The three kinds of column that both engines know alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// `TEXT` on both engines.
    Text,
    /// `INTEGER` on SQLite, `BIGINT` on PostgreSQL.
    Integer,
    /// `BLOB` on SQLite, `BYTEA` on PostgreSQL.
    Bytes,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Text => "text",
            Kind::Integer => "an integer",
            Kind::Bytes => "bytes",
        })
    }
}

/// One value on its way into or out of the database. A missing value keeps its kind, because
/// PostgreSQL types its parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Text.
    Text(String),
    /// A 64-bit integer.
    Integer(i64),
    /// Bytes.
    Bytes(Vec<u8>),
    /// Nothing, in a column of this kind.
    Null(Kind),
}

/// What can be bound to a parameter.
pub trait ToColumn {
    /// The kind of the column it belongs into.
    const KIND: Kind;
    /// The value to store.
    fn to_column(&self) -> Value;
}

/// What can be read from a column.
pub trait FromColumn: Sized {
    /// The kind of column it is read from.
    const KIND: Kind;
    /// Reads a stored value; nothing if it does not read as this type.
    fn from_column(value: Value) -> Option<Self>;
}

impl<T: ToColumn + ?Sized> ToColumn for &T {
    const KIND: Kind = T::KIND;
    fn to_column(&self) -> Value {
        (**self).to_column()
    }
}

impl<T: ToColumn> ToColumn for Option<T> {
    const KIND: Kind = T::KIND;
    fn to_column(&self) -> Value {
        self.as_ref()
            .map_or(Value::Null(T::KIND), ToColumn::to_column)
    }
}

impl<T: FromColumn> FromColumn for Option<T> {
    const KIND: Kind = T::KIND;
    fn from_column(value: Value) -> Option<Self> {
        match value {
            Value::Null(_) => Some(None),
            present => T::from_column(present).map(Some),
        }
    }
}

impl ToColumn for str {
    const KIND: Kind = Kind::Text;
    fn to_column(&self) -> Value {
        Value::Text(self.to_owned())
    }
}

impl ToColumn for String {
    const KIND: Kind = Kind::Text;
    fn to_column(&self) -> Value {
        Value::Text(self.clone())
    }
}

impl FromColumn for String {
    const KIND: Kind = Kind::Text;
    fn from_column(value: Value) -> Option<Self> {
        match value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }
}

/// Integers narrower than the column; a stored value out of their range does not read.
macro_rules! integers {
    ($($name:ty),*) => {$(
        impl ToColumn for $name {
            const KIND: Kind = Kind::Integer;
            fn to_column(&self) -> Value {
                Value::Integer(i64::from(*self))
            }
        }

        impl FromColumn for $name {
            const KIND: Kind = Kind::Integer;
            fn from_column(value: Value) -> Option<Self> {
                match value {
                    Value::Integer(number) => number.try_into().ok(),
                    _ => None,
                }
            }
        }
    )*};
}

integers!(i64, i32, i16, u32, u16, u8);

impl ToColumn for bool {
    const KIND: Kind = Kind::Integer;
    fn to_column(&self) -> Value {
        Value::Integer(i64::from(*self))
    }
}

impl FromColumn for bool {
    const KIND: Kind = Kind::Integer;
    fn from_column(value: Value) -> Option<Self> {
        match value {
            Value::Integer(0) => Some(false),
            Value::Integer(1) => Some(true),
            _ => None,
        }
    }
}

impl ToColumn for [u8] {
    const KIND: Kind = Kind::Bytes;
    fn to_column(&self) -> Value {
        Value::Bytes(self.to_vec())
    }
}

impl ToColumn for Vec<u8> {
    const KIND: Kind = Kind::Bytes;
    fn to_column(&self) -> Value {
        Value::Bytes(self.clone())
    }
}

impl FromColumn for Vec<u8> {
    const KIND: Kind = Kind::Bytes;
    fn from_column(value: Value) -> Option<Self> {
        match value {
            Value::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }
}

impl<const N: usize> ToColumn for [u8; N] {
    const KIND: Kind = Kind::Bytes;
    fn to_column(&self) -> Value {
        Value::Bytes(self.to_vec())
    }
}

impl<const N: usize> FromColumn for [u8; N] {
    const KIND: Kind = Kind::Bytes;
    fn from_column(value: Value) -> Option<Self> {
        Vec::from_column(value)?.try_into().ok()
    }
}

impl ToColumn for TokenDigest {
    const KIND: Kind = Kind::Bytes;
    fn to_column(&self) -> Value {
        self.as_bytes().to_column()
    }
}

impl FromColumn for TokenDigest {
    const KIND: Kind = Kind::Bytes;
    fn from_column(value: Value) -> Option<Self> {
        <[u8; 32]>::from_column(value).map(TokenDigest::from_bytes)
    }
}

impl ToColumn for Money {
    const KIND: Kind = Kind::Integer;
    fn to_column(&self) -> Value {
        Value::Integer(self.nanos())
    }
}

impl FromColumn for Money {
    const KIND: Kind = Kind::Integer;
    fn from_column(value: Value) -> Option<Self> {
        i64::from_column(value).map(Money::from_nanos)
    }
}

impl ToColumn for Timestamp {
    const KIND: Kind = Kind::Integer;
    fn to_column(&self) -> Value {
        Value::Integer(self.micros())
    }
}

impl FromColumn for Timestamp {
    const KIND: Kind = Kind::Integer;
    fn from_column(value: Value) -> Option<Self> {
        i64::from_column(value).map(Timestamp::from_micros)
    }
}

/// A value kept as JSON text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Json<T>(pub T);

impl<T: serde::Serialize> ToColumn for Json<T> {
    const KIND: Kind = Kind::Text;
    /// A value that does not serialise (a map with keys that are not text) is stored as `null`.
    fn to_column(&self) -> Value {
        Value::Text(serde_json::to_string(&self.0).unwrap_or_else(|_| "null".to_owned()))
    }
}

impl<T: serde::de::DeserializeOwned> FromColumn for Json<T> {
    const KIND: Kind = Kind::Text;
    fn from_column(value: Value) -> Option<Self> {
        serde_json::from_str(&String::from_column(value)?)
            .ok()
            .map(Json)
    }
}

/// Lets types that print and parse as text (`Display`, `FromStr`) stand in text columns.
#[macro_export]
macro_rules! text_columns {
    ($($name:ty),* $(,)?) => {$(
        impl $crate::ToColumn for $name {
            const KIND: $crate::Kind = $crate::Kind::Text;
            fn to_column(&self) -> $crate::Value {
                $crate::Value::Text(::std::string::ToString::to_string(self))
            }
        }

        impl $crate::FromColumn for $name {
            const KIND: $crate::Kind = $crate::Kind::Text;
            fn from_column(value: $crate::Value) -> Option<Self> {
                match value {
                    $crate::Value::Text(text) => text.parse().ok(),
                    _ => None,
                }
            }
        }
    )*};
}

text_columns!(
    iron_primitives::AgentId,
    iron_primitives::ProviderId,
    iron_primitives::IcTokenId,
    iron_primitives::ApiTokenId,
    iron_primitives::LeaseId,
    iron_primitives::RequestId,
    iron_primitives::ConversationId,
    iron_primitives::UserId,
    iron_primitives::SessionId,
    iron_primitives::TenantId,
    iron_primitives::TeamId,
    iron_primitives::ProjectId,
    iron_primitives::PoolId,
    iron_primitives::CredentialId,
    iron_primitives::AuditId,
    iron_primitives::EventId,
    iron_primitives::BudgetRequestId,
    iron_primitives::InstanceId,
    iron_primitives::RuntimeId,
    iron_primitives::ReportId,
    iron_primitives::ChannelId,
    iron_primitives::DeliveryId,
    iron_primitives::AccessRequestId,
    iron_primitives::ApprovalId,
    iron_primitives::ConfigId,
    iron_primitives::ProfileId,
    iron_primitives::ToolId,
    iron_primitives::PolicyId,
    Scope,
);
