//! Instants: wall-clock time for people and records, boot time for deadlines.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A wall-clock instant in UTC, in whole microseconds since 1970.
///
/// On the wire it is ISO 8601 with milliseconds and `Z` (`2025-12-10T10:30:45.123Z`); in the
/// database and in records it is the integer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

/// The text is not an ISO 8601 instant that ends in `Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected an ISO 8601 timestamp in UTC such as `2025-12-10T10:30:45.123Z`")]
pub struct InvalidTimestamp;

impl Timestamp {
    /// An instant given in microseconds since 1970.
    pub const fn from_micros(micros: i64) -> Self {
        Timestamp(micros)
    }

    /// An instant given in whole seconds since 1970.
    pub const fn from_seconds(seconds: i64) -> Self {
        Timestamp(seconds.saturating_mul(1_000_000))
    }

    /// Microseconds since 1970.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// Milliseconds since 1970, rounded down.
    pub const fn millis(self) -> i64 {
        self.0.div_euclid(1_000)
    }

    /// Seconds since 1970, rounded down.
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// The instant this much later.
    pub fn plus(self, duration: Duration) -> Self {
        let micros = i64::try_from(duration.as_micros()).unwrap_or(i64::MAX);
        Timestamp(self.0.saturating_add(micros))
    }

    /// The instant this much earlier.
    pub fn minus(self, duration: Duration) -> Self {
        let micros = i64::try_from(duration.as_micros()).unwrap_or(i64::MAX);
        Timestamp(self.0.saturating_sub(micros))
    }

    /// How long after `earlier` this instant lies; zero if it does not.
    pub fn since(self, earlier: Timestamp) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// The civil form, for calendar arithmetic.
    pub(crate) fn civil(self) -> jiff::civil::DateTime {
        let clamped =
            jiff::Timestamp::from_microsecond(self.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        clamped.to_zoned(jiff::tz::TimeZone::UTC).datetime()
    }

    /// The instant of a civil date and time in UTC.
    pub(crate) fn from_civil(civil: jiff::civil::DateTime) -> Self {
        civil
            .to_zoned(jiff::tz::TimeZone::UTC)
            .map_or(Timestamp(i64::MAX), |zoned| {
                Timestamp(zoned.timestamp().as_microsecond())
            })
    }

    /// ISO 8601 with microseconds, as audit entries show it.
    pub fn to_string_micros(self) -> String {
        format!(
            "{}.{:06}Z",
            self.civil().strftime("%Y-%m-%dT%H:%M:%S"),
            self.0.rem_euclid(1_000_000)
        )
    }
}

/// ISO 8601 with milliseconds and `Z`.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.0.rem_euclid(1_000_000) / 1_000;
        write!(
            f,
            "{}.{millis:03}Z",
            self.civil().strftime("%Y-%m-%dT%H:%M:%S")
        )
    }
}

impl FromStr for Timestamp {
    type Err = InvalidTimestamp;
    fn from_str(text: &str) -> Result<Self, InvalidTimestamp> {
        let shaped = text.is_ascii()
            && text.ends_with('Z')
            && (20..=30).contains(&text.len())
            && text.as_bytes().get(10) == Some(&b'T');
        if !shaped {
            return Err(InvalidTimestamp);
        }
        let parsed: jiff::Timestamp = text.parse().map_err(|_| InvalidTimestamp)?;
        Ok(Timestamp(parsed.as_microsecond()))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Nanoseconds since the machine booted, time asleep included (`CLOCK_BOOTTIME`).
///
/// Deadlines of leases are counted on this clock: it never jumps, and it goes on while the
/// machine is suspended, so that a sleeping instance cannot spend an expired lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct BootInstant(u64);

impl BootInstant {
    /// An instant given in nanoseconds since boot.
    pub const fn from_nanos(nanos: u64) -> Self {
        BootInstant(nanos)
    }

    /// Nanoseconds since boot.
    pub const fn nanos(self) -> u64 {
        self.0
    }

    /// The instant this much later.
    pub fn plus(self, duration: Duration) -> Self {
        BootInstant(
            self.0
                .saturating_add(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)),
        )
    }

    /// The instant this much earlier.
    pub fn minus(self, duration: Duration) -> Self {
        BootInstant(
            self.0
                .saturating_sub(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)),
        )
    }

    /// How long after `earlier` this instant lies; zero if it does not.
    pub const fn since(self, earlier: BootInstant) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_read_back_what_they_print() {
        let instant = Timestamp::from_micros(1_765_362_645_123_456);
        assert_eq!(instant.to_string(), "2025-12-10T10:30:45.123Z");
        assert_eq!(instant.to_string_micros(), "2025-12-10T10:30:45.123456Z");
        assert_eq!("2025-12-10T10:30:45.123456Z".parse(), Ok(instant));
        assert_eq!(
            "2025-12-10T10:30:45Z".parse(),
            Ok(Timestamp::from_seconds(1_765_362_645))
        );
    }

    #[test]
    fn other_offsets_and_forms_are_refused() {
        for wrong in [
            "2025-12-10T10:30:45+00:00",
            "2025-12-10 10:30:45Z",
            "2025-12-10",
            "2025-13-10T10:30:45Z",
            "1765362645",
            "",
        ] {
            assert_eq!(wrong.parse::<Timestamp>(), Err(InvalidTimestamp), "{wrong}");
        }
    }
}
