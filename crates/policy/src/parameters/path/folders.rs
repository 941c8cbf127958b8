//! Where paths may lie.

use crate::parameters::characters::folded;
use crate::parameters::glob::with_wildcards;
use crate::parameters::violation::{Broken, quoted};

use super::Plain;

/// Folders of the system that no tool has business in.
const SYSTEM: &[&[&str]] = &[
    &["etc"],
    &["root"],
    &["proc"],
    &["sys"],
    &["dev"],
    &["boot"],
    &["run"],
    &["var", "log"],
    &["var", "run"],
    &["var", "spool"],
    &["var", "lib", "docker"],
    &["var", "lib", "kubelet"],
    &["private", "etc"],
    &["private", "var", "log"],
    &["private", "var", "root"],
    &["library", "keychains"],
];

/// Folders of Windows, on every drive.
const WINDOWS: &[&[&str]] = &[
    &["windows"],
    &["winnt"],
    &["program files"],
    &["program files (x86)"],
    &["programdata"],
    &["system volume information"],
    &["boot"],
];

/// Names that hold the credentials of a person, wherever they lie.
const CREDENTIALS: &[&[&str]] = &[
    &[".ssh"],
    &[".aws"],
    &[".gnupg"],
    &[".kube"],
    &[".docker"],
    &[".azure"],
    &[".password-store"],
    &[".config", "gcloud"],
    &[".config", "gh"],
    &[".local", "share", "keyrings"],
    &[".netrc"],
    &["_netrc"],
    &[".pgpass"],
    &[".my.cnf"],
    &[".npmrc"],
    &[".pypirc"],
    &[".git-credentials"],
    &[".htpasswd"],
    &[".env"],
    &[".bash_history"],
    &[".zsh_history"],
    &[".mysql_history"],
    &[".psql_history"],
    &[".python_history"],
    &["id_rsa"],
    &["id_dsa"],
    &["id_ecdsa"],
    &["id_ed25519"],
];

/// Where the paths of one parameter may lie.
#[derive(Debug, Clone, Default)]
pub(in crate::parameters) struct Folders {
    roots: Vec<Plain>,
    restricted: Vec<Plain>,
}

impl Folders {
    /// Reads the folders that are declared. Roots must be absolute.
    pub(in crate::parameters) fn new(
        roots: &[String],
        restricted: &[String],
    ) -> Result<Self, Broken> {
        let read = |folders: &[String]| {
            folders
                .iter()
                .map(|folder| Plain::parse(folder))
                .collect::<Result<Vec<_>, _>>()
        };
        let roots_read = read(roots)?;
        if let Some((_, text)) = roots_read
            .iter()
            .zip(roots)
            .find(|(root, _)| !root.absolute)
        {
            let message = format!(
                "the root {} is not absolute; begin it with `/`",
                quoted(text)
            );
            return Err(Broken::new("path_outside_roots", message));
        }
        let restricted = read(restricted)?;
        if restricted
            .iter()
            .any(|folder| !folder.absolute && folder.parts.is_empty())
        {
            let message = "an empty restricted folder restricts nothing; name one, or leave it out";
            return Err(Broken::new("path_restricted", message));
        }
        Ok(Folders {
            roots: roots_read,
            restricted,
        })
    }

    /// The plain form of a path, if it lies where it may.
    pub(in crate::parameters) fn check(&self, text: &str) -> Result<Plain, Broken> {
        let mut path = Plain::parse(text)?;
        if let (false, Some(root)) = (path.absolute, self.roots.first()) {
            path = path.below(root);
        }
        self.admit(&path)?;
        Ok(path)
    }

    /// The roots, and what is restricted, with other roots.
    pub(super) fn with_roots(&self, roots: Vec<Plain>) -> Self {
        Folders {
            roots,
            restricted: self.restricted.clone(),
        }
    }

    pub(super) fn roots(&self) -> &[Plain] {
        &self.roots
    }

