//! Addresses of mail: what RFC 5321 allows, without its quoted, routed and literal forms.

use super::glob;
use super::headers::folds_to_line_break;
use super::violation::{Broken, quoted};

const MOST_BYTES_OF_A_LIST: usize = 16_384;
const MOST_BYTES: usize = 254;
const MOST_BYTES_OF_A_LOCAL_PART: usize = 64;
const MOST_RECIPIENTS: usize = 100;

/// Who may be written to.
#[derive(Debug, Clone, Default)]
pub(super) struct Mailboxes {
    recipients: Vec<String>,
}

impl Mailboxes {
    pub(super) fn new(recipients: &[String]) -> Self {
        Mailboxes {
            recipients: recipients.iter().map(|glob| glob.to_lowercase()).collect(),
        }
    }

    /// The addresses of a text that holds one or several, each with or without the name of a person.
    pub(super) fn check(&self, text: &str) -> Result<Vec<String>, Broken> {
        if text.len() > MOST_BYTES_OF_A_LIST {
            let message = format!(
                "recipients have at most {MOST_BYTES_OF_A_LIST} bytes; send several messages"
            );
            return Err(Broken::new("too_large", message));
        }
        check_line(text)?;
        let entries = split(text)?;
        if entries.len() > MOST_RECIPIENTS {
            let message =
                format!("a message has at most {MOST_RECIPIENTS} recipients; send several");
            return Err(Broken::new("too_large", message));
        }
        entries.iter().map(|entry| self.check_one(entry)).collect()
    }

    fn check_one(&self, entry: &str) -> Result<String, Broken> {
        let address = plain(bare(entry)?)?;
        match glob::any_or_none(&self.recipients, &address) {
            true => Ok(address),
            false => Err(refusal(
                &address,
                "may not be written to with this tool; use an allowed address",
            )),
        }
    }
}

/// Refuses what could begin another header: a subject, the name of a sender.
pub(super) fn check_line(text: &str) -> Result<(), Broken> {
    let breaks = |symbol: char| symbol.is_control() || matches!(symbol, '\u{2028}' | '\u{2029}');
    if text.chars().any(breaks) || folds_to_line_break(text) {
        let message = format!(
            "{} holds a line break or another control character; write it in one line",
            quoted(text)
        );
        return Err(Broken::new("header_injection", message));
    }
    Ok(())
}

/// The entries of a list, cut at commas and semicolons outside of quotes and angle brackets.
fn split(text: &str) -> Result<Vec<&str>, Broken> {
    let (mut quotes, mut escaped, mut angle) = (false, false, false);
    let mut entries = Vec::new();
    let mut start = 0;
    for (at, symbol) in text.char_indices() {
        match symbol {
            _ if escaped => escaped = false,
            '\\' if quotes => escaped = true,
            '"' => quotes = !quotes,
            _ if quotes => {}
            '<' if angle => {
                return Err(refusal(text, "holds `<` twice; give one address at a time"));
            }
            '<' => angle = true,
            '>' if !angle => return Err(refusal(text, "holds `>` without `<`; give one address")),
            '>' => angle = false,
            ',' | ';' if !angle => {
                entries.push(text.get(start..at).unwrap_or_default());
                start = at + 1;
            }
            _ => {}
        }
    }
    if quotes || angle {
        return Err(refusal(text, "is cut short; close its quotes and brackets"));
    }
    entries.push(text.get(start..).unwrap_or_default());
    // A separator at the end begins no entry.
    if entries.len() > 1 && entries.last().is_some_and(|entry| entry.trim().is_empty()) {
        entries.pop();
    }
    Ok(entries)
}

