//! Schedules where clocks jump, and laws that hold for all of them.

use proptest::prelude::*;

use super::*;
use crate::Period;

/// Zones with usual and with strange clocks: changes by half an hour, at midnight, in the other
/// half of the year, of a whole day that never was.
const PLACES: [&str; 10] = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "America/Santiago",
    "Asia/Beirut",
    "Africa/Casablanca",
    "Pacific/Apia",
    "Asia/Kathmandu",
    "America/St_Johns",
];

fn schedule(cron: &str, zone: &str) -> Schedule {
    Schedule::new(cron, zone).unwrap_or_else(|error| panic!("{cron} {zone}: {error}"))
}

fn span(schedule: &Schedule, at: &str) -> (String, String) {
    let at: Timestamp = at.parse().expect("a timestamp");
    let span = schedule.span(at).expect("a span");
    let end = span.end.expect("an end");
    (span.start.to_string(), end.to_string())
}

fn expect(cron: &str, zone: &str, at: &str, start: &str, end: &str) {
    let full = |at: &str| format!("{at}:00.000Z");
    let found = span(&schedule(cron, zone), at);
    assert_eq!(found, (full(start), full(end)), "{cron} {zone} {at}");
}

#[test]
fn a_period_goes_from_one_firing_to_the_next() {
    let at = "2026-11-22T18:40:00Z"; // a Sunday
    expect(
        "0 0 * * *",
        "UTC",
        at,
        "2026-11-22T00:00",
        "2026-11-23T00:00",
    );
    expect(
        "0 9 * * MON-FRI",
        "Europe/Berlin",
        at,
        "2026-11-20T08:00",
        "2026-11-23T08:00",
    );
    expect(
        "30 6 15 * *",
        "America/New_York",
        at,
        "2026-11-15T11:30",
        "2026-12-15T11:30",
    );
    expect(
        "0 0 l * *",
        "UTC",
        at,
        "2026-10-31T00:00",
        "2026-11-30T00:00",
    );
    expect(
        "0 0 * * 1#1",
        "UTC",
        at,
        "2026-11-02T00:00",
        "2026-12-07T00:00",
    );
    expect(
        "0 0 1 4 *",
        "Asia/Tokyo",
        at,
        "2026-03-31T15:00",
        "2027-03-31T15:00",
    );
    expect(
        "0 */6 * * *",
        "UTC",
        at,
        "2026-11-22T18:00",
        "2026-11-23T00:00",
    );
    // The first instant belongs to the period that begins with it, the last to the one before.
    expect(
        "0 * * * *",
        "UTC",
        "2026-11-22T18:00:00Z",
        "2026-11-22T18:00",
        "2026-11-22T19:00",
    );
    expect(
        "0 * * * *",
        "UTC",
        "2026-11-22T17:59:59.999999Z",
        "2026-11-22T17:00",
        "2026-11-22T18:00",
    );
}

#[test]
fn what_would_fire_in_a_gap_fires_at_its_end() {
    // On 2026-03-29 in Berlin 02:00 becomes 03:00, at 01:00 UTC.
    let day = ("30 2 * * *", "Europe/Berlin");
    expect(
        day.0,
        day.1,
        "2026-03-29T00:59:00Z",
        "2026-03-28T01:30",
        "2026-03-29T01:00",
    );
    expect(
        day.0,
        day.1,
        "2026-03-29T01:00:00Z",
        "2026-03-29T01:00",
        "2026-03-30T00:30",
    );
    // Two o'clock and three o'clock are one.
    let hour = ("0 * * * *", "Europe/Berlin");
    expect(
        hour.0,
        hour.1,
        "2026-03-29T00:30:00Z",
        "2026-03-29T00:00",
        "2026-03-29T01:00",
    );
    expect(
        hour.0,
        hour.1,
        "2026-03-29T01:30:00Z",
        "2026-03-29T01:00",
        "2026-03-29T02:00",
    );
    // In Samoa there was no 30 December 2011: it begins when the 31st does.
    let samoa = ("0 0 * * *", "Pacific/Apia");
    expect(
        samoa.0,
        samoa.1,
        "2011-12-30T09:00:00Z",
        "2011-12-29T10:00",
        "2011-12-30T10:00",
    );
    expect(
        samoa.0,
        samoa.1,
        "2011-12-30T10:00:00Z",
        "2011-12-30T10:00",
        "2011-12-31T10:00",
    );
}

