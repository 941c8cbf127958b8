//! Single values of the kinds that fields may have.

use super::RequestError;
use super::content::{expect, string, wrong};
use crate::scan::{Kind, Scanner};

pub(super) fn names_audio(scanner: &mut Scanner<'_>) -> Result<bool, RequestError> {
    if skip_if_null(scanner)? {
        return Ok(false);
    }
    expect(scanner, Kind::Array, "modalities")?;
    let mut audio = false;
    scanner.array(|scanner, index| {
        let word = string(scanner, &format!("modalities[{index}]"))?;
        audio |= word.decoded() != "text";
        Ok::<(), RequestError>(())
    })?;
    Ok(audio)
}

/// Reads past a value; says whether it was `null` (or an explicit no).
pub(super) fn skip_null(scanner: &mut Scanner<'_>) -> Result<bool, RequestError> {
    let null = scanner.kind()? == Kind::Null;
    scanner.skip()?;
    Ok(null)
}

/// Reads past a `null`, and nothing else.
pub(super) fn skip_if_null(scanner: &mut Scanner<'_>) -> Result<bool, RequestError> {
    let null = scanner.kind()? == Kind::Null;
    if null {
        scanner.null()?;
    }
    Ok(null)
}

pub(super) fn boolean(
    scanner: &mut Scanner<'_>,
    field: &str,
) -> Result<Option<bool>, RequestError> {
    match scanner.kind()? {
        Kind::Null => scanner.null().map(|()| None).map_err(Into::into),
        Kind::Bool => Ok(Some(scanner.boolean()?)),
        found => Err(wrong(field, "true or false", found)),
    }
}

pub(super) fn text(scanner: &mut Scanner<'_>, field: &str) -> Result<Option<String>, RequestError> {
    if skip_if_null(scanner)? {
        return Ok(None);
    }
    Ok(Some(string(scanner, field)?.decoded().into_owned()))
}

pub(super) fn whole(
    scanner: &mut Scanner<'_>,
    field: &str,
    least: u64,
    most: u64,
) -> Result<Option<u64>, RequestError> {
    match scanner.kind()? {
        Kind::Null => scanner.null().map(|()| None).map_err(Into::into),
        Kind::Number => {
            let value = scanner
                .number()?
                .parse()
                .ok()
                .filter(|value| (least..=most).contains(value));
            value.map(Some).ok_or_else(|| RequestError::OutOfRange {
                field: field.to_owned(),
                least,
                most,
            })
        }
        found => Err(wrong(field, "a whole number", found)),
    }
}
