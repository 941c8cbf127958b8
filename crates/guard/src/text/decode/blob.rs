//! Long words of the alphabets of hexadecimal digits, base32, base64 and base85.

use std::ops::Range;

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::{Budget, Decoded, readable};

/// The shortest word that is looked at, in bytes.
const SHORTEST: usize = 12;

/// How many bytes of a word that is base85 are signs, at least one of so many.
const SIGNS: usize = 8;

const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_allow_trailing_bits(true)
    .with_decode_padding_mode(DecodePaddingMode::Indifferent);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);

pub(super) fn find(text: &str, budget: &mut Budget, found: &mut Vec<Decoded>) {
    let bytes = text.as_bytes();
    let mut start = 0;
    while start < bytes.len() {
        let rest = bytes.get(start..).unwrap_or_default();
        let length = rest.iter().position(u8::is_ascii_whitespace);
        let length = length.unwrap_or(rest.len());
        let mut end = start + length;
        if length >= SHORTEST {
            end = lines(bytes, start, end);
            word(text, start..end, budget, found);
        }
        start = end + 1;
    }
}

/// The end of a word that goes on in the next lines, as encoders break them.
fn lines(bytes: &[u8], start: usize, mut end: usize) -> usize {
    let is_blob = |range: Range<usize>| {
        let word = bytes.get(range).unwrap_or_default();
        !word.is_empty() && word.iter().all(|byte| is_base64(*byte))
    };
    if !is_blob(start..end) {
        return end;
    }
    loop {
        let Some((b'\n', after)) = bytes.get(end..).and_then(<[u8]>::split_first) else {
            return end;
        };
        let length = after.iter().position(u8::is_ascii_whitespace);
        let next = end + 1 + length.unwrap_or(after.len());
        if !is_blob(end + 1..next) {
            return end;
        }
        end = next;
    }
}

fn word(text: &str, span: Range<usize>, budget: &mut Budget, found: &mut Vec<Decoded>) {
    let Some(word) = text.get(span.clone()) else {
        return;
    };
    let mut decoded = None;
    for blob in blobs(word) {
        let part = word.get(blob.clone()).unwrap_or_default();
        let part: String = part.split_ascii_whitespace().collect();
        let span = span.start + blob.start..span.start + blob.end;
        if !is_ordinary(&part) && budget.take(part.len()) {
            decoded = by_alphabet(&part, &span);
            found.extend(decoded.clone());
        }
    }
    if decoded.is_none() && is_base85(word) && budget.take(word.len()) {
        found.extend(base85(word, &span));
    }
}

/// The parts of a word in the alphabet of base64 and long enough.
fn blobs(word: &str) -> Vec<Range<usize>> {
    let bytes = word.as_bytes();
    let mut blobs = Vec::new();
    let mut start = 0;
    for (at, byte) in bytes.iter().chain([&b'"']).enumerate() {
        if is_base64(*byte) || *byte == b'\n' {
            continue;
        }
        if at - start >= SHORTEST {
            blobs.push(start..at);
        }
        start = at + 1;
    }
    blobs
}

fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"+/=_-".contains(&byte)
}

/// Whether it is rather a word or a name than an encoding: letters of one case, also in parts.
fn is_ordinary(part: &str) -> bool {
    let mut parts = part
        .split(['_', '-', '/', '=', '+'])
        .filter(|part| !part.is_empty());
    let plain = |part: &str| {
        let rest = part.get(1..).unwrap_or_default();
        rest.bytes().all(|byte| byte.is_ascii_lowercase())
            || part.bytes().all(|byte| byte.is_ascii_uppercase()) && part.len() < 16
    };
    parts.all(plain)
}

fn by_alphabet(part: &str, span: &Range<usize>) -> Option<Decoded> {
    if part.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return readable("hex", hex::decode(part).ok(), span.clone())
            .or_else(|| bits(part, span))
            .or_else(|| base64(part, span));
    }
    let is_base32 = |byte: u8| matches!(byte, b'A'..=b'Z' | b'2'..=b'7' | b'=');
    if part.bytes().all(is_base32)
        && let Some(decoded) = readable("base32", base32(part), span.clone())
    {
        return Some(decoded);
    }
    base64(part, span)
}