#[test]
fn what_would_fire_twice_fires_the_first_time() {
    // On 2026-10-25 in Berlin 03:00 becomes 02:00, at 01:00 UTC.
    let day = ("30 2 * * *", "Europe/Berlin");
    expect(
        day.0,
        day.1,
        "2026-10-25T00:29:00Z",
        "2026-10-24T00:30",
        "2026-10-25T00:30",
    );
    expect(
        day.0,
        day.1,
        "2026-10-25T01:15:00Z",
        "2026-10-25T00:30",
        "2026-10-26T01:30",
    );
    expect(
        day.0,
        day.1,
        "2026-10-25T01:45:00Z",
        "2026-10-25T00:30",
        "2026-10-26T01:30",
    );
    // The hour that comes twice is one period.
    let hour = ("0 * * * *", "Europe/Berlin");
    expect(
        hour.0,
        hour.1,
        "2026-10-25T01:10:00Z",
        "2026-10-25T00:00",
        "2026-10-25T02:00",
    );
    // Half an hour twice, on Lord Howe: 02:00 becomes 01:30 at 15:00 UTC.
    let half = ("45 * * * *", "Australia/Lord_Howe");
    expect(
        half.0,
        half.1,
        "2026-04-04T15:05:00Z",
        "2026-04-04T14:45",
        "2026-04-04T16:15",
    );
}

#[test]
fn what_cannot_be_a_period_is_refused_with_the_reason() {
    let refused = |cron: &str| Schedule::new(cron, "UTC").expect_err(cron).to_string();
    let often = ["* * * * *", "*/30 * * * *", "0,59 3 1 1 *", "5-6 * * * *"];
    for cron in often {
        assert!(
            refused(cron).contains("several periods within an hour"),
            "{cron}"
        );
    }
    for cron in ["0 0 30 2 *", "0 0 29 2 *", "0 0 31 4,6 *", "0 0 * 4 1#5"] {
        assert!(refused(cron).contains("in every year"), "{cron}");
    }
    for (cron, found) in [
        ("", 0),
        ("@daily", 1),
        ("0 0 0 * * *", 6),
        ("0 0 * * * UTC", 6),
    ] {
        let message = refused(cron);
        assert!(message.ends_with(&format!("found {found}")), "{message}");
    }
    assert_eq!(
        refused("0 25 * * *"),
        "`0 25 * * *` is not a cron expression: value must be in range 0..=23; found 25"
    );
    assert!(refused("0 0 é * *").contains("beyond ASCII"));
    assert_eq!(
        Schedule::new(&"0".repeat(101), "UTC"),
        Err(InvalidSchedule::TooLong)
    );
    for zone in [
        "",
        "Berlin",
        "Europe/Berlin ",
        "+01:00",
        "../etc/passwd",
        "CET-1CEST",
    ] {
        let error = Schedule::new("0 0 * * *", zone).expect_err(zone);
        assert!(error.is_zone(), "{zone}: {error}");
    }
}

#[test]
fn a_schedule_is_kept_in_one_form() {
    let tidy = schedule("  0 \t 9  * jan-DEC mon ", "europe/berlin");
    assert_eq!(tidy.to_string(), "0 9 * JAN-DEC MON Europe/Berlin");
    let period = Period::Custom(tidy.clone());
    assert_eq!(period.to_string().parse(), Ok(period.clone()));
    assert_eq!(
        serde_json::to_value(&period).expect("is JSON"),
        period.to_string()
    );
    assert_eq!(tidy, schedule("0 9 * JAN-DEC MON", "Europe/Berlin"));
    for wrong in [
        "custom",
        "custom ",
        "custom 0 0 * *",
        "custom 0 0 * * * Nowhere",
        "hourly",
    ] {
        assert!(wrong.parse::<Period>().is_err(), "{wrong}");
    }
}

/// Expressions of which many are schedules.
fn any_cron() -> impl Strategy<Value = String> {
    let hours = prop_oneof![
        3 => (0..24_u8).prop_map(|hour| hour.to_string()),
        1 => Just("*".to_owned()),
        1 => (2..12_u8).prop_map(|step| format!("*/{step}")),
        1 => (0..12_u8, 12..24_u8).prop_map(|(from, to)| format!("{from}-{to}")),
    ];
    let days = prop_oneof![
        4 => Just("*".to_owned()),
        1 => Just("L".to_owned()),
        2 => (1..29_u8, 1..29_u8).prop_map(|(one, other)| format!("{one},{other}")),
        1 => (1..29_u8).prop_map(|day| format!("{day}W")),
    ];
    let months = prop_oneof![
        4 => Just("*".to_owned()),
        1 => (1..13_u8).prop_map(|month| month.to_string()),
        1 => Just("3,10,11".to_owned()),
    ];
    let weekdays = prop_oneof![
        4 => Just("*".to_owned()),
        1 => (0..8_u8).prop_map(|day| day.to_string()),
        1 => (0..7_u8, 1..5_u8).prop_map(|(day, nth)| format!("{day}#{nth}")),
        1 => Just("5L".to_owned()),
    ];
    (0..60_u8, hours, days, months, weekdays).prop_map(|(minute, hour, day, month, week)| {
        format!("{minute} {hour} {day} {month} {week}")
    })
}

