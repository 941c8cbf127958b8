//! Reading the texts of a query: orders, words and dates.

use iron_net::problem::Problem;
use iron_primitives::Timestamp;
use iron_store::Sort;

/// The order that a query asks for, or the newest first.
pub(crate) fn sort(
    text: Option<&str>,
    allowed: &[(&'static str, &'static str)],
    default: Sort,
) -> Result<Sort, Problem> {
    match text {
        None => Ok(default),
        Some(text) => {
            Sort::parse(text, allowed).map_err(|error| Problem::field("sort", error.to_string()))
        }
    }
}

/// Comma-separated words of a closed set; none if the parameter is absent.
pub(crate) fn words<T>(
    name: &'static str,
    text: Option<&str>,
    allowed: &[(&str, T)],
) -> Result<Vec<T>, Problem>
where
    T: Copy,
{
    let read = |word: &str| {
        let found = allowed.iter().find(|(known, _)| *known == word.trim());
        found.map(|(_, value)| *value).ok_or_else(|| {
            let known: Vec<String> = allowed
                .iter()
                .map(|(word, _)| format!("`{word}`"))
                .collect();
            Problem::field(
                name,
                format!("expected one or several of {}", known.join(", ")),
            )
        })
    };
    text.map_or_else(
        || Ok(Vec::new()),
        |text| text.split(',').map(read).collect(),
    )
}

/// A date or a timestamp as an instant; a date is its beginning in UTC.
pub(crate) fn instant(
    name: &'static str,
    text: Option<&str>,
) -> Result<Option<Timestamp>, Problem> {
    let Some(text) = text else { return Ok(None) };
    let whole = if text.len() == 10 {
        format!("{text}T00:00:00Z")
    } else {
        text.to_owned()
    };
    whole.parse().map(Some).map_err(|_| {
        let expected = "expected a date `2025-12-10` or a timestamp `2025-12-10T10:30:45.123Z`";
        Problem::field(name, expected)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_its_beginning() {
        let read = |text| {
            instant("start_date", Some(text))
                .ok()
                .flatten()
                .map(|at| at.to_string())
        };
        assert_eq!(
            read("2025-12-10").as_deref(),
            Some("2025-12-10T00:00:00.000Z")
        );
        assert_eq!(
            read("2025-12-10T10:30:45Z").as_deref(),
            Some("2025-12-10T10:30:45.000Z")
        );
        assert_eq!(read("2025-13-10"), None);
        assert_eq!(read("yesterday"), None);
    }

    #[test]
    fn one_wrong_word_is_told_with_the_right_ones() {
        let allowed = [("active", 1), ("revoked", 2)];
        assert_eq!(
            words("status", Some("revoked, active"), &allowed).ok(),
            Some(vec![2, 1])
        );
        let problem = words("status", Some("gone"), &allowed).expect_err("no such word");
        assert!(problem.wrong_fields()["status"].contains("`active`, `revoked`"));
    }
}
