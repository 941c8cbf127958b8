//! `Retry-After`, in its three spellings.

use std::time::Duration;

use http::HeaderMap;
use iron_primitives::Timestamp;

/// How long the peer asks to wait: `retry-after-ms`, `x-ms-retry-after-ms`, or `retry-after`
/// in seconds or as a date (RFC 9110 §10.2.3), in this order. A date in the past is no wait.
pub fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = |name: &str| {
        headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .map(str::trim)
    };
    for name in ["retry-after-ms", "x-ms-retry-after-ms"] {
        if let Some(wait) = text(name).and_then(|value| decimal(value, 1_000)) {
            return Some(wait);
        }
    }
    let value = text("retry-after")?;
    decimal(value, 1_000_000).or_else(|| {
        let date = httpdate::parse_http_date(value).ok()?;
        let since_epoch = date.duration_since(std::time::UNIX_EPOCH).ok()?;
        let at = Timestamp::from_seconds(i64::try_from(since_epoch.as_secs()).ok()?);
        Some(at.since(now))
    })
}

/// A decimal number of units of this many microseconds; some peers send fractions.
fn decimal(text: &str, unit_us: u64) -> Option<Duration> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || whole.len() > 9 || !digits(whole) || !digits(fraction) {
        return None;
    }
    let mut micros = whole.parse::<u64>().ok()?.checked_mul(unit_us)?;
    let mut scale = unit_us;
    for digit in fraction.bytes().take(6) {
        scale /= 10;
        micros = micros.checked_add(u64::from(digit - b'0').checked_mul(scale)?)?;
    }
    Some(Duration::from_micros(micros))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn wait(name: &'static str, value: &'static str) -> Option<u128> {
        let mut headers = HeaderMap::new();
        headers.insert(name, HeaderValue::from_static(value));
        let now = "1994-11-06T08:49:00Z".parse().expect("a timestamp");
        retry_after(&headers, now).map(|wait| wait.as_millis())
    }

    #[test]
    fn all_three_spellings_are_understood() {
        assert_eq!(wait("retry-after-ms", "250"), Some(250));
        assert_eq!(wait("x-ms-retry-after-ms", "1500.5"), Some(1_500));
        assert_eq!(wait("retry-after", "2"), Some(2_000));
        assert_eq!(wait("retry-after", "0.4"), Some(400));
        assert_eq!(
            wait("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT"),
            Some(37_000)
        );
        assert_eq!(
            wait("retry-after", "Sun, 06 Nov 1994 08:48:37 GMT"),
            Some(0)
        );
    }

    #[test]
    fn nonsense_is_no_wait() {
        for value in ["", "-1", "soon", "1e9", "99999999999999999999", "1.2.3"] {
            assert_eq!(wait("retry-after", value), None, "{value}");
        }
    }

    #[test]
    fn milliseconds_win_over_seconds() {
        let mut headers = HeaderMap::new();
        headers.insert("retry-after", HeaderValue::from_static("1"));
        headers.insert("retry-after-ms", HeaderValue::from_static("700"));
        let now = Timestamp::from_seconds(0);
        assert_eq!(retry_after(&headers, now), Some(Duration::from_millis(700)));
    }
}
