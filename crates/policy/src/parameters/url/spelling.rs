//! How a URL may be spelled, so that all parsers read it alike.

use url::Host;

use crate::parameters::characters;
use crate::parameters::path::has_climbing_part;
use crate::parameters::violation::Broken;

use super::{MOST_BYTES, refusal};

/// The text between `//` and the path, if the text is an absolute URL that all parsers cut alike.
pub(super) fn authority(text: &str) -> Result<&str, Broken> {
    if text.len() > MOST_BYTES {
        let message = format!("a URL has at most {MOST_BYTES} bytes; give a shorter one");
        return Err(Broken::new("too_large", message));
    }
    if text
        .chars()
        .any(|symbol| symbol.is_whitespace() || characters::is_unprintable(symbol))
    {
        return Err(refusal(
            "url_control",
            text,
            "holds white space or characters that cannot be seen; leave them out or escape them",
        ));
    }
    let Some((_, rest)) = text.split_once("://") else {
        return Err(refusal(
            "url_invalid",
            text,
            "is no absolute URL; begin it with `https://`",
        ));
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let authority = rest.get(..end).unwrap_or_default();
    let before_query = text.split(['?', '#']).next().unwrap_or_default();
    if authority.is_empty() || before_query.contains('\\') {
        return Err(refusal(
            "url_invalid",
            text,
            "is read differently by different programs; write it as `https://host/path`",
        ));
    }
    if authority.chars().any(characters::looks_like_slash) {
        return Err(refusal(
            "url_lookalike",
            text,
            "holds a character that looks like `/` in its host; write the host itself",
        ));
    }
    if authority.contains('@') {
        return Err(refusal(
            "url_userinfo",
            text,
            "carries a user name or a password; leave out what stands before `@`",
        ));
    }
    Ok(authority)
}

/// Refuses hosts that only become what they are by decoding: `0x7f.1`, `①②⑦.0.0.1`, `%31`.
pub(super) fn spelled_plainly(
    authority: &str,
    host: &Host<&str>,
    text: &str,
) -> Result<(), Broken> {
    let spelled = match (authority.starts_with('['), authority.rfind(':')) {
        (true, _) => authority.split_inclusive(']').next().unwrap_or(authority),
        (false, Some(colon)) => authority.get(..colon).unwrap_or(authority),
        (false, None) => authority,
    };
    let plain = match host {
        Host::Ipv4(address) => spelled.trim_end_matches('.') == address.to_string(),
        Host::Ipv6(_) => !spelled.contains('%'),
        Host::Domain(name) => {
            !spelled.contains('%')
                && !name.ends_with("..")
                && (spelled.eq_ignore_ascii_case(name)
                    || !spelled.is_ascii() && name.contains("xn--") && keeps_ascii(spelled, name))
        }
    };
    match plain {
        true => Ok(()),
        false => Err(refusal(
            "url_lookalike",
            text,
            "spells its host in an unusual way; write the host itself",
        )),
    }
}

/// Whether every label of a host that turned into ASCII letters was written in ASCII.
fn keeps_ascii(spelled: &str, name: &str) -> bool {
    let (spelled, name): (Vec<_>, Vec<_>) =
        (spelled.split('.').collect(), name.split('.').collect());
    spelled.len() == name.len()
        && spelled
            .iter()
            .zip(&name)
            .all(|(spelled, name)| name.starts_with("xn--") || spelled.eq_ignore_ascii_case(name))
}

pub(super) fn name_of(host: &Host<&str>) -> String {
    match host {
        Host::Domain(name) => name.trim_end_matches('.').to_owned(),
        address => address.to_string(),
    }
}

/// The path, if it does not lead up once its escapes are read.
pub(super) fn path_of(url: &url::Url, text: &str) -> Result<String, Broken> {
    let before_query = text.split(['?', '#']).next().unwrap_or_default();
    let written = before_query
        .split_once("://")
        .and_then(|(_, rest)| rest.split_once('/'))
        .map_or("", |(_, path)| path);
    if climbs_once_decoded(written) {
        return Err(refusal(
            "url_path",
            text,
            "leads up in its path; write the path without `..`",
        ));
    }
    match url.path() {
        "" => Ok("/".to_owned()),
        path => Ok(path.to_owned()),
    }
}

/// Whether a path leads up in any reading of its escapes.
pub(in crate::parameters) fn climbs_once_decoded(path: &str) -> bool {
    let mut current = path.to_owned();
    for _ in 0..4 {
        if has_climbing_part(&current) {
            return true;
        }
        let next = percent_decoded(&current);
        if next == current {
            return false;
        }
        current = next;
    }
    true
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        let escaped = match (byte, tail) {
            (b'%', [high, low, ..]) => [*high, *low].iter().try_fold(0, |value, digit| {
                Some(value * 16 + char::from(*digit).to_digit(16)?)
            }),
            _ => None,
        };
        match escaped.and_then(|value| u8::try_from(value).ok()) {
            Some(decoded) => {
                bytes.push(decoded);
                rest = tail.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(byte);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