/// The address of an entry, without the name before it.
fn bare(entry: &str) -> Result<&str, Broken> {
    let entry = entry.trim();
    let Some((name, rest)) = entry.rsplit_once('<') else {
        return Ok(entry);
    };
    let Some(address) = rest.strip_suffix('>') else {
        return Err(refusal(
            entry,
            "goes on behind its address; give `Name <name@example.com>`",
        ));
    };
    let name = name.trim();
    let quoted_name = name.len() > 1 && name.starts_with('"') && name.ends_with('"');
    // A name that looks like an address is there to be mistaken for one.
    if name.contains('@') || (!quoted_name && name.contains(['"', ':', '(', ')', '\\'])) {
        return Err(refusal(
            entry,
            "has a name that may be read as an address; leave the name out",
        ));
    }
    Ok(address)
}

fn plain(address: &str) -> Result<String, Broken> {
    let Some((local, domain)) = address.rsplit_once('@') else {
        return Err(refusal(
            address,
            "is no address; give one as `name@example.com`",
        ));
    };
    let atom = |byte: u8| byte.is_ascii_alphanumeric() || b"#$&'*+-/=?^_{}~.".contains(&byte);
    let sound = !local.is_empty()
        && local.len() <= MOST_BYTES_OF_A_LOCAL_PART
        && address.len() <= MOST_BYTES
        && local.bytes().all(atom)
        && !local.starts_with(['.', '-', '/'])
        && !local.ends_with('.')
        && !local.contains("..");
    if !sound {
        return Err(refusal(
            address,
            "is quoted, routed or malformed; give one as `name@example.com`",
        ));
    }
    Ok(format!(
        "{}@{}",
        local.to_ascii_lowercase(),
        plain_domain(address, domain)?
    ))
}

/// The domain as ASCII. What is an address of the network, or has a single label, is refused.
fn plain_domain(address: &str, domain: &str) -> Result<String, Broken> {
    let refused = || {
        refusal(
            address,
            "has no domain of the internet; give one as `name@example.com`",
        )
    };
    if domain.contains('%') {
        return Err(refused());
    }
    let url::Host::Domain(ascii) = url::Host::parse(domain).map_err(|_| refused())? else {
        return Err(refused());
    };
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    let unusual = domain.is_ascii() && !domain.eq_ignore_ascii_case(&ascii)
        || !domain.is_ascii() && !ascii.contains("xn--");
    match ascii.contains('.') && ascii.split('.').all(label) && !unusual {
        true => Ok(ascii),
        false => Err(refused()),
    }
}

fn refusal(text: &str, what: &str) -> Broken {
    Broken::new("email_recipient", format!("{} {what}", quoted(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_found_with_their_names_left_out() {
        let found = Mailboxes::default()
            .check(
                "Ada <Ada@Example.com>, \"Lovelace, A.\" <a.l+x@bücher.example>; bob@example.org,",
            )
            .unwrap();
        assert_eq!(
            found,
            [
                "ada@example.com",
                "a.l+x@xn--bcher-kva.example",
                "bob@example.org"
            ]
        );
    }

    #[test]
    fn what_could_be_another_address_or_header_is_refused() {
        for (text, rule) in [
            ("a@example.com\r\nBcc: b@example.com", "header_injection"),
            ("a@example.com%0abcc:b@example.com", "header_injection"),
            ("a@b@example.com", "email_recipient"),
            ("\"a b\"@example.com", "email_recipient"),
            ("a%b@relay", "email_recipient"),
            ("a@[127.0.0.1]", "email_recipient"),
            ("a@127.0.0.1", "email_recipient"),
            ("a@localhost", "email_recipient"),
            ("boss@example.com <thief@example.net>", "email_recipient"),
            ("team: a@example.com, b@example.com;", "email_recipient"),
            ("a@example.com <", "email_recipient"),
            ("", "email_recipient"),
        ] {
            let found = Mailboxes::default()
                .check(text)
                .map_err(|broken| broken.rule);
            assert_eq!(found, Err(rule), "{text}");
        }
    }

    #[test]
    fn only_those_may_be_written_to_whom_a_glob_names() {
        let mailboxes = Mailboxes::new(&["*@Example.com".to_owned()]);
        assert!(mailboxes.check("a@example.com").is_ok());
        assert!(mailboxes.check("a@example.com.evil.example").is_err());
        assert!(mailboxes.check("a@example.com, b@example.net").is_err());
    }
}