fn base64(part: &str, span: &Range<usize>) -> Option<Decoded> {
    let decode = |engine: &GeneralPurpose, part: &str| {
        let whole = part.trim_end_matches('=');
        engine.decode(whole).ok()
    };
    readable("base64", decode(&STANDARD, part), span.clone())
        .or_else(|| readable("base64", decode(&URL_SAFE, part), span.clone()))
}

/// Zeros and ones without spaces.
fn bits(part: &str, span: &Range<usize>) -> Option<Decoded> {
    let bits: Option<Vec<u8>> = part
        .bytes()
        .map(|byte| matches!(byte, b'0' | b'1').then(|| byte - b'0'))
        .collect();
    let bits = bits?;
    let (bytes, rest) = bits.as_chunks::<8>();
    if !rest.is_empty() {
        return None;
    }
    let bytes = bytes
        .iter()
        .map(|bits| bits.iter().fold(0, |byte, bit| byte << 1 | bit));
    readable("binary", Some(bytes.collect()), span.clone())
}

/// RFC 4648, with or without padding.
fn base32(part: &str) -> Option<Vec<u8>> {
    let (mut held, mut count, mut bytes) = (0_u64, 0, Vec::new());
    for byte in part.trim_end_matches('=').bytes() {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'2'..=b'7' => byte - b'2' + 26,
            _ => return None,
        };
        held = held << 5 & 0xFFFF | u64::from(value);
        count += 5;
        if count >= 8 {
            count -= 8;
            bytes.push((held >> count & 0xFF) as u8);
        }
    }
    Some(bytes)
}

fn is_base85(word: &str) -> bool {
    let signs = word.bytes().filter(u8::is_ascii_punctuation).count();
    word.len() >= 16
        && signs >= word.len().div_ceil(SIGNS)
        && word.bytes().all(|byte| byte.is_ascii_graphic())
        && !word.contains("://")
}

fn base85(word: &str, span: &Range<usize>) -> Option<Decoded> {
    let ascii85 = |byte: u8| (b'!'..=b'u').contains(&byte).then(|| byte - b'!');
    let inner = word.strip_prefix("<~").unwrap_or(word);
    let inner = inner.strip_suffix("~>").unwrap_or(inner);
    readable("ascii85", fives(inner, ascii85), span.clone())
        .or_else(|| readable("base85", fives(word, rfc1924), span.clone()))
}

/// The place of a byte in the alphabet of RFC 1924.
fn rfc1924(byte: u8) -> Option<u8> {
    const SIGNS: &[u8] = b"!#$%&()*+-;<=>?@^_`{|}~";
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'A'..=b'Z' => Some(byte - b'A' + 10),
        b'a'..=b'z' => Some(byte - b'a' + 36),
        _ => {
            let at = SIGNS.iter().position(|sign| *sign == byte)?;
            u8::try_from(at + 62).ok()
        }
    }
}

/// Five digits to the base of 85 are four bytes.
fn fives(word: &str, digit: impl Fn(u8) -> Option<u8>) -> Option<Vec<u8>> {
    let digits: Vec<u8> = word.bytes().map(digit).collect::<Option<_>>()?;
    let mut bytes = Vec::with_capacity(digits.len());
    for group in digits.chunks(5) {
        let missing = 5 - group.len();
        let padded = group
            .iter()
            .copied()
            .chain(std::iter::repeat_n(84, missing));
        let value = padded.fold(0_u64, |value, digit| value * 85 + u64::from(digit));
        let value = u32::try_from(value).ok()?;
        let whole = value.to_be_bytes();
        bytes.extend(whole.iter().take(4 - missing.min(4)));
    }
    Some(bytes)
}
