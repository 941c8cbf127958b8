use std::fmt;

use super::violation::{Broken, quoted};

/// Where a value stands, as a JSON Pointer (RFC 6901), while the arguments are walked.
#[derive(Debug, Default)]
pub(super) struct Pointer(String);

impl Pointer {
    /// Steps into a member and gives what [`Pointer::truncate`] needs to step out again.
    pub(super) fn push(&mut self, name: &str) -> usize {
        let length = self.0.len();
        self.0.push('/');
        self.0.push_str(&escaped(name));
        length
    }

    pub(super) fn push_index(&mut self, index: usize) -> usize {
        let length = self.0.len();
        self.0.push('/');
        self.0.push_str(&index.to_string());
        length
    }

    pub(super) fn truncate(&mut self, length: usize) {
        self.0.truncate(length);
    }

    pub(super) fn is_root(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// Where a declared parameter stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pattern {
    /// The parts, escaped as in a pointer. `*` stands for every member.
    parts: Vec<String>,
    /// The name, if it is one.
    single: Option<String>,
}

impl Pattern {
    pub(super) fn parse(text: &str) -> Result<Self, Broken> {
        let Some(parts) = text.strip_prefix('/') else {
            if text.is_empty() {
                let message =
                    "a parameter has a name, or a pointer such as `/files/*/path`; give one";
                return Err(Broken::new("parameter", message));
            }
            return Ok(Pattern {
                parts: vec![escaped(text)],
                single: Some(text.to_owned()),
            });
        };
        let parts: Vec<String> = parts.split('/').map(str::to_owned).collect();
        if parts.iter().any(|part| has_stray_tilde(part)) {
            let message = format!(
                "{} is no JSON Pointer; write `~0` for `~` and `~1` for `/` in a name",
                quoted(text)
            );
            return Err(Broken::new("parameter", message));
        }
        let single = match parts.as_slice() {
            [one] if one != "*" => Some(one.replace("~1", "/").replace("~0", "~")),
            _ => None,
        };
        Ok(Pattern { parts, single })
    }

    pub(super) fn matches(&self, pointer: &Pointer) -> bool {
        let Some(parts) = pointer.0.strip_prefix('/') else {
            return false;
        };
        let mut there = parts.split('/');
        self.parts.iter().all(|expected| {
            there
                .next()
                .is_some_and(|part| expected == part || (expected == "*" && self.single.is_none()))
        }) && there.next().is_none()
    }

    /// The name of the argument, if the parameter is one of the call itself.
    pub(super) fn single(&self) -> Option<&str> {
        self.single.as_deref()
    }
}

fn has_stray_tilde(part: &str) -> bool {
    part.split('~')
        .skip(1)
        .any(|after| !after.starts_with(['0', '1']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_finds_names_and_members() {
        let mut pointer = Pointer::default();
        pointer.push("files");
        pointer.push_index(3);
        pointer.push("a/b");
        for (pattern, expected) in [
            ("/files/*/a~1b", true),
            ("/files/3/a~1b", true),
            ("/files/*", false),
            ("files", false),
            ("/files/*/*", true),
            ("/files/*/a/b", false),
        ] {
            assert_eq!(
                Pattern::parse(pattern).unwrap().matches(&pointer),
                expected,
                "{pattern}"
            );
        }
        assert!(Pattern::parse("/a~2").is_err());
    }
}
