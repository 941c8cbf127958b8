//! Fields of a change that can be left out, cleared with `null`, or set.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A field that is there has a value, even if that is `null`.
pub(crate) fn deserialize<'de, T, D>(deserializer: D) -> Result<Option<Option<T>>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    Option::<T>::deserialize(deserializer).map(Some)
}

/// A field that is left out never comes here.
#[expect(
    clippy::ref_option,
    reason = "serde calls it with a reference to the field"
)]
pub(crate) fn serialize<T, S>(value: &Option<Option<T>>, serializer: S) -> Result<S::Ok, S::Error>
where
    T: Serialize,
    S: Serializer,
{
    value
        .as_ref()
        .and_then(Option::as_ref)
        .serialize(serializer)
}