    pub(super) fn admit(&self, path: &Plain) -> Result<(), Broken> {
        let root = self.roots.iter().filter(|root| path.is_within(root));
        let deepest = root.max_by_key(|root| root.parts.len());
        if deepest.is_none() && !self.roots.is_empty() {
            let roots: Vec<_> = self.roots.iter().take(3).map(ToString::to_string).collect();
            let message = format!(
                "{} lies outside of the allowed folders; give a path below `{}`",
                quoted(&path.to_string()),
                roots.join("`, `")
            );
            return Err(Broken::new("path_outside_roots", message));
        }
        if self.is_restricted(path, deepest) {
            let message = format!(
                "{} lies in a restricted folder; give a path outside of it",
                quoted(&path.to_string())
            );
            return Err(Broken::new("path_restricted", message));
        }
        Ok(())
    }

    fn is_restricted(&self, path: &Plain, root: Option<&Plain>) -> bool {
        let parts: Vec<_> = path.parts.iter().map(|part| folded(part)).collect();
        let parts: Vec<&str> = parts.iter().map(AsRef::as_ref).collect();
        let depth = root.map_or(0, |root| root.parts.len());
        let whole_disk = path.absolute && parts.is_empty() && root.is_none();
        whole_disk
            || (path.absolute && self.of_the_system(path, &parts, depth))
            || CREDENTIALS
                .iter()
                .any(|names| aims_at(&parts, names, depth))
            || self.restricted.iter().any(|folder| {
                let names: Vec<_> = folder.parts.iter().map(|part| folded(part)).collect();
                let names: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
                match folder.absolute {
                    true => path.absolute && path.drive == folder.drive && begins(&parts, &names),
                    false => holds(&parts, &names, 0),
                }
            })
    }

    /// Whether it lies in a folder of the system that no root reaches into.
    fn of_the_system(&self, path: &Plain, parts: &[&str], depth: usize) -> bool {
        let folders = match path.drive {
            None => SYSTEM,
            Some(_) => WINDOWS,
        };
        folders
            .iter()
            .any(|names| depth < names.len() && begins(parts, names))
    }
}

/// Whether the path begins with these names.
fn begins(parts: &[&str], names: &[&str]) -> bool {
    parts.len() >= names.len()
        && parts
            .iter()
            .zip(names)
            .all(|(part, name)| may_be(part, name))
}

/// Whether these names stand one after the other somewhere in the path, and reach below the first
/// `depth` parts, which a root has named itself.
fn holds(parts: &[&str], names: &[&str], depth: usize) -> bool {
    parts.windows(names.len()).enumerate().any(|(at, window)| {
        at + names.len() > depth
            && window
                .iter()
                .zip(names)
                .all(|(part, name)| may_be(part, name))
    })
}

/// The same for names that may lie anywhere: `*` alone, which would be each of them, is none.
fn aims_at(parts: &[&str], names: &[&str], depth: usize) -> bool {
    let says_something = |part: &&str| part.contains(|symbol: char| symbol.is_alphanumeric());
    holds(parts, names, depth)
        && parts.windows(names.len()).any(|window| {
            window
                .iter()
                .zip(names)
                .all(|(part, name)| may_be(part, name) && says_something(part))
        })
}

/// Whether a part of a path, which a tool may expand as a glob, may be this name. Wildcards do not
/// stand for the dot at the beginning of a name.
fn may_be(part: &str, name: &str) -> bool {
    if part == name {
        return true;
    }
    if !part.contains(['*', '?', '[', '{']) {
        return false;
    }
    if name.starts_with('.') && part.starts_with(['*', '?', '[']) {
        return false;
    }
    with_wildcards(&without_brackets(part), name)
}

/// A pattern with `?` for each set and `*` for each choice.
fn without_brackets(part: &str) -> String {
    let mut pattern = String::with_capacity(part.len());
    let mut rest = part;
    while let Some(at) = rest.find(['[', '{']) {
        let (before, from) = rest.split_at(at);
        pattern.push_str(before);
        let (wildcard, close) = match from.starts_with('[') {
            true => ('?', ']'),
            false => ('*', '}'),
        };
        match from.split_once(close) {
            Some((_, after)) => {
                pattern.push(wildcard);
                rest = after;
            }
            None => {
                pattern.push_str(from);
                rest = "";
            }
        }
    }
    pattern.push_str(rest);
    pattern
}