/// Instants of seventy years, many of them near a change of the clock.
fn any_instant() -> impl Strategy<Value = (Schedule, Timestamp)> {
    let place = proptest::sample::select(&PLACES[..]);
    let at = (
        0_i64..2_200_000_000,
        0_i64..1_000_000,
        any::<bool>(),
        -90_000_i64..90_000,
    );
    (any_cron(), place, at).prop_filter_map("no schedule", |(cron, zone, at)| {
        let schedule = Schedule::new(&cron, zone).ok()?;
        let (seconds, micros, near, away) = at;
        let mut instant =
            Instant::from_microsecond(seconds * 1_000_000 + micros).expect("in range");
        if near {
            let change = schedule.0.zone.following(instant).next();
            let change = change.map_or(instant, |change| change.timestamp());
            instant = change + SignedDuration::from_secs(away);
        }
        Some((schedule, Timestamp::from_micros(instant.as_microsecond())))
    })
}

/// The same, minute by minute: whether a period begins with this one.
fn begins(schedule: &Schedule, minute: Timestamp) -> bool {
    let at = |at: Timestamp| Instant::from_microsecond(at.micros()).expect("in range");
    let zone = &schedule.0.zone;
    let wall = |at: Instant| zone.to_datetime(at);
    let before = at(minute) - SignedDuration::from_mins(1);
    // What the wall has shown by now, for the first time: more than one minute behind a gap, none
    // while it shows again what it has shown.
    let day = SignedDuration::from_hours(26);
    let shown = |until: Instant| {
        let hours = (0..27).map(|hour| until - day + SignedDuration::from_hours(hour));
        let changes = zone
            .preceding(until)
            .take_while(|change| change.timestamp() > until - day);
        let edges = changes.map(|change| change.timestamp() - SignedDuration::from_mins(1));
        hours
            .chain(edges)
            .filter(|at| *at <= until)
            .chain([until])
            .map(wall)
            .max()
    };
    let (Some(from), Some(to)) = (shown(before), shown(at(minute))) else {
        return false;
    };
    schedule.next(from).is_some_and(|fired| fired <= to)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn every_instant_lies_in_one_period_and_periods_meet((schedule, at) in any_instant()) {
        let found = schedule.search(at).expect("a span");
        prop_assert!(found.contains(at));
        let (start, mut end) = (found.start, found.end.expect("an end"));
        let micro = std::time::Duration::from_micros(1);
        prop_assert_eq!(schedule.search(start), Some(found));
        prop_assert_eq!(schedule.search(end.minus(micro)), Some(found));
        let before = schedule.search(start.minus(micro)).expect("a span");
        prop_assert_eq!(before.end, Some(start));
        for _ in 0..4 {
            let next = schedule.search(end).expect("a span");
            prop_assert_eq!(next.start, end);
            end = next.end.expect("an end");
            prop_assert!(end > next.start);
        }
        // What is kept ready says the same.
        prop_assert_eq!(schedule.span(at), Some(found));
        prop_assert_eq!(schedule.span(start.minus(micro)), Some(before));
        prop_assert_eq!(schedule.span(at), Some(found));
    }

    #[test]
    fn later_instants_lie_in_no_earlier_period(
        (schedule, at) in any_instant(), later in 0_u64..10_000_000,
    ) {
        let one = schedule.search(at).expect("a span");
        let other = schedule.search(at.plus(std::time::Duration::from_secs(later))).expect("a span");
        prop_assert!(one == other || one.end.expect("an end") <= other.start);
    }

    #[test]
    fn a_period_begins_with_what_the_wall_shows_for_the_first_time((schedule, at) in any_instant()) {
        let minute = Timestamp::from_seconds(at.seconds().div_euclid(60) * 60);
        let mut minute = minute;
        for _ in 0..20 {
            let found = schedule.search(minute).expect("a span");
            // Some clocks have changed within a minute, long ago.
            let whole = found.start.seconds() % 60 == 0;
            if whole {
                prop_assert_eq!(found.start == minute, begins(&schedule, minute), "{}", minute);
            }
            minute = minute.plus(std::time::Duration::from_secs(60));
        }
    }

    #[test]
    fn no_text_is_too_strange_to_be_read(cron in "\\PC{0,40}", zone in "\\PC{0,60}") {
        let _ = Schedule::new(&cron, &zone);
        let _ = format!("custom {cron} {zone}").parse::<Period>();
    }

    #[test]
    fn what_looks_like_cron_is_read_or_refused(cron in "[0-9*/,#LWH?-]{1,6}( [0-9*/,#LWH?A-Z-]{1,7}){4}") {
        if let Ok(schedule) = Schedule::new(&cron, "Europe/Berlin") {
            let period = Period::Custom(schedule);
            prop_assert_eq!(period.to_string().parse(), Ok(period));
        }
    }
}
