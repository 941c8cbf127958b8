//! Paths: from the many ways to spell one to the one that is judged.
//!
//! A path is refused rather than repaired. What a library, a shell or a file system may read in
//! two ways (escapes, look-alikes, `..`, variables, trailing dots) has no plain form here.

mod folders;
mod links;
mod spelling;

use std::fmt;

pub(super) use folders::Folders;
pub use links::ReadLink;
pub(super) use spelling::{has_climbing_part, without_escapes};

use super::violation::{Broken, quoted};

const MOST_BYTES: usize = 4096;
const MOST_BYTES_OF_A_PART: usize = 255;

/// A path in its plain form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Plain {
    /// The letter of a drive, in lower case.
    drive: Option<char>,
    absolute: bool,
    parts: Vec<String>,
}

impl fmt::Display for Plain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(drive) = self.drive {
            write!(f, "{drive}:")?;
        }
        if self.absolute {
            f.write_str("/")?;
        } else if self.parts.is_empty() {
            f.write_str(".")?;
        }
        f.write_str(&self.parts.join("/"))
    }
}

impl Plain {
    /// Reads a path without asking where it leads.
    pub(super) fn parse(text: &str) -> Result<Self, Broken> {
        if text.len() > MOST_BYTES {
            let message = format!("a path has at most {MOST_BYTES} bytes; give a shorter one");
            return Err(Broken::new("too_large", message));
        }
        let decoded = without_escapes(text)?;
        spelling::check(&decoded)?;
        let (drive, rest) = split_drive(&decoded)?;
        let absolute = rest.starts_with(['/', '\\']);
        let windows = drive.is_some() || rest.contains('\\');
        let parts = rest
            .split(['/', '\\'])
            .filter(|part| !part.is_empty() && *part != ".")
            .map(|part| {
                spelling::check_part(part, windows)?;
                Ok(part.to_owned())
            })
            .collect::<Result<Vec<_>, Broken>>()?;
        Ok(Plain {
            drive,
            absolute,
            parts,
        })
    }

    /// This path below a folder.
    fn below(mut self, folder: &Plain) -> Self {
        let mut parts = folder.parts.clone();
        parts.append(&mut self.parts);
        Plain {
            drive: folder.drive,
            absolute: folder.absolute,
            parts,
        }
    }

    /// Whether it is this folder or lies below it.
    fn is_within(&self, folder: &Plain) -> bool {
        self.drive == folder.drive
            && self.absolute == folder.absolute
            && self.parts.starts_with(&folder.parts)
    }
}

fn split_drive(text: &str) -> Result<(Option<char>, &str), Broken> {
    let mut symbols = text.chars();
    let (Some(letter), Some(':')) = (symbols.next(), symbols.next()) else {
        return Ok((None, text));
    };
    if !letter.is_ascii_alphabetic() {
        return Ok((None, text));
    }
    let rest = symbols.as_str();
    if !rest.starts_with(['/', '\\']) {
        let message = format!(
            "{} depends on the folder that its drive is in; write it from the root of the drive",
            quoted(text)
        );
        return Err(Broken::new("path_drive", message));
    }
    Ok((Some(letter.to_ascii_lowercase()), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: &str) -> Result<String, &'static str> {
        Plain::parse(text)
            .map(|plain| plain.to_string())
            .map_err(|broken| broken.rule)
    }

    #[test]
    fn a_path_has_one_plain_form() {
        for (text, expected) in [
            ("/data//a/./b/", "/data/a/b"),
            ("reports\\2026\\q1.csv", "reports/2026/q1.csv"),
            ("C:\\Users\\ada\\x.txt", "c:/Users/ada/x.txt"),
            ("My%20Report.pdf", "My Report.pdf"),
            ("Übersicht 2026.pdf", "Übersicht 2026.pdf"),
            ("a..b/..c", "a..b/..c"),
            ("100%.txt", "100%.txt"),
            (".", "."),
            ("./", "."),
        ] {
            assert_eq!(plain(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_can_be_read_in_two_ways_is_refused() {
        for (text, rule) in [
            ("../x", "path_traversal"),
            ("a/..;/b", "path_traversal"),
            ("a/.. /b", "path_traversal"),
            ("a/‥/b", "path_traversal"),
            ("a/．．/b", "path_traversal"),
            ("%2e%2e/x", "path_encoding"),
            ("%252e%252e%252fx", "path_encoding"),
            ("..%c0%afx", "path_encoding"),
            ("a\u{0}b", "path_control"),
            ("a∕b", "path_lookalike"),
            ("~/x", "path_home"),
            ("file:///etc/passwd", "path_scheme"),
            ("\\\\server\\share", "path_network"),
            ("c:x", "path_drive"),
            ("$HOME/x", "path_variable"),
            ("x.txt.", "path_trailing"),
            ("x.txt::$DATA", "path_stream"),
        ] {
            assert_eq!(plain(text), Err(rule), "{text}");
        }
    }
}
