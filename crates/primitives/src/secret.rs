//! Values that must never be printed.

use std::fmt;

use zeroize::Zeroizing;

/// A text that shows as `***` everywhere and is wiped from memory when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes a secret into custody.
    pub fn new(value: String) -> Self {
        Secret(Zeroizing::new(value))
    }

    /// The secret itself, for the one place that must send or hash it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What may be shown of it: the part up to the first hyphen and `***` (`sk-***`).
    pub fn masked(&self) -> String {
        match self.0.split_once('-') {
            Some((prefix, _)) if !prefix.is_empty() && prefix.len() <= 8 => format!("{prefix}-***"),
            _ => "***".to_owned(),
        }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl From<String> for Secret {
    fn from(value: String) -> Self {
        Secret::new(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_never_prints_itself() {
        let secret = Secret::new("sk-proj-abcdef".to_owned());
        assert_eq!(format!("{secret} {secret:?}"), "*** ***");
        assert_eq!(secret.masked(), "sk-***");
        assert_eq!(Secret::new("abcdefghijklm-x".to_owned()).masked(), "***");
        assert_eq!(Secret::new("abcdef".to_owned()).masked(), "***");
    }
}
