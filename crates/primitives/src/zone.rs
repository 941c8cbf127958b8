//! Time zones, for those who show instants to people.

use std::str::FromStr;
use std::sync::LazyLock;

use jiff::tz::{TimeZone, TimeZoneDatabase};

use crate::Timestamp;

static ZONES: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// A time zone of the IANA database, which is built in.
///
/// ```
/// use iron_primitives::{Timestamp, Zone};
///
/// let berlin: Zone = "Europe/Berlin".parse().unwrap();
/// let summer: Timestamp = "2026-07-01T12:00:00.5Z".parse().unwrap();
/// assert_eq!(berlin.show(summer), "2026-07-01T14:00:00.500+02:00");
/// assert!("Berlin".parse::<Zone>().is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zone(TimeZone);

/// The database has no zone of this name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no time zone of this name; expected one such as `Europe/Berlin` or `UTC`")]
pub struct UnknownZone;

impl Zone {
    /// ISO 8601 with milliseconds and the offset that holds at that instant.
    pub fn show(&self, at: Timestamp) -> String {
        let instant = jiff::Timestamp::from_microsecond(at.micros());
        let instant = instant.unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        let zoned = instant.to_zoned(self.0.clone());
        zoned.strftime("%Y-%m-%dT%H:%M:%S%.3f%:z").to_string()
    }
}

impl FromStr for Zone {
    type Err = UnknownZone;

    fn from_str(name: &str) -> Result<Self, UnknownZone> {
        ZONES.get(name).map(Zone).map_err(|_| UnknownZone)
    }
}
