//! Decimal texts, for prices finer than a cent.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A decimal number as a text: at most nine digits before and six after the point.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(pattern = r"^[0-9]{1,9}(\.[0-9]{1,6})?$", example = "2.50")]
pub struct Decimal(pub String);

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
