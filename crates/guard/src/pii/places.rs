//! Coordinates of places.

use super::context::words;
use crate::finding::Entity;
use crate::scan::{Rule, Seen};

const WORDS: &[&str] = &[
    "lat",
    "lon",
    "lng",
    "latitude",
    "longitude",
    "coordinates",
    "coords",
    "gps",
    "location",
    "geo",
    "position",
    "koordinaten",
    "standort",
    "coordonnées",
    "coordenadas",
    "coordinate",
    "ubicación",
    "posizione",
    "map",
    "maps",
    "geolocation",
    "point",
];

pub(super) fn rules() -> Vec<Rule> {
    let degrees = r#"[0-9]{1,3}(?:\.[0-9]{1,8})?[°º] ?(?:[0-9]{1,2}(?:\.[0-9]{1,6})?['′’] ?)?(?:[0-9]{1,2}(?:\.[0-9]{1,6})?["″”] ?)?"#;
    vec![
        Rule::weighed(
            "pii.coordinates",
            Entity::Coordinates,
            r"[+-]?[0-9]{1,2}\.[0-9]{3,15}(?:, ?| |; ?|,\n)[+-]?[0-9]{1,3}\.[0-9]{3,15}(?-u:\b)",
            weigh,
        )
        .with_words(words(WORDS)),
        Rule::fixed(
            "pii.coordinates_degrees",
            Entity::Coordinates,
            format!("{degrees}[NSns](?:,? ?/? ?){degrees}[EWOewo]"),
            0.92,
        ),
        Rule::weighed(
            "pii.coordinate_named",
            Entity::Coordinates,
            r#"(?i-u:lat(?:itude)?|lon(?:g(?:itude)?)?|lng)["']?(?:: ?| ?= ?| )"?(?<value>[+-]?[0-9]{1,3}\.[0-9]{3,15})(?-u:\b)"#,
            |seen| {
                if seen
                    .value
                    .parse::<f64>()
                    .is_ok_and(|degrees| degrees.abs() <= 180.0)
                {
                    0.85
                } else {
                    0.0
                }
            },
        ),
    ]
}

fn weigh(seen: Seen<'_>) -> f32 {
    let numbers: Vec<&str> = seen
        .value
        .split([',', ' ', ';', '\n'])
        .filter(|number| !number.is_empty())
        .collect();
    let [latitude, longitude] = numbers.as_slice() else {
        return 0.0;
    };
    let within = |number: &str, most: f64| {
        number
            .parse::<f64>()
            .is_ok_and(|degrees| degrees.abs() <= most)
    };
    let beside = |char: char| char.is_ascii_digit() || matches!(char, '.' | ',');
    let list = seen.before.trim_end().ends_with(beside)
        || seen.after.trim_start().starts_with(beside)
            && seen.after.contains(|char: char| char.is_ascii_digit());
    if !within(latitude, 90.0) || !within(longitude, 180.0) || list {
        return 0.0;
    }
    let decimals = |number: &str| number.rsplit('.').next().map_or(0, str::len);
    let exact = decimals(latitude) >= 4 && decimals(longitude) >= 4;
    match (seen.is_near(0), exact) {
        (true, _) => 0.93,
        (false, true) => 0.55,
        (false, false) => 0.25,
    }
}
