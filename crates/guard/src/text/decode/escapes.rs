//! Escapes among plain letters: of URLs, of HTML, of programming languages, of e-mails.

use super::{Budget, Decoded};

/// The fewest escapes that are looked at.
const FEWEST: usize = 3;

/// Reads one escape at the beginning of a text: what it stands for, and its length.
type Read = fn(&str) -> Option<(u32, usize)>;

const ESCAPES: &[(u8, &str, Read)] = &[
    (b'%', "url", url),
    (b'&', "entities", entity),
    (b'\\', "escapes", escape),
    (b'=', "quoted_printable", quoted_printable),
];

pub(super) fn find(text: &str, budget: &mut Budget, found: &mut Vec<Decoded>) {
    for (mark, name, read) in ESCAPES {
        let count = text.bytes().filter(|byte| byte == mark).count();
        if count >= FEWEST && budget.take(text.len()) {
            found.extend(replaced(text, *mark, name, *read));
        }
    }
}

/// The text with its escapes replaced, if there are enough of them.
fn replaced(text: &str, mark: u8, name: &'static str, read: Read) -> Option<Decoded> {
    let bytes = text.as_bytes();
    let mut plain = Vec::with_capacity(text.len());
    let (mut count, mut first, mut last) = (0, None, 0);
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let broken = soft_break(bytes, at).filter(|_| mark == b'=');
        if let Some(length) = broken {
            at += length;
            continue;
        }
        let rest = text.get(at..).filter(|_| *byte == mark);
        let Some((code, length)) = rest.and_then(read) else {
            plain.push(*byte);
            at += 1;
            continue;
        };
        push(code, mark, &mut plain);
        count += 1;
        first.get_or_insert(at);
        at += length;
        last = at;
    }
    let text = String::from_utf8_lossy(&plain).into_owned();
    (count >= FEWEST).then_some(Decoded {
        encoding: name,
        text,
        span: first?..last,
    })
}

/// The length of a line break that only the encoding put there.
fn soft_break(bytes: &[u8], at: usize) -> Option<usize> {
    match bytes.get(at..)? {
        [b'=', b'\n', ..] => Some(2),
        [b'=', b'\r', b'\n', ..] => Some(3),
        _ => None,
    }
}

/// Escapes of bytes are bytes, those of characters are characters.
fn push(code: u32, mark: u8, into: &mut Vec<u8>) {
    match u8::try_from(code) {
        Ok(byte) if byte.is_ascii() || matches!(mark, b'%' | b'=') => into.push(byte),
        _ => {
            let char = char::from_u32(code).filter(|_| code != 0);
            let mut buffer = [0; 4];
            let char = char.unwrap_or(' ');
            into.extend(char.encode_utf8(&mut buffer).bytes());
        }
    }
}

fn hex(digits: Option<&str>) -> Option<u32> {
    let digits = digits?;
    let valid = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    valid
        .then(|| u32::from_str_radix(digits, 16).ok())
        .flatten()
}

fn url(text: &str) -> Option<(u32, usize)> {
    Some((hex(text.get(1..3))?, 3))
}

fn quoted_printable(text: &str) -> Option<(u32, usize)> {
    match text.as_bytes().get(1..3)? {
        digits if digits.iter().any(u8::is_ascii_lowercase) => None,
        _ => Some((hex(text.get(1..3))?, 3)),
    }
}

/// `\x69`, `\u0069`, `\u{69}`, `\U00000069`, `\n`.
fn escape(text: &str) -> Option<(u32, usize)> {
    match text.as_bytes().get(1)? {
        b'x' => Some((hex(text.get(2..4))?, 4)),
        b'u' if text.as_bytes().get(2) == Some(&b'{') => {
            let close = text.bytes().take(12).position(|byte| byte == b'}')?;
            Some((hex(text.get(3..close))?, close + 1))
        }
        b'u' => Some((hex(text.get(2..6))?, 6)),
        b'U' => Some((hex(text.get(2..10))?, 10)),
        b'n' | b'r' | b't' => Some((u32::from(b' '), 2)),
        _ => None,
    }
}

/// `&#105;`, `&#x69;` and the names that texts need.
fn entity(text: &str) -> Option<(u32, usize)> {
    let close = text.bytes().take(12).position(|byte| byte == b';')?;
    let name = text.get(1..close)?;
    let code = match name.strip_prefix('#') {
        Some(number) => match number.strip_prefix(['x', 'X']) {
            Some(digits) => hex(Some(digits))?,
            None => number.parse().ok()?,
        },
        None => match name {
            "nbsp" => u32::from(b' '),
            "lt" => u32::from(b'<'),
            "gt" => u32::from(b'>'),
            "amp" => u32::from(b'&'),
            "quot" => u32::from(b'"'),
            "apos" => u32::from(b'\''),
            _ => return None,
        },
    };
    Some((code, close + 1))
}
